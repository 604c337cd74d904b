import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";
import { UsersFolder } from "./usersFolder";

const MIB = 2 ** 20;
const FILE_BYTES = 96 * MIB;
/** Of JavaScript's objects, which a process of its own may not exceed. */
const HEAP_MIB = 32;
/** Of buffers, which no option limits: what is done with waits for the garbage collector. */
const BUFFER_BYTES = 64 * MIB;

/** Reads a source twice over; prints how many users it has, and the most that buffers took. */
const READER = `
  const { openSource } = require(process.argv[1]);
  let most = 0;
  const look = ({ index }) => {
    if (index % 500 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers);
  };
  (async () => {
    const source = await openSource([process.argv[2]], process.cwd(), { onRecord: look, transform: process.argv[3] });
    for await (const record of source.records()) look(record);
    await source.close();
    console.log(JSON.stringify({ users: source.users, most }));
  })();
`;

describe("openSource on files larger than memory", () => {
  let folder: UsersFolder;
  before(async () => {
    folder = await UsersFolder.create();
  });
  after(() => folder.remove());

  const note = "x".repeat(2000);
  const forms: Record<string, { start: string; record: (number: number) => string; end: string; packed?: boolean }> = {
    "users.ndjson": { start: "", record: (n) => `{"email":"${n}@example.com","name":"${note}"}\n`, end: "" },
    "users.json": {
      start: '[{"email":"x"}',
      record: (n) => `,{"email":"${n}@example.com","name":"${note}"}`,
      end: "]",
    },
    "users.csv": { start: "email,name\n", record: (n) => `${n}@example.com,"${note}"\n`, end: "" },
    "users.csv.gz": { start: "email,name\n", record: (n) => `${n}@example.com,${note}\n`, end: "", packed: true },
  };

  async function write(name: string): Promise<number> {
    const { start, record, end, packed } = forms[name] as (typeof forms)[string];
    const count = Math.floor(FILE_BYTES / record(0).length);
    function* pieces() {
      yield start;
      for (let number = 0; number < count; number++) yield record(number);
      yield end;
    }
    const file = createWriteStream(join(folder.path, name));
    const text = Readable.from(pieces());
    await (packed ? pipeline(text, createGzip({ level: 1 }), file) : pipeline(text, file));
    return count;
  }

  async function read(name: string, ...transform: string[]): Promise<{ users: number; most: number }> {
    const source = resolve(__dirname, "../../provider/source");
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [`--max-old-space-size=${HEAP_MIB}`, "-e", READER, source, name, ...transform],
      { cwd: folder.path },
    );
    return JSON.parse(stdout);
  }

  for (const name of Object.keys(forms)) {
    it(name, async () => {
      const count = await write(name);
      const { users, most } = await read(name);
      assert.equal(users, name === "users.json" ? count + 1 : count);
      assert.ok(most < BUFFER_BYTES, `${most} bytes of buffers`);
    });
  }

  it("users.ndjson, through a transform", async () => {
    const count = await write("users.ndjson");
    await folder.write("map.mjs", "export default async (record) => record;");
    const { users, most } = await read("users.ndjson", "map.mjs");
    assert.equal(users, count);
    assert.ok(most < BUFFER_BYTES, `${most} bytes of buffers`);
  });
});
