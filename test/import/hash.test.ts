import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import type { User } from "../../provider/schema/identity";
import { countsIn, ImportTest, RULES, type RunOptions, type Saved } from "./importTest";

const hash = (digit: string) => ({ algorithm: "sha256", hash: { value: digit.repeat(64), encoding: "hex" } });

const ANN: User = {
  ...{ email: "ann@example.com", user_id: "ann", email_verified: true, given_name: "Ann" },
  custom_password_hash: hash("1"),
};

describe("a changed password hash", () => {
  const at = ImportTest.forEach();

  const sent = () =>
    at().tenant.jobs.map(({ kind, users }) => [kind, ...users.map((user) => Object.keys(user).join())]);
  const attributesOf = (id: string): User | undefined => at().tenant.users.get(id)?.attributes;

  const run = async (users: readonly User[], before?: Saved, options: RunOptions = {}) => {
    at().tenant.jobs.length = 0;
    const { result, problem } = await at().run(users, { before, ...options });
    assert.equal(problem, undefined);
    return result;
  };
  /** The tenant takes no hash, as the user has a password. */
  const keepsPasswords = (code = "CONFLICT") => {
    at().tenant.fate = ({ kind }) =>
      kind === "insert"
        ? undefined
        : { refuses: (user) => (user.custom_password_hash === undefined ? undefined : code) };
  };

  it("goes alone, with the key and what is known of the email, in a job after the one with the rest", async () => {
    const first = await run([ANN]);
    const second = await run([{ ...ANN, given_name: "Anna", custom_password_hash: hash("2") }], first);
    assert.deepEqual(sent(), [
      ["upsert", "email,given_name,email_verified"],
      ["hash", "email,custom_password_hash,email_verified"],
    ]);
    assert.deepEqual(countsIn(second), { updated: 1 });
    assert.deepEqual(attributesOf("ann"), { given_name: "Anna", custom_password_hash: hash("2") });
    assert.deepEqual(second.notApplied, []);
    assert.deepEqual(countsIn(await run([{ ...ANN, given_name: "Anna", custom_password_hash: hash("2") }], second)), {
      unchanged: 1,
    });
    assert.deepEqual(sent(), []);
  });

  it("goes after all jobs with the rest, also where it is all that changed", async () => {
    const bob = { ...ANN, email: "bob@example.com", user_id: "bob" };
    const first = await run([ANN, bob]);
    const second = await run(
      [
        { ...ANN, custom_password_hash: hash("2") },
        { ...bob, given_name: "Bob" },
      ],
      first,
    );
    assert.deepEqual(
      sent().map(([kind]) => kind),
      ["upsert", "hash"],
    );
    assert.deepEqual(countsIn(second), { updated: 2 });
  });

  for (const code of ["CONFLICT", "SOMETHING_NEW"]) {
    it(`is not applied where the user has a password (${code}): the rest is, and it is not sent again until it changes`, async () => {
      const first = await run([ANN]);
      keepsPasswords(code);
      const edited = { ...ANN, given_name: "Anna", custom_password_hash: hash("2") };
      const second = await run([edited], first);
      assert.deepEqual(countsIn(second), { updated: 1 });
      assert.deepEqual(second.failedRecords, []);
      const [told] = second.notApplied;
      assert.deepEqual([told?.identity, told?.attributes], ["user_id:ann", ["custom_password_hash"]]);
      assert.match(String(told?.reason), /has a password in Auth0/);
      assert.equal(attributesOf("ann")?.given_name, "Anna");

      const third = await run([edited], second);
      assert.deepEqual([sent(), countsIn(third)], [[], { notApplied: 1 }]);
      assert.deepEqual(third.notApplied, second.notApplied);

      const fourth = await run([{ ...edited, given_name: "Annika" }], third);
      assert.deepEqual(sent(), [["upsert", "email,given_name,email_verified"]]);
      assert.deepEqual(fourth.notApplied, second.notApplied);

      at().tenant.fate = () => undefined;
      const fifth = await run([{ ...edited, given_name: "Annika", custom_password_hash: hash("3") }], fourth);
      assert.deepEqual(
        [sent().map(([kind]) => kind), countsIn(fifth), fifth.notApplied],
        [["hash"], { updated: 1 }, []],
      );
    });
  }

  it("is a failed record where its form is wrong", async () => {
    const first = await run([ANN]);
    keepsPasswords("PATTERN");
    const second = await run([{ ...ANN, given_name: "Anna", custom_password_hash: hash("2") }], first);
    assert.deepEqual([countsIn(second), second.failedRecords[0]?.code], [{ outdated: 1 }, "PATTERN"]);
    assert.equal(attributesOf("ann")?.given_name, "Anna");
  });

  it("refused, counts neither for the early stop nor as a failure", async () => {
    const many = Array.from({ length: 300 }, (_, i) => ({ ...ANN, email: `ann${i}@example.com`, user_id: `ann${i}` }));
    const first = await run(many);
    keepsPasswords();
    const second = await run(
      many.map((user) => ({ ...user, custom_password_hash: hash("2") })),
      first,
    );
    assert.deepEqual(countsIn(second), { notApplied: 300 });
  });

  it("of a user who is gone when its turn comes is listed, and the user counts once", async () => {
    const { email_verified: _, ...silent } = ANN;
    const first = await run([silent]);
    const { usersByEmail } = at().tenant;
    let calls = 0;
    at().tenant.usersByEmail = async (...args) => (++calls === 1 ? usersByEmail(...args) : []);
    const edited = { ...silent, given_name: "Anna", username: "ann", custom_password_hash: hash("2") };
    const second = await run([edited], first);
    assert.deepEqual(
      sent().map(([kind]) => kind),
      ["upsert"],
    );
    assert.deepEqual(countsIn(second), { conflicts: 1 });
    const attributes = [...second.notApplied, ...(second.conflicts ?? [])].map((each) => each.attributes);
    assert.deepEqual(attributes, [["username"], ["custom_password_hash"]]);
  });

  for (const reads of ["singly", "census"] as const) {
    it(`takes no job of a user who has signed in or set a password since (read ${reads})`, async () => {
      const first = await run([ANN]);
      const change = (attributes: User) => {
        const user = at().tenant.users.get("ann");
        assert.ok(user);
        at().tenant.users.set("ann", { ...user, attributes: { ...user.attributes, ...attributes } });
      };
      const options = { reads, preflight: async () => RULES };
      const edited = { ...ANN, given_name: "Anna", custom_password_hash: hash("2") };
      for (const attributes of [
        { logins_count: 1 },
        { last_login: "2026-01-01" },
        { last_password_reset: "2026-01-01" },
      ]) {
        change({ given_name: "Ann", logins_count: null, last_login: null, last_password_reset: null, ...attributes });
        const second = await run([edited], first, options);
        assert.deepEqual([sent(), countsIn(second)], [[["upsert", "email,given_name,email_verified"]], { updated: 1 }]);
        assert.deepEqual(
          second.notApplied.map(({ attributes }) => attributes),
          [["custom_password_hash"]],
        );
        assert.match(String(second.notApplied[0]?.reason), /has a password in Auth0/);
        const third = await run([edited], second, options);
        assert.deepEqual([sent(), countsIn(third)], [[], { notApplied: 1 }]);
        // Alone it is read, too.
        const fourth = await run([{ ...edited, custom_password_hash: hash("3") }], third, options);
        assert.deepEqual([sent(), countsIn(fourth)], [[], { notApplied: 1 }]);
        rmSync(at().journalFile);
      }
    });

    it(`goes by the email that the user has now, and says of it what Auth0 says (read ${reads})`, async () => {
      const first = await run([ANN]);
      const user = at().tenant.users.get("ann");
      assert.ok(user);
      at().tenant.users.set("ann", { ...user, email: "new@example.com", email_verified: false });
      const options = { reads, preflight: async () => RULES };
      const second = await run([{ ...ANN, custom_password_hash: hash("2") }], first, options);
      assert.deepEqual(countsIn(second), { updated: 1 });
      const [job] = at().tenant.jobs;
      const { email, email_verified } = job?.users[0] ?? {};
      assert.deepEqual([job?.kind, email, email_verified], ["hash", "new@example.com", false]);
    });
  }

  it("is not sent to a user who came in without one", async () => {
    const { custom_password_hash: _, ...without } = ANN;
    const first = await run([without]);
    const second = await run([ANN], first);
    assert.deepEqual([sent(), countsIn(second)], [[], { notApplied: 1 }]);
    assert.deepEqual(second.notApplied[0]?.attributes, ["custom_password_hash"]);
    const third = await run([{ ...ANN, given_name: "Anna" }], second);
    assert.deepEqual([sent(), countsIn(third)], [[["upsert", "email,given_name,email_verified"]], { updated: 1 }]);
  });

  it("is not sent to a user who was adopted", async () => {
    const settings = { onExisting: "adopt" } as const;
    at().tenant.users.set("ann", {
      ...{
        user_id: "auth0|ann",
        email: "ann@example.com",
        email_verified: true,
        created_at: "2020-01-01T00:00:00.000Z",
      },
      ...{ identities: [{ connection: "users" }], attributes: {} },
    });
    const first = await run([ANN], undefined, { settings });
    assert.deepEqual(countsIn(first), { adopted: 1 });
    const between = await run([ANN], first, { settings });
    const second = await run([{ ...ANN, custom_password_hash: hash("2") }], between, { settings });
    assert.deepEqual([sent(), countsIn(second)], [[], { notApplied: 1 }]);
  });

  it("is left out where a user is written over", async () => {
    at().tenant.users.set("there", {
      ...{
        user_id: "auth0|there",
        email: "ann@example.com",
        email_verified: true,
        identities: [{ connection: "users" }],
      },
      ...{ created_at: "2020-01-01T00:00:00.000Z", attributes: {} },
    });
    keepsPasswords();
    const record = { ...ANN, user_id: "there", username: "ann" };
    const first = await run([record], undefined, { settings: { onExisting: "overwrite" } });
    assert.deepEqual(sent()[1], ["upsert", "email,given_name,email_verified"]);
    assert.deepEqual(countsIn(first), { updated: 1 });
    assert.deepEqual(first.notApplied.map(({ attributes }) => attributes).sort(), [
      ["custom_password_hash"],
      ["username"],
    ]);
  });

  it("is sent by the next run, whatever line the process dies after", async () => {
    const edited = { ...ANN, given_name: "Anna", custom_password_hash: hash("2") };
    for (let line = 1; ; line++) {
      at().startAnew();
      const first = await run([ANN]);
      const lines = at().journalLines;
      at().tenant.jobs.length = 0;
      const { result: killed, problem } = await at().run([edited], { before: first, dieAfterLine: line });
      if (problem === undefined) {
        assert.ok(line > lines, "no run was killed");
        break;
      }
      assert.ok(killed);
      const second = await run([edited], first);
      assert.deepEqual(attributesOf("ann"), { given_name: "Anna", custom_password_hash: hash("2") }, `line ${line}`);
      assert.deepEqual([second.notApplied, second.failedRecords], [[], []], `line ${line}`);
      assert.deepEqual(countsIn(await run([edited], second)), { unchanged: 1 }, `line ${line}`);
      assert.deepEqual(sent(), []);
    }
  });
});
