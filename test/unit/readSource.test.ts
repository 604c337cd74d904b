import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { type ReadSource, SourceReader } from "../../provider/plan/readSource";
import { shareOf } from "../../provider/plan/share";

const KEY = "0123456789abcdef";
const SHARES = [0, 1, 2].map((index) => ({ index, count: 3 }));

type User = Record<string, string>;

/** A small world, so that records double and override each other. */
const record = fc.record(
  {
    user_id: fc.constantFrom("1", "2", "3", "4", "5", "6", "7"),
    email: fc.constantFrom("a@example.com", "B@example.com", "c@example.com", "d@example.com", "e@example.com"),
    name: fc.constantFrom("Jane", "Zoë"),
  },
  { requiredKeys: [] },
);
const identified = record.filter(
  ({ user_id, email }) => user_id !== undefined || email !== undefined,
) as fc.Arbitrary<User>;
const files = fc.array(fc.array(identified, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 2 });
const format = fc.constantFrom("ndjson" as const, "array" as const, "csv" as const, "transform" as const);

const SPELL = {
  ndjson: (users: readonly User[]) => users.map((user) => JSON.stringify(user)).join("\n"),
  array: (users: readonly User[]) => JSON.stringify(users, null, 1),
  transform: (users: readonly User[]) => users.map((user) => JSON.stringify(user)).join("\n"),
  csv: (users: readonly User[]) =>
    [
      "user_id,email,name",
      ...users.map(({ user_id = "", email = "", name = "" }) => `${user_id},${email},${name}`),
    ].join("\n"),
};

describe("a source that is read through", () => {
  let folder = "";
  let written = 0;
  const opened: ReadSource[] = [];
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "user-import-read-"));
    writeFileSync(
      path.join(folder, "transform.cjs"),
      "module.exports = ({ name, ...user }) => ({ ...user, nickname: name });",
    );
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(() => Promise.all(opened.splice(0).map(({ source }) => source.close())));

  async function read(
    of: readonly (readonly User[])[],
    how: keyof typeof SPELL,
    { key, validate = false }: { key?: string; validate?: boolean } = {},
  ): Promise<ReadSource> {
    const patterns = of.map((users, i) => {
      const file = path.join(folder, `users${++written}-${i}`);
      writeFileSync(file, SPELL[how](users));
      return file;
    });
    const transform = how === "transform" ? path.join(folder, "transform.cjs") : undefined;
    const batches = SHARES.length;
    const done = await SourceReader.read({
      ...{ patterns, transform, unsupportedPasswordHash: "fail", batches, key, validate },
    });
    opened.push(done);
    return done;
  }

  const digests = (of: ReadSource) => SHARES.map(({ index }) => of.shareDigest(index));

  it("says the same to each share with the key and without, and takes the fingerprints as well afterwards", async () => {
    await fc.assert(
      fc.asyncProperty(files, format, async (users, how) => {
        const withKey = await read(users, how, { key: KEY });
        const without = await read(users, how);
        assert.deepEqual(digests(without), digests(withKey));
        assert.deepEqual(digests(await read(users, how, { validate: true })), digests(withKey));
        // All at a time, as the engine asks for batches.
        const later = await Promise.all(SHARES.map((share) => without.withPrints(KEY, share)));
        for (const [i, share] of SHARES.entries()) {
          const atOnce = await withKey.withPrints(KEY, share);
          const other = await withKey.withPrints("another key", share);
          assert.deepEqual(later[i]?.indicesOf(share), atOnce.indicesOf(share));
          for (const index of atOnce.indicesOf(share)) {
            assert.equal(later[i]?.identity(index), atOnce.identity(index));
            assert.equal(later[i]?.record(index), atOnce.record(index));
            assert.notEqual(other.record(index), atOnce.record(index));
          }
        }
        await Promise.all(opened.splice(0).map(({ source }) => source.close()));
      }),
      { numRuns: 40 },
    );
  });

  it("says something else to a share if and only if its records are others, or others of them count", async () => {
    await fc.assert(
      fc.asyncProperty(files, files, fc.boolean(), async (one, other, isEdit) => {
        const [first = [], ...rest] = one;
        const edited = isEdit ? [[...first.slice(0, -1), ...(other[0] ?? []).slice(0, 1)], ...rest] : other;
        const [before, after] = [await read(one, "ndjson"), await read(edited, "ndjson")];
        for (const [i, share] of SHARES.entries()) {
          const same = JSON.stringify(await said(before, one, i)) === JSON.stringify(await said(after, edited, i));
          assert.equal(before.shareDigest(share.index) === after.shareDigest(share.index), same);
        }
        await Promise.all(opened.splice(0).map(({ source }) => source.close()));
      }),
      { numRuns: 60 },
    );
  });

  /** A share's records, each with what becomes of it. */
  async function said(of: ReadSource, users: readonly (readonly User[])[], share: number) {
    const counted = new Set(of.indicesOf({ index: share, count: SHARES.length }));
    return users.flat().flatMap((user, index) => {
      if (shareOf(user, SHARES.length) !== share) return [];
      return [[user, counted.has(index), of.doubleAt(index)?.attribute ?? null]];
    });
  }

  it("in one share says what its files are", async () => {
    const file = path.join(folder, "users");
    writeFileSync(file, SPELL.array([{ user_id: "1" }, { user_id: "2" }]));
    const { source, shareDigest } = await SourceReader.read({
      ...{ patterns: [file], transform: undefined, unsupportedPasswordHash: "fail" },
      ...{ batches: 1, key: undefined, validate: false },
    });
    assert.equal(shareDigest(0), source.digest);
    await source.close();
  });

  it("has no fingerprints without a key", async () => {
    const { identity, record } = await read([[{ email: "jane@example.com" }]], "ndjson");
    assert.throws(() => identity(0), /without the key/);
    assert.throws(() => record(0), /without the key/);
  });

  it("is not read again once its file is another: each who asks is told", async () => {
    const users = Array.from({ length: 30 }, (_, i) => ({ user_id: String(i) }));
    const done = await read([users], "ndjson");
    writeFileSync(String(done.source.files[0]), `${SPELL.ndjson(users)}\n\n`);
    const asked = await Promise.allSettled(SHARES.map((share) => done.withPrints(KEY, share)));
    for (const answer of asked) {
      assert.equal(answer.status, "rejected");
      assert.match(String(answer.reason), /changed while it was in use/);
    }
  });
});
