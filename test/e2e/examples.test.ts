import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync, scryptSync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { FailedRecord, Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { auth0PluginFolder } from "../support/auth0Plugin";
import { EmulatorProcess } from "../support/emulator";
import { Workspace, type WorkspaceOptions } from "../support/workspace";

const EXAMPLES = path.resolve(__dirname, "../../../examples");
const CONNECTION = "con_0000000000000001";
const SECRET = "the-client-secret-of-this-test";

describe("the examples, with the real engine", function () {
  this.timeout(180_000);
  const emulators: EmulatorProcess[] = [];
  let program: Workspace | undefined;

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
  });
  afterEach(async () => {
    program?.remove();
    await Promise.all(emulators.splice(0).map((emulator) => emulator.stop()));
  });

  async function tenant(...flags: string[]): Promise<EmulatorProcess> {
    const emulator = await EmulatorProcess.start("--client-secret", SECRET, "--users-per-second", "5000", ...flags);
    emulators.push(emulator);
    return emulator;
  }

  /** A copy of the example, as it stands. */
  async function example(name: string, options: Omit<WorkspaceOptions, "copyOf">): Promise<Workspace> {
    program = await Workspace.create({ copyOf: path.join(EXAMPLES, name), ...options });
    return program;
  }

  /** One whose tenant is there already. */
  async function exampleFor(name: string, { url }: EmulatorProcess): Promise<Workspace> {
    return example(name, {
      config: { "auth0:domain": url, "auth0:clientId": "emulator", connectionId: CONNECTION },
      secrets: { "auth0:clientSecret": SECRET },
    });
  }

  it("corrections: what failed is corrected, and nothing else is sent again", async () => {
    const emulator = await tenant();
    const made = await exampleFor("corrections", emulator);
    const first = await made.up();
    assert.equal(first.code, 0, first.output);
    assert.match(first.stdout, /warning: 3 of 10 users failed/);
    type Outputs = { summary: Summary; failedRecords: FailedRecord[]; failedRecordsFile?: string };
    const outputs = await made.outputs<Outputs>();
    assert.deepEqual(
      outputs.failedRecords.map(({ line, code }) => [line, code]),
      [
        [3, "FORMAT"],
        [5, "NOT_PASSED"],
        [8, "INVALID_TYPE"],
      ],
    );
    const file = path.join(made.folder, outputs.failedRecordsFile ?? "");
    const lines = readFileSync(path.join(made.folder, "users.ndjson"), "utf8").trimEnd().split("\n");
    const failed = outputs.failedRecords.map(({ line }) => JSON.parse(lines[line - 1] ?? ""));
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), failed);

    const [barbara, edsger, katherine] = failed;
    const { email: _reserved, ...appMetadata } = edsger.app_metadata;
    const corrected = [
      { ...barbara, email: "barbara@example.com" },
      { ...edsger, app_metadata: appMetadata },
      { ...katherine, name: "Katherine Johnson" },
    ];
    made.write("corrections.json", JSON.stringify(corrected));
    const second = await made.up();
    assert.equal(second.code, 0, second.output);
    const { summary } = await made.outputs<Outputs>();
    assert.deepEqual(
      { inserted: summary.inserted, unchanged: summary.unchanged, failed: summary.failed },
      { inserted: 3, unchanged: 7, failed: 0 },
    );
    assert.equal(existsSync(file), false);

    // Whether the wrong ones were sent the first time is validation's business; the others must not be sent again.
    const { jobs } = await emulator.stats();
    assert.equal(jobs.list.at(-1)?.users, 3);
    const tallies = Object.values(await talliesOf(emulator));
    assert.equal(tallies.filter(({ inserted, updated }) => inserted === 1 && updated === 0).length, 10);
  });

  it("hashes: the tenant takes a hash of every algorithm, and each is the password's", async () => {
    const emulator = await tenant();
    const made = await exampleFor("hashes", emulator);
    const { code, output } = await made.up();
    assert.equal(code, 0, output);
    const { summary } = await made.outputs<{ summary: Summary }>();
    assert.deepEqual({ inserted: summary.inserted, total: summary.total }, { inserted: 11, total: 11 });

    const users = JSON.parse(readFileSync(path.join(made.folder, "users.json"), "utf8")) as HashedUser[];
    assert.deepEqual(users.map(({ custom_password_hash: { algorithm } }) => algorithm).sort(), [
      "argon2",
      "bcrypt",
      "hmac",
      "ldap",
      "md4",
      "md5",
      "pbkdf2",
      "scrypt",
      "sha1",
      "sha256",
      "sha512",
    ]);
    for (const { custom_password_hash: custom } of users) {
      const expected = hashOf("correct horse battery staple", custom);
      if (expected !== undefined) assert.equal(custom.hash.value, expected, custom.algorithm);
    }
  });

  it("two-tenants: each gets its own users, with its own credentials", async () => {
    const eu = await tenant("--client-id", "european");
    const us = await tenant("--client-id", "american");
    const made = await example("two-tenants", {
      config: {
        "auth0-eu:domain": eu.url,
        "auth0-eu:clientId": "european",
        euConnectionId: CONNECTION,
        "auth0-us:domain": us.url,
        "auth0-us:clientId": "american",
        usConnectionId: CONNECTION,
      },
      secrets: { "auth0-eu:clientSecret": SECRET, "auth0-us:clientSecret": SECRET },
    });
    const { code, output } = await made.up();
    assert.equal(code, 0, output);
    for (const [emulator, region, count] of [
      [eu, "eu", 3],
      [us, "us", 2],
    ] as const) {
      const emails = Object.keys(await talliesOf(emulator));
      assert.equal(emails.length, count);
      for (const email of emails) assert.ok(email.endsWith(`@${region}.example.com`), email);
    }
  });

  describe("tenant", () => {
    const scopes = [
      ...["create:users", "read:users", "update:users", "read:connections", "create:connections", "update:connections"],
      ...["read:clients", "create:clients", "delete:clients", "create:roles", "read:roles", "update:roles"],
      ...["delete:roles", "create:role_members", "read:role_members", "delete:role_members", "create:organizations"],
      ...["read:organizations", "delete:organizations", "create:organization_members", "read:organization_members"],
      ...["create:organization_member_roles", "read:organization_member_roles", "delete:organization_member_roles"],
      ...["create:organization_connections", "read:organization_connections", "delete:organization_connections"],
    ].join(" ");

    it("makes connection, role and organization and imports 2,000 users with theirs in one run; replaces the role; leaves the users", async function () {
      this.timeout(300_000);
      const emulator = await tenant("--scopes", scopes);
      const { path: cliPath } = await findPulumi(console.log);
      const made = await example("tenant", {
        config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
        secrets: { "auth0:clientSecret": SECRET },
        env: { PATH: auth0PluginFolder() + path.delimiter + cliPath },
      });
      const preview = await made.preview();
      assert.equal(preview.code, 0, preview.output);
      assert.equal((await emulator.stats()).users, 0);

      const users = Array.from({ length: 2_000 }, (_, i) => ({
        ...{ user_id: `u${i}`, email: `u${i}@example.com`, email_verified: true },
        ...(i % 10 === 0 && { roles: ["editor"] }),
        ...(i % 20 === 1 && { organizations: [i % 40 === 1 ? "acme" : { name: "acme", roles: ["editor"] }] }),
      }));
      made.write("users/part-1.json", JSON.stringify(users.slice(0, 1_000)));
      made.write("users/part-2.json", JSON.stringify(users.slice(1_000)));
      // The second call about connections enables it: the import has time to come first, if nothing keeps it.
      const slow = [{ on: "connection", nth: 2, kind: "delay", ms: 5_000 }];
      await fetch(`${emulator.url}/emulator/faults`, { method: "POST", body: JSON.stringify(slow) });
      const up = await made.up();
      assert.equal(up.code, 0, up.output);
      assert.doesNotMatch(up.output, /is not enabled in the organization/);
      type Outputs = { connectionId: string; editorId: string; acmeId: string; summary: Summary };
      const first = await made.outputs<Outputs>();
      assert.deepEqual([first.summary.inserted, first.summary.memberships], [2_000, { given: 350, taken: 0 }]);
      const { jobs, requests } = await emulator.stats();
      assert.ok(jobs.list.every((job) => job.connection_id === first.connectionId));
      // In the order of their first answers.
      const routes = Object.keys(requests);
      const place = (route: string) => {
        assert.ok(routes.includes(route), route);
        return routes.indexOf(route);
      };
      assert.ok(place("PATCH /api/v2/connections/:id/clients") < place("POST /api/v2/jobs/users-imports"));
      const sorted = (isMember: (i: number) => boolean) =>
        users.flatMap(({ user_id }, i) => (isMember(i) ? `auth0|${user_id}` : [])).sort();
      const members = `organizations/${first.acmeId}/members`;
      assert.deepEqual(
        await membersOf(emulator, `roles/${first.editorId}/users`),
        sorted((i) => i % 10 === 0),
      );
      assert.deepEqual(
        await membersOf(emulator, members),
        sorted((i) => i % 20 === 1),
      );

      const again = await made.preview("--expect-no-changes");
      assert.equal(again.code, 0, again.output);
      const refreshed = await made.refresh();
      assert.equal(refreshed.code, 0, refreshed.output);

      const replaced = await made.up("--replace", "urn:pulumi:test::tenant::auth0:index/role:Role::editor");
      assert.equal(replaced.code, 0, replaced.output);
      const second = await made.outputs<Outputs>();
      assert.notEqual(second.editorId, first.editorId);
      assert.deepEqual(second.summary.memberships, { given: 250, taken: 250 });
      assert.deepEqual(
        await membersOf(emulator, `roles/${second.editorId}/users`),
        sorted((i) => i % 10 === 0),
      );

      const refused = await made.destroy();
      assert.notEqual(refused.code, 0);
      assert.match(refused.output, /protect/);
      await made.succeed(["state", "unprotect", "--all", "--yes"]);
      const destroyed = await made.destroy();
      assert.equal(destroyed.code, 0, destroyed.output);
      assert.equal((await emulator.stats()).users, 2_000);
    });
  });
});

