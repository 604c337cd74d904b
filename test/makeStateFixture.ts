// `npm run fixture:state`: imports a few users with this version, and keeps the stack as test/fixtures/state-X.Y.json.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { EmulatorProcess } from "./support/emulator";
import { FIXTURES, type StateFixture } from "./support/stateFixture";
import { Workspace } from "./support/workspace";

const { version } = require("../../package.json") as { version: string };

const PROGRAM = `const { UserImport } = require("pulumi-auth0-user-import");

const everyone = new UserImport("everyone", { connectionId: "con_0000000000000001", users: "users.ndjson", batches: 2 });

exports.summary = everyone.summary;
exports.failedRecords = everyone.failedRecords;
exports.failedRecordsFile = everyone.failedRecordsFile;
`;

/** With and without an id of their own, with every group of attributes, and two without an email. */
const USERS = Array.from({ length: 12 }, (_, i) => ({
  ...(i % 3 === 0 && { user_id: `auth0|customer${i}` }),
  email: i % 6 === 5 ? `nobody${i}` : `person${i}@example.com`,
  email_verified: i % 2 === 0,
  given_name: `Given${i}`,
  user_metadata: { language: "en", number: i },
  app_metadata: { roles: ["customer"] },
  ...(i % 4 === 1 && { mfa_factors: [{ phone: { value: `+4930901820${10 + i}` } }] }),
  custom_password_hash: {
    algorithm: "bcrypt",
    hash: { value: "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG" },
  },
}));

async function main(): Promise<void> {
  const files = { "index.js": PROGRAM, "users.ndjson": USERS.map((user) => `${JSON.stringify(user)}\n`).join("") };
  const emulator = await EmulatorProcess.start("--users-per-second", "0");
  const program = await Workspace.create({
    files,
    config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
    secrets: { "auth0:clientSecret": "emulator" },
  });
  try {
    await program.succeed(["up", "--yes", "--skip-preview"]);
    const fixture: StateFixture = { version, files, stack: JSON.parse(await program.exportStack()) };
    const name = `state-${version.split(".").slice(0, 2).join(".")}.json`;
    writeFileSync(path.join(FIXTURES, name), `${JSON.stringify(fixture, null, 2)}\n`);
    console.log(`test/fixtures/${name} is a stack of version ${version}`);
  } finally {
    program.remove();
    await emulator.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
