import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Emulator, startEmulator } from "../../emulator";
import { findPulumi } from "../../tools/findPulumi";
import type { Finished } from "../support/run";
import { Workspace } from "../support/workspace";

// What a person reads at each kind of change, kept in snapshots/. UPDATE_SNAPSHOTS=1 writes them anew: read the diff.

const SNAPSHOTS = path.resolve(__dirname, "../../../test/e2e/snapshots");
const HASH = "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG";

const program = (connection: number) => `const { UserImport } = require("pulumi-auth0-user-import");
new UserImport("everyone", { connectionId: "con_${String(connection).padStart(16, "0")}", users: "users.ndjson", batches: 2 });
`;

const person = (i: number, attributes: object = {}) => ({
  email: `person${i}@example.com`,
  email_verified: true,
  given_name: `Person${i}`,
  ...attributes,
});
const people = Array.from({ length: 1_000 }, (_, i) => person(i));
const ndjson = (users: readonly object[]) => users.map((user) => `${JSON.stringify(user)}\n`).join("");

describe("what Pulumi prints", function () {
  this.timeout(300_000);
  let emulator: Emulator;
  let workspace: Workspace;

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
    emulator = await startEmulator({ usersPerSecond: 0 });
    workspace = await Workspace.create({
      files: { "index.js": program(1), "users.ndjson": ndjson(people) },
      config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
      secrets: { "auth0:clientSecret": "emulator" },
    });
  });
  after(async () => {
    workspace.remove();
    await emulator.stop();
  });

  it("the first time", () => matches("first time", "preview", "up"));

  it("when nothing has changed", () => matches("unchanged", "preview", "up"));

  it("when the file was edited: new, changed, removed, invalid, and what can't be applied", async () => {
    const edited = people.slice(5).map((user, i) => {
      if (i < 10) return { ...user, given_name: "Renamed" };
      if (i < 12) return { ...user, user_metadata: { theme: "dark" }, email_verified: false };
      if (i < 15) return { ...user, password_hash: HASH };
      return i === 15 ? { ...user, blocked: true, nickname: "Nick" } : user;
    });
    workspace.write("users.ndjson", ndjson([...edited, person(1_000), person(1_001), { email: "no address" }]));
    await matches("edited", "preview", "preview --diff", "up", "preview");
  });

  it("when records fail", async () => {
    emulator.tenant.faults.replace([
      {
        on: "job",
        nth: {},
        kind: "error",
        email: "^person200[0-4]@",
        code: "MFA_FACTORS_FAILED",
        message: "Unable to import factors",
      },
    ]);
    const users = Array.from({ length: 10 }, (_, i) => person(2_000 + i));
    workspace.write("users.ndjson", ndjson([...people, ...users]));
    await matches("failures", "up", "preview");
    emulator.tenant.faults.clear();
  });

  it("when the connection is another one", async () => {
    workspace.write("index.js", program(5));
    await matches("another connection", "preview", "up");
  });

  it("when the tenant refuses", async () => {
    emulator.tenant.faults.replace([{ on: "submit", nth: {}, kind: "status", code: 400 }]);
    workspace.write("users.ndjson", ndjson([...people, person(3_000), person(3_001)]));
    await matches("refused", "up --continue-on-error");
    emulator.tenant.faults.clear();
  });

  it("when it is destroyed", () => matches("destroy", "destroy"));

  async function matches(name: string, ...commands: string[]): Promise<void> {
    const parts: string[] = [];
    for (const command of commands) {
      const { code, stdout } = await pulumi(command);
      const printed = command.endsWith("--diff") ? differences(stdout) : normalised(stdout);
      parts.push(`$ pulumi ${command}\n${printed}${code === 0 ? "" : `\nexit code ${code}`}\n`);
    }
    const file = path.join(SNAPSHOTS, `${name.replaceAll(" ", "-")}.txt`);
    const printed = parts.join("\n");
    if (process.env.UPDATE_SNAPSHOTS === "1") {
      mkdirSync(SNAPSHOTS, { recursive: true });
      writeFileSync(file, printed);
    }
    assert.equal(printed, readFileSync(file, "utf8"));
  }

  function pulumi(command: string): Promise<Finished> {
    const [name = "", ...flags] = command.split(" ");
    return workspace.pulumi([name, ...(name === "preview" ? [] : ["--yes", "--skip-preview"]), ...flags]);
  }
});

/** A line about a resource: what happens to it, its type and name, and what is said of it. */
const RESOURCE = /^ (..) +((?:pulumi|auth0import|pulumi-nodejs)\S*:\S+ \S+)/;

/** What tells nothing: the times, and Pulumi's own farewell. */
const NOISE = /^(@ |Previewing|Updating|Destroying|Duration|The resources in the stack|If you want to remove)/;

/** Without what differs from run to run: times, ids, the order of batches, and all but the last word on a resource. */
function normalised(stdout: string): string {
  const said = stdout.split("\n").filter((line) => !NOISE.test(line));
  const last = new Map<string, string>();
  for (const line of said) {
    const [, operation = "", resource = ""] = RESOURCE.exec(line) ?? [];
    // Of a stack that goes, Pulumi says so or not, as the time falls.
    if (resource.startsWith("pulumi:pulumi:Stack") && /^( |-)/.test(operation)) continue;
    // Of a replaced resource, its end is told apart.
    if (resource !== "") last.set(`${resource} ${operation === "--" ? "deleted" : ""}`, line);
  }
  const [, diagnostics = ""] = /Diagnostics:\n(.*?\n)(?=\S)/s.exec(stdout) ?? [];
  const rest = said.filter((line) => !RESOURCE.test(line)).join("\n");
  return [...[...last].sort().map(([, line]) => line), rest.replace(diagnostics, sorted(diagnostics))]
    .join("\n")
    .replaceAll(/ \(\d+(\.\d+)?s\)/g, "")
    .replaceAll(/, [\d,]+ users\/s/g, "")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .replaceAll(/job_\w{16}/g, "job_ID")
    .replaceAll(/[ \t]+$/gm, "")
    .replaceAll(/\n{3,}/g, "\n\n")
    .replace(/^\n+/, "\n")
    .trimEnd();
}

/** In the order of the resources' names. */
function sorted(diagnostics: string): string {
  return `${diagnostics.trimEnd().split("\n\n").sort().join("\n\n")}\n\n`;
}

/** What a preview with --diff says of one batch: the others say the same. */
function differences(stdout: string): string {
  const changed = stdout.split("\n").filter((line) => /^ +[~+-] /.test(line));
  const unique = new Set(changed.map((line) => line.replaceAll(/"[0-9a-f]{64}"/g, '"DIGEST"')));
  return [...unique].join("\n");
}