/** The ids of those who have a role, or belong to an organization, in order. */
async function membersOf(emulator: EmulatorProcess, list: string): Promise<string[]> {
  const body = JSON.stringify({
    ...{ grant_type: "client_credentials", client_id: "emulator", client_secret: SECRET },
    audience: `${emulator.url}/api/v2/`,
  });
  const headers = { "content-type": "application/json" };
  const signedIn = await fetch(`${emulator.url}/oauth/token`, { method: "POST", headers, body });
  const { access_token } = (await signedIn.json()) as { access_token: string };
  const ids: string[] = [];
  for (let from = ""; ; ) {
    const authorization = `Bearer ${access_token}`;
    const page = await fetch(`${emulator.url}/api/v2/${list}?take=100${from}`, { headers: { authorization } });
    const { users, members, next } = (await page.json()) as Record<"users" | "members", { user_id: string }[]> & {
      next?: string;
    };
    ids.push(...(users ?? members).map(({ user_id }) => user_id));
    if (next === undefined) return ids.sort();
    from = `&from=${encodeURIComponent(next)}`;
  }
}

/** By email: how often a record was sent, and what became of it. */
async function talliesOf({ url }: EmulatorProcess): Promise<Record<string, { inserted: number; updated: number }>> {
  const response = await fetch(`${url}/emulator/stats?users=1`);
  const { tallies } = (await response.json()) as { tallies: Record<string, { inserted: number; updated: number }> };
  return tallies;
}

