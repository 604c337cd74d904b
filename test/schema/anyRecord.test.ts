import assert from "node:assert/strict";
import fc from "fast-check";
import { type Connection, seededConnections } from "../../emulator/connections";
import { validateRecord } from "../../emulator/recordRules";
import { omitUnsupportedHash, problemsOf } from "../../provider/schema/validate";
import { type Attributes, ERRORS, record, WARNINGS } from "./corpus";

const [connection] = seededConnections() as [Connection];

const cases = [...ERRORS, ...WARNINGS].flatMap(({ edge, beyond }) => [...edge, ...beyond]);

/** What some attribute has in some case of the corpus, sound or not. */
const knownAttribute = fc
  .constantFrom(...cases.filter((each) => Object.keys(each).length > 0))
  .chain((each) => fc.constantFrom(...Object.entries(each)));

/** The names that mean something, at any depth, and some that mean trouble. */
const name = fc.oneof(
  fc.constantFrom(
    ...new Set(cases.flatMap(namesIn)),
    "__proto__",
    "constructor",
    "toString",
    "length",
    "a.b",
    "$a",
    "",
  ),
  fc.string({ unit: "binary", maxLength: 5 }),
);

function namesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const inside = Object.values(value).flatMap(namesIn);
  return Array.isArray(value) ? inside : [...Object.keys(value), ...inside];
}

/** JSON of any shape, which may hold the leaves given. */
function json(leaf: fc.Arbitrary<unknown>): fc.Arbitrary<Attributes> {
  const { object } = fc.letrec<{ object: Attributes; value: unknown }>((tie) => ({
    object: fc.array(fc.tuple(name, tie("value")), { maxLength: 6 }).map(toObject),
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.constantFrom(true, false, null),
      tie("object"),
      fc.array(tie("value"), { maxLength: 3 }),
      knownAttribute.map(([, value]) => value ?? null),
    ),
  }));
  return object;
}

/** As JSON.parse makes it: `__proto__` is a key like any other. */
function toObject(entries: readonly (readonly [string, unknown])[]): Attributes {
  return JSON.parse(`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`);
}

describe("any record", () => {
  it("is validated without an exception, and the same hash is omitted or not", () => {
    const leaf = fc.oneof(fc.string({ unit: "binary" }), fc.double({ noNaN: true, noDefaultInfinity: true }));
    fc.assert(
      fc.property(json(leaf), (user) => {
        for (const { code, path, message, severity } of problemsOf(user)) {
          assert.match(code, /^[A-Z_]+$/);
          assert.match(severity, /^(error|warning)$/);
          assert.ok(message.length > 0 && path.length < 300);
          assert.doesNotMatch(message, /undefined|\[object|Invalid/);
        }
        const { user: kept, omitted } = omitUnsupportedHash(user);
        assert.equal(kept === user, !omitted);
      }),
      { numRuns: 3_000 },
    );
  });

  it("is never quoted, whatever its values are", () => {
    const secret = fc.constantFrom(
      ...[
        "SECRET",
        " SECRET",
        "SECRET@SECRET.com",
        "a@SECRET",
        "+SECRET",
        "$2b$10$SECRET",
        "$argon2id$m=1,t=1,p=1$SECRET$a",
      ],
      ...["{SSHA}SECRET", "{SECRET}abcd", "$pbkdf2-SECRET$i=1$a$b", "SECRET.", "\u{1b}SECRET", "SECRET".repeat(60)],
      7_335_237,
      -7_335_237.5,
    );
    fc.assert(
      fc.property(json(secret), (user) => {
        assert.doesNotMatch(JSON.stringify(problemsOf(user)), /SECRET|7335237/);
      }),
      { numRuns: 3_000 },
    );
  });

  it("is an error where, and only where, the emulator refuses it, or there is a warning", () => {
    const nearlyValid = fc
      .tuple(fc.array(knownAttribute, { maxLength: 4 }), fc.option(json(fc.string()), { freq: 1 }))
      .map(([known, unknown]) => ({ ...record(Object.fromEntries(known)), ...unknown }))
      .map((user): Attributes => JSON.parse(JSON.stringify(user)));
    fc.assert(
      fc.property(nearlyValid, (user) => {
        const problems = problemsOf(user);
        const refused = validateRecord(user, connection).length > 0;
        const isRefusedByUs = problems.some(({ severity }) => severity === "error");
        if (isRefusedByUs) assert.ok(refused, JSON.stringify(problems));
        else if (refused) assert.ok(problems.length > 0);
      }),
      { numRuns: 5_000 },
    );
  });
});
