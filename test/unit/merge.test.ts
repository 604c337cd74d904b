import assert from "node:assert/strict";
import fc from "fast-check";
import { mergeRecords } from "../../provider/plan/merge";
import { type ReadSource, SourceReader } from "../../provider/plan/readSource";
import { identityOf, type User } from "../../provider/schema/identity";
import { problemsOf } from "../../provider/schema/validate";
import { UsersFolder } from "../source/usersFolder";

describe("mergeRecords", () => {
  it("takes of each attribute what the last record says of it", () => {
    const profile = { user_id: "auth0|1", email: "a@b.co", email_verified: true, name: "A", mfa_factors: [{ a: 1 }] };
    const hash = { user_id: "1", email: "A@b.co", password_hash: "$2b$10$x" };
    assert.deepEqual(mergeRecords([profile, hash]), {
      ...{ user_id: "1", email: "A@b.co", email_verified: true, name: "A", mfa_factors: [{ a: 1 }] },
      password_hash: "$2b$10$x",
    });
    assert.deepEqual(mergeRecords([hash, profile, { email_verified: false, mfa_factors: [] }]), {
      ...{ user_id: "1", email: "a@b.co", password_hash: "$2b$10$x", email_verified: false, name: "A" },
      mfa_factors: [],
    });
  });

  it("takes nothing away by what says nothing", () => {
    const said = { email: "a@b.co", name: "A", custom_password_hash: { algorithm: "md5", hash: { value: "x" } } };
    const nothing = { email: null, name: "", custom_password_hash: { algorithm: "md5", hash: { value: "" } } };
    assert.deepEqual(mergeRecords([said, nothing]), said);
    assert.deepEqual(mergeRecords([nothing, said]), said);
  });

  it("merges metadata key by key, at the first level", () => {
    const metadata = (user_metadata: unknown) => ({ email: "a@b.co", user_metadata });
    const merged = (...all: unknown[]) => mergeRecords(all.map(metadata)).user_metadata;
    assert.deepEqual(merged({ a: 1, b: { c: 1 } }, { b: { d: 2 }, e: [] }), { a: 1, b: { d: 2 }, e: [] });
    assert.deepEqual(merged({ a: 1, b: "x" }, { a: null, b: "", c: null }), { a: 1, b: "", c: null });
    assert.deepEqual(merged({ a: 1 }, {}), { a: 1 });
    assert.equal(merged({ a: 1 }, "text"), "text");
    assert.deepEqual(merged([1], { a: 1 }), { a: 1 });
    const own = JSON.parse('{"__proto__":{"x":1},"a":1}');
    assert.equal(JSON.stringify(merged(own, { b: 2 })), '{"__proto__":{"x":1},"a":1,"b":2}');
    assert.equal(JSON.stringify(merged({ b: 2 }, own)), '{"b":2,"__proto__":{"x":1},"a":1}');
  });

  it("leaves one hash, the last one, of whichever kind", () => {
    const plain = { email: "a@b.co", password_hash: "$2b$10$x" };
    const custom = { custom_password_hash: { algorithm: "bcrypt", hash: { value: "$2y$12$x" } } };
    assert.deepEqual(mergeRecords([plain, custom]), { email: "a@b.co", ...custom });
    assert.deepEqual(mergeRecords([custom, plain]), plain);
    assert.deepEqual(mergeRecords([custom, { ...plain, password_hash: "" }]), { ...custom, email: "a@b.co" });
  });
});