interface CustomPasswordHash {
  algorithm: string;
  hash: { value: string; encoding: BufferEncoding; digest?: string; key?: { value: string; encoding: BufferEncoding } };
  salt?: { value: string; encoding: BufferEncoding; position?: "prefix" | "suffix" };
  keylen?: number;
  cost?: number;
  blockSize?: number;
  parallelization?: number;
}

interface HashedUser {
  custom_password_hash: CustomPasswordHash;
}

/** The hash's text as it would be for this password; undefined for the algorithms that Node does not have. */
function hashOf(password: string, { algorithm, hash, salt, ...parameters }: CustomPasswordHash): string | undefined {
  const saltBytes = Buffer.from(salt?.value ?? "", salt?.encoding);
  const encode = (bytes: Buffer) => bytes.toString(hash.encoding);
  switch (algorithm) {
    case "md5":
    case "sha1":
    case "sha256":
    case "sha512": {
      const parts = [saltBytes, Buffer.from(password)];
      if (salt?.position === "suffix") parts.reverse();
      return encode(createHash(algorithm).update(Buffer.concat(parts)).digest());
    }
    case "hmac":
      return encode(
        createHmac(hash.digest as string, Buffer.from(hash.key?.value ?? "", hash.key?.encoding))
          .update(password)
          .digest(),
      );
    case "scrypt": {
      const { keylen = 0, cost = 16_384, blockSize = 8, parallelization = 1 } = parameters;
      return encode(scryptSync(password, saltBytes, keylen, { cost, blockSize, parallelization }));
    }
    case "pbkdf2": {
      const [, name = "", numbers = "", saltText = ""] = hash.value.split("$");
      const [iterations, length] = numbers.split(",").map((number) => Number(number.slice(2))) as [number, number];
      const digest = name.replace("pbkdf2-", "");
      const key = pbkdf2Sync(password, Buffer.from(saltText, "base64"), iterations, length, digest);
      return `$${name}$${numbers}$${saltText}$${key.toString("base64").replace(/=+$/, "")}`;
    }
    case "ldap": {
      const bytes = Buffer.from(hash.value.replace("{SSHA512}", ""), "base64");
      const suffix = bytes.subarray(64);
      const digest = createHash("sha512").update(password).update(suffix).digest();
      return `{SSHA512}${Buffer.concat([digest, suffix]).toString("base64")}`;
    }
    default:
      return undefined;
  }
}
