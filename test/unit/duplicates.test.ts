import assert from "node:assert/strict";
import fc from "fast-check";
import { type Doubles, resolveDoubles } from "../../provider/plan/doubles";
import { IdentifierIndex, UNIQUE_ATTRIBUTES } from "../../provider/plan/duplicates";
import { IndexSet } from "../../provider/plan/indexSet";
import { identityOf, normalizeUser, type User } from "../../provider/schema/identity";
import { openSource, type Source } from "../../provider/source";
import { UsersFolder } from "../source/usersFolder";

describe("IdentifierIndex", () => {
  it("tells which record has an identifier already, in any case", () => {
    const index = new IdentifierIndex();
    assert.deepEqual(index.add(0, { email: "Jane@Example.com", user_id: "a1" }), []);
    assert.deepEqual(index.add(1, { username: "jane", phone_number: "+1" }), []);
    assert.deepEqual(index.add(7, { email: "jane@example.COM", username: "JANE", phone_number: "+2" }), [
      { attribute: "email", earlier: 0 },
      { attribute: "username", earlier: 1 },
    ]);
    assert.deepEqual(index.add(8, { user_id: "A1", phone_number: "+2" }), [
      { attribute: "user_id", earlier: 0 },
      { attribute: "phone_number", earlier: 7 },
    ]);
  });

  it("tells the first of several", () => {
    const index = new IdentifierIndex();
    for (const each of [3, 5]) index.add(each, { email: "jane@example.com" });
    assert.deepEqual(index.add(6, { email: "jane@example.com" }), [{ attribute: "email", earlier: 3 }]);
  });

  it("keeps attributes apart, and passes over what is no identifier", () => {
    const index = new IdentifierIndex();
    index.add(0, { email: "x", name: "x", user_id: "" });
    assert.deepEqual(index.add(1, { username: "x", name: "x", user_id: "", phone_number: 5, email: ["x"] }), []);
  });

  it("does not take another attribute with another letter for the same", () => {
    const letters = [..."abcdefghijklmnopqrstuvwxyz0123456789"];
    const index = new IdentifierIndex();
    letters.forEach((letter, i) => {
      const user = { email: letter, user_id: letter, username: letter, phone_number: letter };
      assert.deepEqual(index.add(i, user), []);
    });
  });

  for (const expected of [0, 7_000, 200_000]) {
    it(`finds each of many, and gives no false alarm among them; expected: ${expected}`, () => {
      const index = new IdentifierIndex(expected);
      const count = 100_000;
      const user = (i: number): User => ({ email: `user${i}@example.com`, user_id: `${i}` });
      for (let i = 0; i < count; i++) assert.deepEqual(index.add(i, user(i)), []);
      for (let i = 0; i < count; i += 97) {
        assert.deepEqual(
          index.add(count + i, user(i)).map(({ earlier }) => earlier),
          [i, i],
        );
      }
    });
  }
});

describe("resolveDoubles", () => {
  let folder: UsersFolder;
  const sources: Source[] = [];
  beforeEach(async () => {
    folder = await UsersFolder.create();
  });
  afterEach(async () => {
    await Promise.all(sources.splice(0).map((source) => source.close()));
    await folder.remove();
  });

  async function resolve(...files: readonly (readonly User[])[]): Promise<Doubles> {
    const names = await Promise.all(
      files.map((users, i) => folder.write(`${i}.ndjson`, users.map((each) => `${JSON.stringify(each)}\n`).join(""))),
    );
    const identifiers = new IdentifierIndex();
    const suspects = new IndexSet();
    const source = await openSource(names, folder.path, {
      onRecord: ({ index, user }) => {
        for (const { earlier } of identifiers.add(index, normalizeUser(user))) suspects.add(index).add(earlier);
      },
    });
    sources.push(source);
    return resolveDoubles(source, suspects);
  }

  const jane = { email: "jane@example.com", user_id: "1" };
  const NONE = new Map();

  it("tells of a user who stands twice in a file, with the place of the first", async () => {
    const { overridden, doubles } = await resolve([
      { email: "x@example.com" },
      jane,
      { user_id: "auth0|1", email: "y@x.co" },
    ]);
    assert.deepEqual(doubles, new Map([[2, { attribute: "user_id", of: { file: "0.ndjson", line: 2 } }]]));
    assert.equal(overridden.size, 0);
  });

  it("takes nothing from who is left out himself", async () => {
    const left = { email: "jane@example.com", username: "jj" };
    const { doubles } = await resolve([jane, left, { email: "jj@example.com", username: "jj" }]);
    assert.deepEqual([...doubles.keys()], [1]);
  });

  it("tells of another user with the same email in a later file", async () => {
    const { overridden, doubles } = await resolve([jane], [{ ...jane, user_id: "2" }]);
    assert.deepEqual(doubles, new Map([[1, { attribute: "email", of: { file: "0.ndjson", line: 1 } }]]));
    assert.equal(overridden.size, 0);
  });

  it("lets a later file override the same user, all records of an earlier one, and nobody else", async () => {
    const { overridden, doubles } = await resolve(
      [jane, jane, { email: "john@example.com" }],
      [{ ...jane, name: "J" }],
    );
    assert.deepEqual(
      [0, 1, 2, 3].map((index) => overridden.has(index)),
      [true, true, false, false],
    );
    assert.deepEqual(doubles, NONE);
  });

  it("frees what an overridden record had for identifiers, also for those who stand before", async () => {
    const john = { email: "jane@example.com", user_id: "2" };
    const { doubles } = await resolve([jane, john], [{ ...jane, email: "new@example.com" }]);
    assert.deepEqual(doubles, NONE);
  });

  it("agrees with who compares each record with each", async () => {
    const value = fc.constantFrom("a", "A", "b", "c", undefined);
    const user = fc.record({ email: value, user_id: value, username: value, phone_number: value });
    const known = user.filter((each) => identityOf(each) !== undefined);
    const files = fc.array(fc.array(known, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(files, async (each) => {
        const { overridden, doubles } = await resolve(...each);
        const expected = compareAll(each);
        assert.deepEqual(
          expected.map((_, index) => (overridden.has(index) ? "overridden" : (doubles.get(index)?.of ?? "counts"))),
          expected,
        );
      }),
      { numRuns: 300 },
    );
  }).timeout(60_000);

  function compareAll(files: readonly (readonly User[])[]): unknown[] {
    const records = files.flatMap((users, file) => users.map((user, i) => ({ user, file, line: i + 1 })));
    const verdicts: unknown[] = [];
    for (const { user, file } of records) {
      const isSame = (other: User) => identityOf(other) === identityOf(user);
      const collides = (other: User) =>
        UNIQUE_ATTRIBUTES.filter(
          (each) => user[each] !== undefined && String(user[each]).toLowerCase() === String(other[each]).toLowerCase(),
        );
      const before = records.filter((other, i) => verdicts[i] === "counts" && collides(other.user).length > 0);
      // The attributes in their order decide which of several earlier records is named.
      const [attribute] = UNIQUE_ATTRIBUTES.filter((each) =>
        before.some((other) => collides(other.user).includes(each)),
      );
      const holder = before.find((other) => attribute !== undefined && collides(other.user).includes(attribute));
      if (records.some((other) => other.file > file && isSame(other.user))) verdicts.push("overridden");
      else verdicts.push(holder === undefined ? "counts" : { file: `${holder.file}.ndjson`, line: holder.line });
    }
    return verdicts;
  }
});
