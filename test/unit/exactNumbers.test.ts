import assert from "node:assert/strict";
import fc from "fast-check";
import { ExactNumber, isKept, isUnsafe, isWritten, jsonText, withPlainNumbers } from "../../provider/json/exactNumber";
import { keepNumbers, keysTwice, mayBeLarge, mayBeLong, mayHaveKeyTwice } from "../../provider/json/flaws";
import { parseExactly } from "../../provider/json/parseExactly";
import { canonicalJson } from "../../provider/ledger/fingerprint";

const LONG = "15793596808644611";

describe("numbers that doubles do not keep", () => {
  it("are told from those that they keep, in whatever spelling", () => {
    for (const text of [
      "0",
      "-0",
      "0.0",
      "1.50",
      "1e3",
      "1E+2",
      "100e-2",
      "0.1",
      "9007199254740991",
      "1.7976931348623157e308",
    ]) {
      assert.ok(isKept(text), text);
    }
    for (const text of [
      LONG,
      `-${LONG}`,
      `${LONG}.0`,
      "9007199254740993",
      "1e400",
      "-1e400",
      "1e-400",
      "0.1234567890123456789",
    ]) {
      assert.ok(!isKept(text), text);
    }
    // Of whole doubles beyond 2^53, JSON has the shortest digits that lead there, which are mostly another number's.
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (each) => {
        const text = JSON.stringify(each);
        assert.ok(isWritten(text), text);
        assert.ok(isKept(text) || isUnsafe(text), text);
      }),
      { numRuns: 2_000, examples: [[441319831392747520], [2 ** 60], [-(2 ** 70)]] },
    );
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), (each) => {
        assert.equal(isKept(String(each)), BigInt(Number(each)) === each);
      }),
    );
    // A double, but not written again as it was.
    assert.deepEqual([isKept("441319831392747520"), isWritten("441319831392747520")], [true, false]);
    assert.deepEqual([isKept("441319831392747500"), isWritten("441319831392747500")], [false, true]);
    assert.ok(isKept("1e+23") && !isKept("1".repeat(400)));
  });

  it("are not overlooked where they are whole or too large, and no others are looked at closely", () => {
    const whole = fc
      .tuple(fc.constantFrom("", "-"), fc.bigInt({ min: 2n ** 53n, max: 10n ** 40n }))
      .map((parts) => parts.join(""));
    const large = fc
      .tuple(
        fc.constantFrom("", "-"),
        fc.nat(99),
        fc.constantFrom("", ".5"),
        fc.constantFrom("e", "E", "e+"),
        fc.integer({ min: 309, max: 99_999 }),
      )
      .map((parts) => parts.join(""));
    const around = fc.constantFrom(['{"a":', "}"], ['{"a": ', ' ,"b":1}'], ["[1,", "]"], ["[", "\n]"]);
    fc.assert(
      fc.property(fc.oneof(whole, large), around, (number, [before = "", after = ""]) => {
        assert.ok(mayBeLong(before + number + after) || mayBeLarge(before + number + after));
      }),
    );
    const usual = JSON.stringify({
      user_id: "5f7c8ec7c33c6c004bbafe82",
      n: 1234567890.25,
      at: 1597141066123,
      hash: "$2b$10$1e400ab",
    });
    assert.ok(!mayBeLong(usual) && !mayBeLarge(usual));
  });

  const number = fc.oneof(
    fc.bigInt({ min: -(10n ** 22n), max: 10n ** 22n }).map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => JSON.stringify(each)),
    fc.constantFrom("1e400", "-1E999", "0.1234567890123456789", "1.0"),
  );
  const key = fc.constantFrom("a", "b", "__proto__", 'q"', "k:");
  const { json } = fc.letrec<{ json: string }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      number,
      fc.string().map((each) => JSON.stringify(each)),
      fc.array(tie("json"), { maxLength: 4 }).map((all) => `[${all.join(",")}]`),
      fc
        .uniqueArray(fc.tuple(key, tie("json")), { maxLength: 4, selector: ([name]) => name })
        .map((all) => `{${all.map(([name, each]) => `${JSON.stringify(name)}:${each}`).join(",")}}`),
    ),
  }));

  /** All numbers in the one spelling that they have in common. */
  const respelt = (text: string) => {
    const value = JSON.parse(
      text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (each) =>
        each.startsWith('"')
          ? each
          : isKept(each) && isWritten(each)
            ? JSON.stringify(Number(each))
            : `"exact ${each}"`,
      ),
    );
    return JSON.stringify(value).replaceAll(/"exact ([^"]*)"/g, "$1");
  };

  it("are written as they are spelt, wherever they stand, and rounded for who takes them for numbers", () => {
    fc.assert(
      fc.property(json, (text) => {
        const value = JSON.parse(text);
        keepNumbers([value], `[${text}]`);
        const holder = [JSON.parse(text)];
        keepNumbers(holder, `[${text}]`);
        assert.equal(jsonText(holder[0]), respelt(text));
        assert.deepEqual(withPlainNumbers(holder[0]), JSON.parse(text));
        // Who does not know of them, loses no more than before.
        assert.equal(JSON.stringify(holder[0]), JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it("change a fingerprint by their last digit; others have the one that they had", () => {
    const [one, other] = [LONG, "15793596808644612"].map((id) => parseExactly(`{"b":[{"id":${id}}],"a":1.50}`));
    assert.equal(canonicalJson(one), `{"a":1.5,"b":[{"id":"\\u0000number ${LONG}"}]}`);
    assert.notEqual(canonicalJson(one), canonicalJson(other));
    // Both are written as the same double, and one of them is it.
    const [is, isNot] = ["[441319831392747520]", "[441319831392747500]"].map(parseExactly);
    assert.equal(canonicalJson(is), JSON.stringify([441319831392747520]));
    assert.notEqual(canonicalJson(isNot), canonicalJson(is));
    // Of these two, one is a double.
    assert.equal(canonicalJson(other), JSON.stringify({ a: 1.5, b: [{ id: 15793596808644612 }] }));
  });

  it("are told with their path, as are long whole numbers that are doubles by chance", () => {
    const text = `{"a":{"x":[1,${LONG}]},"b":1e400,"c":15793596808644612,"d":9007199254740991,"e":"${LONG}"}`;
    assert.deepEqual(
      keepNumbers(JSON.parse(text), text).map(({ kind, path }) => `${kind} ${path.join(".")}`),
      ["number a.x.1", "number b", "number c"],
    );
  });

  it("do not come back where another value with the same key has won", () => {
    for (const text of [
      `{"a":${LONG},"a":1}`,
      `{"a":{"b":${LONG}},"a":{}}`,
      `{"a":[${LONG}],"a":{"0":1}}`,
      `{"a":${LONG},"a":"x"}`,
    ]) {
      assert.equal(jsonText(parseExactly(text)), JSON.stringify(JSON.parse(text)));
    }
    assert.ok((parseExactly(`{"a":1,"a":${LONG}}`) as { a: unknown }).a instanceof ExactNumber);
  });
});

describe("keys that an object has twice", () => {
  const told = (text: string) => keysTwice(text).map(({ path }) => path.join("."));

  it("are found with their path, and nowhere else", () => {
    assert.deepEqual(told('{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}],"d":"\\"a\\":1,\\"a\\":2"}'), []);
    assert.deepEqual(told('{"a":1,"b":{"x":1,"y":{"z":1,"z":2},"x":2},"a":1,"a":2,"c":[0,{"q":1,"q":1}]}'), [
      "b.y.z",
      "b.x",
      "a",
      "a",
      "c.1.q",
    ]);
    assert.deepEqual(told('{"\\u0061":1,"a":2,"__proto__":1,"__proto__":2,"constructor":1}'), ["a", "__proto__"]);
  });

  it("are suspected wherever there are some", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(value, fc.string(), fc.nat(1), value, (one, name, spaces, other) => {
        const [key, first, second] = [name, one, other].map((each) => JSON.stringify(each, undefined, spaces));
        const text = `{"id":"a:b",${key}:${first},"x":{},${key}: ${second}}`;
        assert.equal(mayHaveKeyTwice(text, JSON.parse(text)), true);
        const once = JSON.stringify({ id: "a:b", [`${name}!`]: one, [name]: other }, undefined, spaces);
        assert.equal(mayHaveKeyTwice(once, JSON.parse(once)), false);
      }),
    );
  });
});
