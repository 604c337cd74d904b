import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { FaultPlan } from "../../emulator/faultPlan";
import { Ledger } from "../../provider/ledger/ledger";
import { SourceReader } from "../../provider/plan/readSource";
import type { Source } from "../../provider/source";
import type { ImportedBatch } from "../../provider/verification/expected";
import type { Exception } from "../../provider/verification/types";
import { type Verified, verifyImport } from "../../provider/verification/verify";
import { EmulatedImport } from "../import/emulatedImport";
import { KEY, type Saved } from "../import/importTest";
import { CONNECTION } from "../support/batch";
import { addUser } from "../support/tenantUsers";

type Person = { readonly user_id?: string; readonly email: string; readonly [attribute: string]: unknown };

const person = (i: number, more: object = {}): Person => ({
  user_id: `u${i}`,
  email: `person${i}@example.com`,
  email_verified: true,
  name: `Person ${i}`,
  app_metadata: { plan: "a" },
  ...more,
});
const people = (count: number, from = 0) => Array.from({ length: count }, (_, i) => person(from + i));

/** Of another connection. */
const SOCIAL = "con_0000000000000009";

const NONE = { linked: 0, missing: 0, gone: 0, notAsWritten: 0, changedThere: 0, others: 0 };

describe("a verification", () => {
  const at = EmulatedImport.forEach();
  let source: Source | undefined;
  afterEach(() => source?.close());

  interface Options {
    readonly verified?: ImportedBatch["verified"];
    readonly generateUserIds?: boolean;
    readonly lines?: string[];
    readonly ends?: ReadonlyMap<number, number>;
  }

  /** Verifies one batch, imported before. */
  async function verify(users: readonly Person[], saved: Saved, options: Options = {}): Promise<Verified> {
    const { verified, generateUserIds = true, lines = [], ends = new Map([[saved.runNumber, Date.now()]]) } = options;
    const file = path.join(at().folder, "users.ndjson");
    writeFileSync(file, users.map((user) => `${JSON.stringify(user)}\n`).join(""));
    await source?.close();
    const read = await SourceReader.read({
      ...{ patterns: [file], transform: undefined, unsupportedPasswordHash: "fail", batches: 1 },
      ...{ key: KEY, validate: false },
    });
    source = read.source;
    const batch = { ledger: Ledger.decode(saved.ledger), ends, ...(verified === undefined ? {} : { verified }) };
    const imported = { connectionId: CONNECTION, key: KEY, generateUserIds, batches: [batch], read };
    return verifyImport(imported, at().tenantToRead, {
      onProgress: (line) => lines.push(line ?? ""),
      onRetry: () => {},
      stop: new AbortController().signal,
    });
  }

  const counts = ({ verification: { checkedAt: _, attributes: __, ...counts } }: Verified) => counts;
  const seen = (missing: readonly number[] = []) => ({ verified: { run: 1, missing: new Set(missing) } });

  async function exceptionsOf(verified: Verified): Promise<string[]> {
    const all: Exception[] = [];
    for await (const each of verified.exceptions()) all.push(each);
    return all.map(({ line, what, attributes }) => `${line} ${what}${attributes.map((name) => ` ${name}`).join("")}`);
  }

  function fault(...faults: FaultPlan): void {
    at().emulator.tenant.faults.replace(faults);
  }

  const inTenant = (id: string) => at().emulator.tenant.users.get(`auth0|${id}`) as NonNullable<ReturnType<typeof get>>;
  const get = (id: string) => at().emulator.tenant.users.get(id);
  const remove = (id: string) => at().emulator.tenant.users.delete(inTenant(id));

  function change(id: string, attributes: object, updatedAt = Date.now() + 60_000): void {
    const user = inTenant(id);
    const all = JSON.stringify({ ...JSON.parse(user.attributes), ...attributes });
    at().emulator.tenant.users.put({ ...user, updatedAt, attributes: all });
  }

  it("of everybody who is there as they were written", async () => {
    const users = [...people(20), { email: "no-id@example.com", email_verified: true }];
    const saved = await at().import(users);
    addUser(at().emulator, "other@example.com", {});
    const lines: string[] = [];
    const verified = await verify(users, saved, { lines });
    assert.deepEqual(counts(verified), { ...NONE, expected: 21, present: 21, others: 1 });
    assert.deepEqual(verified.verification.attributes, []);
    const { sample, lines: exported, connection, untold, foundSingly } = verified.details;
    assert.deepEqual(
      { sample, exported, connection, untold, foundSingly },
      {
        ...{ sample: { read: 21, there: 21 }, exported: 22, untold: 0, foundSingly: 0 },
        connection: at().emulator.tenant.connections.get(CONNECTION)?.name,
      },
    );
    assert.deepEqual(await exceptionsOf(verified), []);
    assert.ok(
      lines.some((line) => /^reading 21 users back, \d+ %$/.test(line)),
      lines.join("\n"),
    );
    assert.equal(lines.at(-1), "");
  });

  it("has a word for each who is not", async () => {
    const users = people(12);
    const saved = await at().import(users);
    remove("u0");
    change("u1", { name: "Renamed" });
    change("u2", { app_metadata: { plan: "z" } }, 0);
    // A sign-in moves `updated_at`, and changes nothing.
    change("u3", {});
    addUser(at().emulator, "primary@example.com", {}, "primary");
    at().emulator.tenant.users.link(inTenant("primary"), inTenant("u4"));
    const verified = await verify(users, saved);
    assert.deepEqual(counts(verified), {
      ...NONE,
      ...{ expected: 12, present: 10, linked: 1, missing: 1, notAsWritten: 1, changedThere: 1 },
    });
    assert.deepEqual(await exceptionsOf(verified), [
      "1 missing",
      "2 changedThere name",
      "3 notAsWritten app_metadata",
      "5 linked",
    ]);
    assert.deepEqual(verified.missing, [0]);
    assert.deepEqual(
      verified.missingOf.map(({ states }) => states),
      [["inserted"]],
    );
    assert.deepEqual(
      [...verified.verification.attributes].map(({ attribute, users: n }) => `${attribute} ${n}`),
      ["app_metadata 1", "name 1"],
    );
    assert.equal(verified.details.linkedTo, 1);

    const later = await verify(users, saved, seen());
    assert.deepEqual({ missing: later.verification.missing, gone: later.verification.gone }, { missing: 0, gone: 1 });
    const still = await verify(users, saved, seen(verified.missingOf[0]?.prints));
    assert.deepEqual({ missing: still.verification.missing, gone: still.verification.gone }, { missing: 1, gone: 0 });
  });

  it("calls nobody missing whom an export does not have yet, or does not have at all", async () => {
    fault({ on: "exportJob", kind: "stale", seconds: 600 });
    const users = people(30);
    const saved = await at().import(users);
    remove("u7");
    const verified = await verify(users, saved);
    assert.equal(verified.details.lines, 0);
    assert.deepEqual(counts(verified), { ...NONE, expected: 30, present: 29, missing: 1 });
    assert.equal(verified.details.foundSingly, 29);

    fault();
    Object.assign(at().emulator.tenant.assumptions, { exportLinked: false });
    const { users: store } = at().emulator.tenant;
    const social = { ...inTenant("u5"), id: "google-oauth2|117", email: "social@example.com", connectionId: SOCIAL };
    store.put(social);
    store.link(social, inTenant("u4"));
    const later = await verify(users, saved);
    assert.equal(later.details.lines, 28);
    assert.deepEqual(counts(later), { ...NONE, expected: 30, present: 28, linked: 1, missing: 1 });
  });

  it("concludes nothing from an export that lacks more of them than can be looked up, and reads it back once more", async () => {
    fault({ on: "exportJob", kind: "stale", seconds: 600, nth: {} });
    const users = people(1_005);
    const saved = await at().import(users);
    await assert.rejects(verify(users, saved), (error: Error) => {
      return error.name === "NotVerified" && /lacks users who are there/.test(error.message);
    });
    fault();
    // So many are gone indeed.
    for (const { id } of [...at().emulator.tenant.users.all()]) remove(id.slice("auth0|".length));
    const reads = () => at().emulator.tenant.stats().requests["GET /api/v2/users/:id"] ?? 0;
    const before = reads();
    const verified = await verify(users, saved);
    assert.deepEqual(counts(verified), { ...NONE, expected: 1_005, present: 0, missing: 1_005 });
    assert.deepEqual([verified.details.notLookedUp, reads() - before], [5, 1_000]);
  }).timeout(120_000);

  it("says who is in no file any more and there; of the others nothing can be told", async () => {
    const users = [...people(6), { email: "no-id@example.com", email_verified: true, name: "N" }];
    const first = await at().import(users);
    const left = users.slice(0, 3);
    const saved = await at().import(left, first);
    remove("u4");
    const verified = await verify(left, saved);
    assert.deepEqual(counts(verified), { ...NONE, expected: 6, present: 6 });
    assert.equal(verified.details.untold, 1);
  });

  it("does not take somebody else for a user who has gone", async () => {
    const users = [...people(3), { email: "no-id@example.com", email_verified: true, name: "N" }];
    const saved = await at().import(users);
    remove("u1");
    addUser(at().emulator, "person1@example.com", {}, "signed-up-anew");
    const own = [...at().emulator.tenant.users.all()].find(({ email }) => email === "no-id@example.com");
    assert.ok(own);
    at().emulator.tenant.users.delete(own);
    addUser(at().emulator, "no-id@example.com", {}, "signed-up-too");
    const anew = inTenant("signed-up-too");
    at().emulator.tenant.users.put({ ...anew, createdAt: Date.now() + 60_000 });
    const verified = await verify(users, saved);
    assert.deepEqual(counts(verified), { ...NONE, expected: 4, present: 2, missing: 2, others: 2 });
  });

  it("finds who has an id of Auth0's own by what else is known of them", async () => {
    const users = people(3).map(({ user_id: _, ...user }) => user as Person);
    const saved = await at().import(users, undefined, { settings: { generateUserIds: false } });
    const all = [...at().emulator.tenant.users.all()];
    at().emulator.tenant.users.delete(all[1] as NonNullable<(typeof all)[1]>);
    const verified = await verify(users, saved, { generateUserIds: false });
    assert.deepEqual(counts(verified), { ...NONE, expected: 2, present: 2 });
    assert.equal(verified.details.untold, 1, "an email may have changed");
    // The option is another one by now.
    assert.deepEqual(counts(await verify(users, saved)), { ...NONE, expected: 3, present: 2, missing: 1 });
  });

  it("says that the export lacks an attribute, rather than that everybody differs in it", async () => {
    const users = people(120);
    const saved = await at().import(users);
    for (let i = 0; i < 120; i++)
      change(`u${i}`, { app_metadata: undefined, ...(i === 5 ? { name: "Other" } : {}) }, 0);
    const verified = await verify(users, saved);
    assert.deepEqual(verified.details.notExported, ["app_metadata"]);
    assert.deepEqual(counts(verified), { ...NONE, expected: 120, present: 120, notAsWritten: 1 });
    assert.deepEqual(verified.verification.attributes, [{ attribute: "name", users: 1 }]);
  });

  it("is told of an export that can't be used, and concludes nothing", async () => {
    const users = people(3);
    const saved = await at().import(users);
    for (const [plan, message] of [
      [{ on: "exportJob", kind: "fail", times: 100 }, /failed/],
      [{ on: "download", kind: "cutFile", times: 100 }, /can't be (fetched|used)/],
    ] as const) {
      fault(plan);
      await assert.rejects(verify(users, saved), (error: Error) => message.test(error.message));
    }
  });
});