describe("records of one user in several files, with merge", () => {
  let folder: UsersFolder;
  const opened: ReadSource[] = [];
  const cwd = process.cwd();
  beforeEach(async () => {
    folder = await UsersFolder.create();
    process.chdir(folder.path);
  });
  afterEach(async () => {
    process.chdir(cwd);
    await Promise.all(opened.splice(0).map(({ source }) => source.close()));
    await folder.remove();
  });

  const SHARES = [0, 1, 2].map((index) => ({ index, count: 3 }));
  const reading = { transform: undefined, unsupportedPasswordHash: "fail", batches: SHARES.length } as const;
  let written = 0;

  async function read(
    files: readonly (readonly User[])[],
    more: { key?: string; merge?: boolean; validate?: boolean },
  ) {
    const patterns: string[] = [];
    for (const users of files) {
      const text = users.map((user) => `${JSON.stringify(user)}\n`).join("");
      patterns.push(await folder.write(`${String(++written).padStart(6, "0")}.ndjson`, text));
    }
    const read = await SourceReader.read({
      ...reading,
      patterns,
      key: undefined,
      merge: true,
      validate: false,
      ...more,
    });
    opened.push(read);
    return read;
  }

  async function counted(of: ReadSource): Promise<Map<number, User>> {
    const indices = SHARES.flatMap((share) => [...of.indicesOf(share)]).sort((a, b) => a - b);
    const found = new Map<number, User>();
    for await (const { index, user } of of.source.records(indices)) if (!of.doubleAt(index)) found.set(index, user);
    return found;
  }

  const user = fc.record(
    {
      user_id: fc.constantFrom("1", "2", "3", "4", "5", "6", "7", "8"),
      name: fc.constantFrom("Jane", "", null),
      nickname: fc.constantFrom("J", "Z"),
      user_metadata: fc.dictionary(fc.constantFrom("a", "b"), fc.integer({ max: 3, min: 1 }), {
        noNullPrototype: true,
      }),
    },
    { requiredKeys: ["user_id"] },
  ) as fc.Arbitrary<User>;
  const files = fc.array(fc.array(user, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 3 });

  it("are one record, at the place of the last one; a second one in the same file is told", async () => {
    await fc.assert(
      fc.asyncProperty(files, async (all) => {
        const expected = new Map<string, User[]>();
        const places = new Map<string, number>();
        let index = 0;
        let doubles = 0;
        for (const users of all) {
          const seen = new Set<string>();
          for (const each of users) {
            const identity = identityOf(each) as string;
            if (seen.has(identity)) doubles++;
            else expected.set(identity, [...(expected.get(identity) ?? []), each]);
            if (!seen.has(identity)) places.set(identity, index);
            seen.add(identity);
            index++;
          }
        }
        const of = await read(all, {});
        const found = await counted(of);
        assert.deepEqual(
          new Map([...found].map(([at, each]) => [identityOf(each), { at, user: mergeRecords([each]) }])),
          new Map(
            [...expected].map(([identity, parts]) => [
              identity,
              { at: places.get(identity), user: mergeRecords(parts) },
            ]),
          ),
        );
        assert.equal(Array.from({ length: index }, (_, i) => of.doubleAt(i)).filter(Boolean).length, doubles);
        for (const at of found.keys()) assert.deepEqual((await of.source.read(at)).user, found.get(at));
      }),
      { numRuns: 60 },
    );
  });

  it("have one fingerprint, with the key at once and afterwards, which an edit of any of them changes", async () => {
    await fc.assert(
      fc.asyncProperty(files, fc.nat(), async (all, nth) => {
        const [atOnce, later] = [await read(all, { key: "key" }), await read(all, {})];
        const prints = new Map<string, number>();
        for (const share of SHARES) {
          const [one, other] = [await atOnce.withPrints("key", share), await later.withPrints("key", share)];
          assert.equal(atOnce.shareDigest(share.index), later.shareDigest(share.index));
          for (const index of one.indicesOf(share)) {
            assert.equal(one.record(index), other.record(index));
            assert.equal(one.identity(index), other.identity(index));
            prints.set(`${index}`, one.record(index));
          }
        }
        const flat = all.flat();
        const edited = nth % flat.length;
        let index = 0;
        const others = all.map((users) =>
          users.map((each) => (index++ === edited ? { ...each, family_name: "X" } : each)),
        );
        const after = await read(others, { key: "key" });
        const id = flat[edited]?.user_id;
        for (const share of SHARES) {
          const one = await after.withPrints("key", share);
          for (const at of one.indicesOf(share)) {
            if (one.doubleAt(at) !== undefined) continue;
            const { user } = await one.source.read(at);
            const isEdited = user.family_name === "X";
            if (isEdited) assert.equal(user.user_id, id);
            assert.equal(one.record(at) !== prints.get(`${at}`), isEdited);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it("are checked together, not each by itself", async () => {
    const hash = "$2b$10$astfI2WINyR.78ZZafV.G/GpTkJTQnmPlMI4iO1buwTFf14bWYR62";
    const all = [
      [
        { user_id: "1", email: "a@b.co", email_verified: true, name: "A" },
        { user_id: "2", name: "no@verified" },
      ],
      [
        { user_id: "1", password_hash: hash },
        { user_id: "2", email: "c@d.eu", nick: "wrong" },
        { user_id: "3", email: "e@f.org" },
      ],
    ];
    const of = await read(all, { validate: true });
    const found = await counted(of);
    assert.deepEqual([...found.keys()], [2, 3, 4]);
    assert.deepEqual(
      [2, 3, 4].map((index) => of.isInvalid(index)),
      [false, true, false],
    );
    // Of the users that there are, and not of the parts.
    const warnings = new Map<string, number>();
    for (const each of found.values()) {
      for (const { severity, code } of problemsOf(each, each)) {
        if (severity === "warning") warnings.set(code, (warnings.get(code) ?? 0) + 1);
      }
    }
    assert.deepEqual(of.notes.warnings, warnings);
    const [jane] = found.values();
    assert.equal(of.insertBytes(2, false), Buffer.byteLength(JSON.stringify(jane)));
    assert.deepEqual(of.remarks, []);
  });

  it("frees no identifier of theirs for others", async () => {
    const of = await read(
      [
        [{ user_id: "1", username: "jane" }],
        [
          { user_id: "1", email: "a@b.co" },
          { user_id: "2", username: "JANE" },
        ],
      ],
      {},
    );
    assert.deepEqual(of.doubleAt(2), { attribute: "username", of: { file: of.source.files[1], line: 1 } });
  });

  it("count alone without it, and what is lost is told once", async () => {
    const profiles = ["1", "2"].map((user_id) => ({
      user_id,
      email: `${user_id}@b.co`,
      name: "A",
      user_metadata: { a: 1 },
    }));
    const hashes = ["1", "2"].map((user_id) => ({ user_id, email: `${user_id}@b.co`, password_hash: "x" }));
    const of = await read([profiles, [...hashes, { user_id: "3", email: "c@d.eu" }]], { merge: false });
    assert.deepEqual([...(await counted(of)).values()], [...hashes, { user_id: "3", email: "c@d.eu" }]);
    assert.deepEqual(of.remarks, [
      {
        ...{ code: "LESS_THAN_BEFORE", severity: "warning", file: of.source.files[1] },
        message:
          "2 records lack what an earlier file says of the same users, and count alone: name 2, user_metadata 2. merge (--merge) puts the records of a user together",
      },
    ]);
    const custom = { user_id: "1", email: "1@b.co", custom_password_hash: { algorithm: "md5", hash: { value: "x" } } };
    const corrected = await read([hashes, [custom]], { merge: false });
    assert.deepEqual(corrected.remarks, []);
  });

  it("are another source, but to shares of which none has such records", async () => {
    const all = [
      [
        { user_id: "1", email: "1@b.co", name: "A" },
        { user_id: "2", email: "2@b.co" },
        { user_id: "3", email: "3@b.co" },
      ],
      [{ user_id: "1", email: "1@b.co" }],
    ];
    const [without, merged] = [await read(all, { merge: false }), await read(all, {})];
    assert.notEqual(without.source.digest, merged.source.digest);
    const others = SHARES.filter(({ index }) => without.shareDigest(index) !== merged.shareDigest(index));
    assert.deepEqual(
      others,
      SHARES.filter((share) => [...merged.indicesOf(share)].includes(3)),
    );
  });
});
