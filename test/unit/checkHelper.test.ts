import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import threads from "node:worker_threads";
import { CheckHelper } from "../../provider/plan/checkHelper";
import { type ReadSource, SourceReader } from "../../provider/plan/readSource";
import type { User } from "../../provider/schema/identity";
import { Tally } from "../../provider/schema/tally";

/** Of a kilobyte each, so that some megabytes are not many. */
function userOf(i: number): User {
  return {
    user_id: i % 3 === 0 ? undefined : `auth0|${i}`,
    email: i % 1_000 === 7 ? "nobody" : `user${i}@example.com`,
    ...(i % 10 === 0 ? {} : { email_verified: true }),
    ...(i % 100 === 0 ? { logins_count: 3 } : {}),
    password_hash: i % 500 === 0 ? `$2y$10$${"a".repeat(53)}` : `$2b$10$${"a".repeat(53)}`,
    user_metadata: { notes: "é".repeat(450 + (i % 100)) },
  };
}

function readAll(patterns: readonly string[], unsupportedPasswordHash: "fail" | "omit"): Promise<ReadSource> {
  const reading = { patterns, transform: undefined, unsupportedPasswordHash, batches: 1, key: undefined };
  return SourceReader.read({ ...reading, validate: true });
}

const usersOf = (count: number) =>
  Array.from({ length: count }, (_, i) => JSON.parse(JSON.stringify(userOf(i))) as User);

describe("records of a big file, checked by two threads", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "user-import-check-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("are found as right and wrong, and counted, as by one", async () => {
    const users = usersOf(40_000);
    const file = path.join(folder, "users.ndjson");
    writeFileSync(file, users.map((user) => JSON.stringify(user)).join("\n"));
    const read = await readAll([file], "omit");
    try {
      const tally = new Tally("omit");
      for (const [i, user] of users.entries()) {
        const { isWrong, bytes } = tally.check(user);
        assert.equal(read.isInvalid(i), isWrong, `record ${i}`);
        assert.equal(read.insertBytes(i, false), bytes, `record ${i}`);
        assert.equal(read.insertBytes(i, true), bytes + (user.user_id === undefined ? 37 : 0), `record ${i}`);
      }
      assert.deepEqual(new Map([...read.notes.warnings].sort()), new Map([...tally.warnings].sort()));
      assert.deepEqual(read.notes.dropped, tally.dropped);
      assert.equal(read.notes.passwordsOmitted, tally.passwordsOmitted);
      assert.deepEqual(
        [tally.warnings.get("EMAIL_VERIFIED_MISSING"), tally.dropped.get("logins_count"), tally.passwordsOmitted],
        [4_000, 400, 80],
      );
    } finally {
      await read.source.close();
    }
  });

  it("are left to the first where there are few, and where the second is behind; each is told once", async () => {
    const told = new Map<number, number>();
    const helper = new CheckHelper("fail", (first, { sizes, wrong }) => {
      for (const [i, bytes] of sizes.entries()) {
        assert.equal(told.has(first + i), false);
        told.set(first + i, wrong.includes(i) ? -bytes : bytes);
      }
    });
    try {
      const texts = Array.from({ length: 40_000 }, (_, i) => Buffer.from(JSON.stringify(userOf(i))));
      const taken: number[] = [];
      for (const [i, text] of texts.entries()) {
        if (helper.take(i, text)) taken.push(i);
        // Now and then it can tell what it has done.
        if (i % 1_000 === 0) await sleep(1);
      }
      await helper.end();
      assert.deepEqual([...told.keys()], taken);
      assert.ok((taken[0] as number) > 10_000, "takes nothing of the first megabytes");
      assert.ok(taken.length > 1_000, `took ${taken.length}`);
      assert.ok((told.get(taken.find((i) => i % 1_000 === 7) as number) as number) < 0, "a wrong one");
    } finally {
      await helper.stop();
    }
  });

  it("are told apart from those of a table between them", async () => {
    const users = usersOf(40_000);
    const lines = users.map((user) => JSON.stringify(user));
    const table = ["email,email_verified", ...Array.from({ length: 500 }, (_, i) => `table${i}@example.com,true`)];
    const files = { "1.ndjson": lines.slice(0, 30_100), "2.csv": table, "3.ndjson": lines.slice(30_100) };
    for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content.join("\n"));
    const read = await readAll(
      Object.keys(files).map((name) => path.join(folder, name)),
      "omit",
    );
    try {
      const tally = new Tally("omit");
      const all = [...users.slice(0, 30_100), ...Array.from({ length: 500 }, () => undefined), ...users.slice(30_100)];
      for (const [i, user] of all.entries()) {
        assert.equal(read.isInvalid(i), user === undefined ? false : tally.check(user).isWrong, `record ${i}`);
        assert.ok(read.insertBytes(i, false) > 0, `record ${i}`);
      }
    } finally {
      await read.source.close();
    }
  });

  it("are checked by the first where the second is lost", async () => {
    const users = usersOf(30_000);
    const file = path.join(folder, "lost.ndjson");
    writeFileSync(file, users.map((user) => JSON.stringify(user)).join("\n"));
    const { Worker } = threads;
    let started = 0;
    const dies = class extends Worker {
      constructor() {
        super('throw new Error("out of memory")', { eval: true });
        started++;
      }
    };
    const cannotStart = class {
      constructor() {
        started++;
        throw new Error("no more threads");
      }
    } as unknown as typeof Worker;
    for (const Lost of [dies, cannotStart]) {
      threads.Worker = Lost;
      try {
        const read = await readAll([file], "fail");
        const tally = new Tally("fail");
        for (const [index, user] of users.entries()) {
          const { isWrong, bytes } = tally.check(user);
          assert.equal(read.isInvalid(index), isWrong, `record ${index}`);
          assert.equal(read.insertBytes(index, false), bytes, `record ${index}`);
        }
        assert.deepEqual(read.notes.warnings, tally.warnings);
        await read.source.close();
      } finally {
        threads.Worker = Worker;
      }
    }
    assert.equal(started, 2);
  });
});
