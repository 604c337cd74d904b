// Writes what an old system might export: `node generate-export.mjs [USERS] [PARTS]`, by default 100,000 people in ten
// gzipped NDJSON files under export/. The same numbers give the same people.
import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, rmSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

const [users = 100_000, parts = 10] = process.argv.slice(2).map(Number);
const folder = new URL("export/", import.meta.url);
const perPart = Math.ceil(users / parts);

function person(number) {
  // Pseudo-random, and this person's own.
  const bytes = createHash("sha512").update(`person ${number}`).digest();
  const city = ["Aarhus", "Bologna", "Coimbra", "Dresden", "Espoo"][bytes[0] % 5];
  return {
    user_id: `shop-${String(number).padStart(8, "0")}`,
    email: `person.${number}@example.com`,
    email_verified: bytes[1] % 10 > 0,
    name: `Person Number ${number}`,
    user_metadata: { city, newsletter: bytes[2] % 3 === 0 },
    app_metadata: { customer: number, status: bytes[3] % 10 > 0 ? "open" : "closed" },
    custom_password_hash: {
      algorithm: "sha256",
      hash: { value: bytes.toString("hex", 0, 32), encoding: "hex" },
      salt: { value: bytes.toString("hex", 32, 40), encoding: "hex" },
    },
  };
}

function* ndjson(from, to) {
  for (let number = from; number < to; number++) yield `${JSON.stringify(person(number))}\n`;
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
for (let part = 0; part < parts; part++) {
  const file = new URL(`part-${String(part).padStart(3, "0")}.ndjson.gz`, folder);
  const lines = Readable.from(ndjson(part * perPart, Math.min((part + 1) * perPart, users)));
  await pipeline(lines, createGzip(), createWriteStream(file, { mode: 0o600 }));
}
