import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { startEmulator } from "../../emulator";
import { type BatchOutputs, BatchTest, URN } from "../support/batch";
import { PartialFailure, type Properties, UNKNOWN } from "../support/providerProcess";

const people = (count: number, attributes: object = {}) =>
  Array.from({ length: count }, (_, i) => ({ email: `person${i}@example.com`, email_verified: true, ...attributes }));

describe("a batch of users, in the provider process", () => {
  const at = BatchTest.forEach();

  describe("sends", () => {
    for (const [what, name, content] of [
      ["a JSON array", "users.json", JSON.stringify(people(10), null, 2)],
      [
        "NDJSON",
        "users.ndjson",
        people(10)
          .map((user) => JSON.stringify(user))
          .join("\n"),
      ],
      ["a gzipped JSON array", "users.json.gz", gzipSync(JSON.stringify(people(10)))],
      [
        "gzipped NDJSON",
        "users.gz",
        gzipSync(
          people(10)
            .map((user) => JSON.stringify(user))
            .join("\n"),
        ),
      ],
    ] as const) {
      it(what, async () => {
        at.write(name, content);
        const { summary, jobs, source, complete, applied } = await at.create({ users: [name] });
        assert.equal(summary.inserted, 10);
        assert.equal(summary.total, 10);
        assert.equal(jobs.length, 1);
        assert.equal(jobs[0]?.status, "completed");
        assert.equal(source.users, 10);
        assert.equal(complete, true);
        assert.equal(applied, source.digest);
        assert.equal(at.emulator.tenant.stats().users, 10);
      });
    }

    it("an export as it is, without the prefix that Auth0 adds itself", async () => {
      at.writeUsers([{ user_id: "auth0|5f7c8ec7c33c6c004bbafe82", email: "jane@example.com" }]);
      await at.create();
      assert.equal(at.user("jane@example.com")?.user_id, "auth0|5f7c8ec7c33c6c004bbafe82");
    });

    it("a made-up user_id where there is none, the same in every run", async () => {
      at.writeUsers([{ email: "jane@example.com" }]);
      await at.create();
      const first = at.user("jane@example.com")?.user_id;
      assert.match(String(first), /^auth0\|[0-9a-f]{24}$/);
      at.emulator.tenant.reset();
      await at.restart();
      await at.create();
      assert.equal(at.user("jane@example.com")?.user_id, first);
    });

    it("everybody once, divided among batches that never run more than two jobs at a time", async () => {
      const users = people(20_000, { user_metadata: { text: "x".repeat(350) } });
      at.writeUsers(users);
      await at.emulator.stop();
      at.emulator = await startEmulator({ usersPerSecond: 5000 });
      await at.restart();
      const shares = [0, 1, 2, 3].map((index) => ({ share: { index, count: 4 } }));
      const batches = await Promise.all(shares.map((share) => at.create(share)));
      const stats = at.emulator.tenant.stats();
      assert.equal(stats.users, 20_000);
      assert.equal(stats.jobs.maxActiveSeen, 2);
      assert.equal(
        batches.reduce((sum, { summary }) => sum + summary.inserted, 0),
        20_000,
      );
      for (const { jobs, summary } of batches) {
        const perJob = Math.max(...jobs.map((job) => job.users));
        assert.ok(jobs.length <= Math.ceil(summary.total / perJob) + 1, `${jobs.length} jobs`);
      }
    }).timeout(60_000);

    it("20,000 users in the smallest number of jobs that the limit allows, give or take one", async () => {
      const users = people(20_000, { user_metadata: { text: "x".repeat(350) } });
      at.writeUsers(users);
      const { jobs } = await at.create({ generateUserIds: false });
      const bytes = users.reduce((sum, each) => sum + JSON.stringify(each).length + 1, 0);
      const smallest = Math.ceil(bytes / 512_000);
      assert.ok(jobs.length <= smallest + 1, `${jobs.length} jobs where ${smallest} would carry them`);
      for (const { bytes: whole } of at.emulator.tenant.stats().jobs.list) assert.ok(whole <= 512_000);
      assert.equal(at.emulator.tenant.stats().users, 20_000);
    }).timeout(60_000);
  });

  describe("tells of each record that fails", () => {
    it("its identity, its place, the code and message; and never sends what Auth0 would refuse", async () => {
      at.writeUsers([{ email: "jim@example.com" }], "existing.json");
      await at.create({ users: ["existing.json"], key: "of another import" });
      at.write(
        "users.ndjson",
        [
          { email: "jane@example.com" },
          { email: "not an address", blocked: "yes" },
          { email: "jim@example.com" },
          { email: "joe@example.com", user_id: "1" },
          { email: "JOE@example.com", user_id: "2" },
          { name: "Nobody" },
        ]
          .map((record) => JSON.stringify(record))
          .join("\n"),
      );
      const { summary, failedRecords, failedAt, complete } = await at.create({ users: ["users.ndjson"] });
      const { inserted, failed, invalid } = summary;
      assert.deepEqual({ inserted, failed, invalid }, { inserted: 2, failed: 1, invalid: 3 });
      assert.equal(complete, true);
      assert.deepEqual(failedAt, [
        { code: "ANY_OF_MISSING", at: "5" },
        { code: "DUPLICATED_USER", kind: "insert", at: "2" },
        { code: "DUPLICATED_USER", at: "4" },
        { code: "FORMAT", at: "1" },
      ]);
      assert.deepEqual(
        failedRecords.map(({ identity, code, file, line }) => [identity, code, file, line]),
        [
          ["email:not an address", "FORMAT", "users.ndjson", 2],
          ["email:jim@example.com", "DUPLICATED_USER", "users.ndjson", 3],
          ["user_id:2", "DUPLICATED_USER", "users.ndjson", 5],
          [undefined, "ANY_OF_MISSING", "users.ndjson", 6],
        ],
      );
      assert.match(failedRecords[0]?.message ?? "", /email .*; blocked /, "every rule that it breaks");
      assert.match(failedRecords[1]?.message ?? "", /already/);
      assert.match(failedRecords[2]?.message ?? "", /users\.ndjson:4/);
      assert.equal(at.emulator.tenant.stats().jobs.list.at(-1)?.users, 3);
    });

    it("that it is too large for a job, without sending it", async () => {
      at.writeUsers([
        { email: "large@example.com", user_metadata: { text: "x".repeat(512_000) } },
        { email: "jane@example.com" },
      ]);
      const { summary, failedRecords } = await at.create();
      assert.deepEqual(
        { inserted: summary.inserted, failed: summary.failed, invalid: summary.invalid },
        { inserted: 1, failed: 0, invalid: 1 },
      );
      assert.equal(failedRecords[0]?.code, "MAX_LENGTH");
      assert.match(failedRecords[0]?.message ?? "", /512,000/);
    });

    it("never its password hash", async () => {
      const hash = "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG";
      at.writeUsers([
        { email: "not an address", custom_password_hash: { algorithm: "bcrypt", hash: { value: hash } } },
      ]);
      const outputs = await at.create();
      assert.equal(outputs.summary.invalid, 1);
      assert.ok(!JSON.stringify(outputs).includes(hash));
      assert.ok(!at.provider.output.includes(hash));
    });
  });

  describe("keeps in step with the file", () => {
    it("reads a source once in a run, for any number of batches", async () => {
      at.writeUsers(people(50));
      const check = (index: number) =>
        at.provider.check("UserBatch", {}, at.inputs({ share: { index, count: 16 }, resourceUrn: `${URN}${index}` }));
      const digest = ({ inputs }: { inputs: Properties }) => (inputs.source as { digest: string }).digest;
      const first = await check(0);
      rmSync(path.join(at.provider.folder, "users.json"));
      for (let index = 1; index < 16; index++) {
        const checked = await check(index);
        assert.deepEqual([checked.failures, digest(checked)], [[], digest(first)]);
      }
    });

    it("asks the tenant nothing where the file did not change", async () => {
      at.writeUsers(people(5));
      const old = await at.create();
      const before = at.emulator.tenant.stats().requests;
      await at.restart();
      assert.equal(await at.update(old), old);
      assert.deepEqual(at.emulator.tenant.stats().requests, before);
    });

    it("inserts who is new, upserts who changed, and leaves the others alone", async () => {
      at.writeUsers(people(5));
      const old = await at.create();
      at.writeUsers([
        ...people(4),
        { email: "person4@example.com", email_verified: true, given_name: "Four" },
        ...people(7).slice(5),
      ]);
      await at.restart();
      const { summary, jobs } = await at.update(old);
      assert.deepEqual(
        { inserted: summary.inserted, updated: summary.updated, unchanged: summary.unchanged, total: summary.total },
        { inserted: 2, updated: 1, unchanged: 4, total: 7 },
      );
      assert.deepEqual(jobs.map(({ kind, users }) => [kind, users]).sort(), [
        ["insert", 2],
        ["upsert", 1],
      ]);
      assert.equal(at.user("person4@example.com")?.given_name, "Four");
    });

    it("sends a failed record again when it changed, or when the triggers changed, and not before", async () => {
      const [jane, joe, jim] = ["jane", "joe", "jim"].map((name) => ({ email: `${name}@example.com` }));
      const fail = () =>
        at.emulator.tenant.faults.replace([{ on: "job", kind: "error", email: "^joe@", code: "CONFLICT", times: 1 }]);
      const sent = ({ jobs }: BatchOutputs) => jobs.reduce((sum, { users }) => sum + users, 0);
      fail();
      at.writeUsers([jane, joe] as object[]);
      const first = await at.create();
      assert.equal(first.summary.failed, 1);
      at.writeUsers([jane, joe, jim] as object[]);
      await at.restart();
      const second = await at.update(first);
      assert.deepEqual(second.failedRecords, first.failedRecords);
      assert.equal(sent(second), 1);
      fail();
      await at.restart();
      const third = await at.update(second, { triggers: ["again"] });
      assert.equal(sent(third), 1);
      assert.equal(third.summary.failed, 1);
      at.writeUsers([jane, { ...joe, name: "Joe" }, jim] as object[]);
      await at.restart();
      const { inserted, failed, unchanged } = (await at.update(third, { triggers: ["again"] })).summary;
      assert.deepEqual({ inserted, failed, unchanged }, { inserted: 1, failed: 0, unchanged: 2 });
    });

    it("touches nothing when it is sealed, though the file is gone", async () => {
      at.writeUsers(people(3));
      const old = await at.create();
      at.forgetFiles();
      await at.restart();
      assert.equal(await at.update(old, { sealed: true, users: undefined }), old);
    });

    it("sends nothing of a changed file under ignoreChanges, by which the engine gives it the old source", async () => {
      at.writeUsers(people(3));
      const old = await at.create();
      at.writeUsers(people(4));
      await at.restart();
      assert.equal(await at.update(old, { source: old.source }), old);
    });
  });

  describe("refuses, before anything is sent,", () => {
    // One process for all: each has files of its own.
    const at = new BatchTest();
    before(() => at.start());
    after(() => at.stop());

    const refuse = async (overrides: Properties, olds: Properties = {}): Promise<string> => {
      const { failures } = await at.provider.check("UserBatch", olds, at.inputs(overrides));
      assert.equal(failures.length, 1, failures.join("\n"));
      assert.equal(at.provider.output, "", "a stack trace is no answer");
      assert.equal(at.emulator.tenant.stats().jobs.total, 0);
      return failures[0] as string;
    };

    it("a file that does not exist", async () => {
      assert.match(await refuse({ users: ["nowhere.json"] }), /nowhere\.json/);
    });
    it("a glob that matches nothing", async () => {
      assert.match(await refuse({ users: ["export/*.ndjson"] }), /export\/\*\.ndjson/);
    });
    it("malformed JSON, with its place and without its content", async () => {
      at.write("users.ndjson", '{"email":"jane@example.com"}\n{"email":"secret@example.com",}\n');
      const reason = await refuse({ users: ["users.ndjson"] });
      assert.match(reason, /users\.ndjson:2:\d+/);
      assert.doesNotMatch(reason, /secret/);
    });
    it("a file that is not users at all", async () => {
      at.write("users.xml", "<users><user/></users>");
      assert.match(await refuse({ users: ["users.xml"] }), /users\.xml.*not a users file/);
    });
    it("a connection id of another form", async () => {
      at.writeUsers(people(1));
      assert.match(await refuse({ connectionId: "Username-Password-Authentication" }), /connectionId must be/);
    });
    it("no files at all", async () => {
      assert.match(await refuse({ users: undefined }), /users is required/);
    });
    it("another number of batches than before", async () => {
      at.writeUsers(people(1));
      const olds = at.inputs({ share: { index: 0, count: 2 } });
      assert.match(await refuse({}, olds), /batches can't change from 2 to 1/);
    });
    it("to be sealed before the first import", async () => {
      assert.match(await refuse({ sealed: true }), /sealed can't be set before the first import/);
    });
    it("plain http to another machine", async () => {
      await at.restart({ "auth0:domain": "http://tenant.example.com" });
      at.writeUsers(people(1));
      assert.match(await refuse({}), /plain http/);
    });
    it("to go without credentials", async () => {
      await at.restart({ "auth0:clientSecret": "" });
      at.writeUsers(people(1));
      assert.match(await refuse({}), /clientSecret/);
    });
  });

  it("skips the rules of what is not known yet, in a preview", async () => {
    const { failures } = await at.provider.check(
      "UserBatch",
      {},
      at.inputs({ connectionId: UNKNOWN, key: UNKNOWN, users: UNKNOWN }),
    );
    assert.deepEqual(failures, []);
    const { changes } = await at.provider.diff("UserBatch", {}, at.inputs({ connectionId: UNKNOWN }));
    assert.equal(changes, true);
  });

  it("replaces the import when the connection changes", async () => {
    at.writeUsers(people(1));
    const old = await at.create();
    const { inputs: checked } = await at.provider.check(
      "UserBatch",
      {},
      at.inputs({ connectionId: "con_0000000000000005" }),
    );
    assert.deepEqual(await at.provider.diff("UserBatch", old as unknown as Properties, checked), {
      changes: true,
      replaces: ["connectionId"],
    });
    await at.provider.create("UserBatch", checked);
    assert.equal(at.emulator.tenant.stats().users, 2);
  });

  describe("fails with one clear sentence, and without a job,", () => {
    for (const [what, overrides, config, scopes, expected] of [
      [
        "for an unknown connection",
        { connectionId: "con_AAAAAAAAAAAAAAAA" },
        {},
        undefined,
        /con_AAAAAAAAAAAAAAAA does not exist.*Nothing was sent/,
      ],
      [
        "for a connection that is no database",
        { connectionId: "con_0000000000000002" },
        {},
        undefined,
        /"google-oauth2" is not a database connection.*Nothing was sent/,
      ],
      ["for wrong credentials", {}, { "auth0:clientSecret": "wrong" }, undefined, /refused the credentials/],
      ["for a wrong token", {}, { "auth0:apiToken": "wrong" }, undefined, /refused the token/],
      ["for a missing scope", {}, {}, ["read:users"], /create:users.*Grant them/],
      ["for a tenant that does not answer", {}, {}, undefined, /could not be reached.*ECONNREFUSED/],
    ] as const) {
      it(what, async () => {
        if (scopes !== undefined) {
          await at.emulator.stop();
          at.emulator = await startEmulator({ usersPerSecond: 0, scopes: [...scopes] });
        }
        if (what.includes("does not answer")) await at.emulator.stop();
        await at.restart(config);
        at.writeUsers(people(3));
        const { inputs: checked } = await at.provider.check("UserBatch", {}, at.inputs(overrides));
        await assert.rejects(at.provider.create("UserBatch", checked), (error: Error) => {
          assert.ok(!(error instanceof PartialFailure));
          assert.match(error.message, expected);
          assert.doesNotMatch(error.message, /\n\s+at /);
          return true;
        });
        assert.equal(at.provider.output, "");
        assert.equal(at.emulator.tenant.stats().jobs.total, 0);
      });
    }
  });

  it("writes its progress on its own line", async () => {
    at.writeUsers(people(2000));
    await at.create();
    const lines = at.provider.logs.filter((log) => log.ephemeral);
    assert.ok(lines.length > 0);
    assert.ok(lines.every((log) => log.urn === URN));
    assert.match(lines.at(-1)?.message ?? "", /^100%, 2,000 of 2,000 users/);
  });

  it("survives refresh and destroy without credentials", async () => {
    at.writeUsers(people(1));
    const old = (await at.create()) as unknown as Properties;
    await at.restart({ "auth0:domain": "", "auth0:clientId": "", "auth0:clientSecret": "" });
    assert.deepEqual(await at.provider.read("UserBatch", old), old);
    await at.provider.delete("UserBatch", old);
    assert.equal(at.emulator.tenant.stats().users, 1);

    at.write(".user-import/dev/everyone/journal/everyone-00.ndjson/in-the-way", "");
    await at.provider.delete("UserBatch", old);
    const said = at.provider.logs.at(-1)?.message ?? "";
    assert.match(
      said,
      /^The journal \.user-import\/.* could not be removed \(illegal operation on a directory\)\. It holds/,
    );
  });
});
