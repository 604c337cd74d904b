import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import isEmail from "validator/lib/isEmail";
import { type Connection, seededConnections } from "../../emulator/connections";
import { validateRecord } from "../../emulator/recordRules";
import { FAILURE_CODES } from "../../provider/results/failureCodes";
import { declaredRules } from "../../provider/schema/rule";
import { omitUnsupportedHash, problemsOf, type RecordProblem } from "../../provider/schema/validate";
import { ADDRESSES, type Attributes, BCRYPT, ERRORS, hashed, isOf, record, WARNINGS } from "./corpus";

const [connection] = seededConnections() as [Connection];

/** As it arrives at the service. */
function asJson(attributes: Attributes): Attributes {
  return JSON.parse(JSON.stringify(record(attributes))) as Attributes;
}

function errors(problems: readonly RecordProblem[]): RecordProblem[] {
  return problems.filter(({ severity }) => severity === "error");
}

describe("the validation of records", () => {
  describe("agrees with the emulator on what is an error", () => {
    for (const each of ERRORS) {
      it(each.rule, () => {
        for (const edge of each.edge.map(asJson)) {
          assert.deepEqual(problemsOf(edge), [], JSON.stringify(edge));
          assert.deepEqual(validateRecord(edge, connection), [], JSON.stringify(edge));
        }
        assert.ok(each.beyond.length > 0);
        for (const beyond of each.beyond.map(asJson)) {
          const found = errors(problemsOf(beyond));
          assert.ok(
            found.some((problem) => isOf(each, problem)),
            `${JSON.stringify(beyond)}: ${JSON.stringify(found)}`,
          );
          const codes = validateRecord(beyond, connection).map(({ code }) => code);
          assert.ok(codes.includes(each.code as (typeof codes)[number]), `${JSON.stringify(beyond)}: ${codes}`);
        }
      });
    }
  });

  describe("only warns where", () => {
    for (const each of WARNINGS) {
      it(`${each.rule} (the emulator ${each.emulator} what is beyond)`, () => {
        for (const edge of each.edge.map(asJson)) {
          assert.deepEqual(problemsOf(edge), [], JSON.stringify(edge));
          assert.deepEqual(validateRecord(edge, connection), [], JSON.stringify(edge));
        }
        assert.ok(each.beyond.length > 0);
        for (const beyond of each.beyond.map(asJson)) {
          const problems = problemsOf(beyond);
          assert.deepEqual(errors(problems), [], JSON.stringify(beyond));
          assert.ok(
            problems.some((problem) => isOf(each, problem)),
            `${JSON.stringify(beyond)}: ${JSON.stringify(problems)}`,
          );
          const refused = validateRecord(beyond, connection).length > 0;
          assert.equal(refused ? "refuses" : "takes", each.emulator, JSON.stringify(beyond));
        }
      });
    }
  });

  describe("warns of an e-mail address, and says why, unless it", () => {
    const messages = new Set<string>();
    for (const [rule, { takes = [], refuses }] of Object.entries(ADDRESSES)) {
      it(rule, () => {
        for (const email of takes) assert.deepEqual(problemsOf(record({ email })), [], email);
        const problems = refuses.map((email) => problemsOf(record({ email })));
        const [[{ message }]] = problems as [[RecordProblem]];
        assert.deepEqual(
          problems,
          refuses.map(() => [{ code: "FORMAT", path: "email", message, severity: "warning" }]),
        );
        assert.ok(!messages.has(message), "another rule says the same");
        messages.add(message);
      });
    }

    it("is one that Auth0's own function takes", () => {
      const address = fc.stringMatching(/^(?:[a-z.é"'+-]{1,4})@(?:[a-z0-9é-]{0,3}\.){0,3}[a-z1香]{0,3}$/);
      fc.assert(
        fc.property(address, (email) => {
          const isRefused = problemsOf(record({ email })).some(({ code }) => code === "FORMAT");
          assert.equal(!isRefused, isEmail(email), email);
        }),
        { numRuns: 3_000 },
      );
    });
  });

  it("is tried by the corpus rule by rule", () => {
    const addresses = Object.values(ADDRESSES).flatMap(({ refuses }) => refuses.map((email) => ({ email })));
    const all = [...ERRORS, ...WARNINGS].flatMap(({ beyond }) => beyond);
    const broken = [...all, ...addresses].flatMap((each) => problemsOf(asJson(each)));
    const messages = new Set(broken.map(({ message }) => message));
    assert.deepEqual(
      declaredRules().filter(({ message }) => !messages.has(message)),
      [],
    );
  });

  it("uses no code that is not explained", () => {
    const explained = new Set(FAILURE_CODES.map(({ code }) => code));
    const codes = new Set([...ERRORS, ...WARNINGS].map(({ code }) => code));
    assert.deepEqual(
      [...codes].filter((code) => !explained.has(code)),
      [],
    );
  });

  it("takes all of Auth0's own examples", () => {
    const folder = path.resolve(__dirname, "../../../test/fixtures/auth0");
    const examples = readdirSync(folder).flatMap(
      (name) => JSON.parse(readFileSync(path.join(folder, name), "utf8")) as Attributes[],
    );
    assert.equal(examples.length, 14);
    const codes = examples.flatMap((each) => problemsOf(each)).map(({ code }) => code);
    assert.deepEqual(codes, Array(4).fill("EMAIL_VERIFIED_MISSING"));
  });

  it("tells all that is wrong with a record, each in its place", () => {
    const user = record({
      email: "jane",
      email_verified: "yes",
      username: `${"x".repeat(129)}ü`,
      nick: 1,
      app_metadata: { blocked: true, "a.b": { $c: 1 } },
      user_metadata: [],
      mfa_factors: [{ totp: {}, phone: { value: "1" } }],
      ...hashed("scrypt", { value: "0", encoding: "hex" }, { keylen: 0, cost: 3, salt: {}, rounds: 1 }),
      password_hash: "",
    });
    assert.deepEqual(
      problemsOf(user)
        .map(({ code, path, severity }) => `${severity} ${code} ${path}`)
        .sort(),
      [
        "error FORMAT email",
        "error INVALID_TYPE email_verified",
        "error INVALID_TYPE user_metadata",
        "error MAX_LENGTH username",
        "error MINIMUM custom_password_hash.keylen",
        "error NOT_PASSED ",
        "error NOT_PASSED app_metadata.blocked",
        "error NOT_PASSED custom_password_hash.cost",
        "error NOT_PASSED custom_password_hash.rounds",
        "error NOT_PASSED mfa_factors[0]",
        "error NOT_PASSED nick",
        "error OBJECT_REQUIRED custom_password_hash.salt.value",
        "error OBJECT_REQUIRED mfa_factors[0].totp.secret",
        'error PATTERN app_metadata["a.b"]',
        'error PATTERN app_metadata["a.b"].$c',
        "error PATTERN custom_password_hash.hash.value",
        "error PATTERN mfa_factors[0].phone.value",
        "error PATTERN password_hash",
        "error PATTERN username",
      ],
    );
  });

  it("passes over attributes that are undefined, which JSON leaves out", () => {
    assert.deepEqual(problemsOf(record({ nick: undefined, app_metadata: undefined, password_hash: undefined })), []);
  });

  it("takes names that objects inherit for what they are: unknown attributes", () => {
    for (const name of ["constructor", "toString", "__proto__"]) {
      const user = JSON.parse(`{"email":"j@x.co","email_verified":true,"${name}":{}}`) as Attributes;
      assert.deepEqual(
        problemsOf(user).map(({ code, path }) => [code, path]),
        [["NOT_PASSED", name]],
      );
    }
  });

  it("shows keys cut, without what may be personal or control a terminal", () => {
    const shown = (key: string) => problemsOf(record({ user_metadata: { [key]: { $x: 1 } } })).at(-1)?.path;
    assert.equal(shown("friends"), "user_metadata.friends.$x");
    assert.equal(shown("jane.doe@example.com"), 'user_metadata["‹email›"].$x');
    assert.equal(shown("tel +12125550001"), 'user_metadata["tel +‹number›"].$x');
    assert.equal(shown("straße"), 'user_metadata["straße"].$x');
    assert.equal(shown('\u{1b}[2J"]\u{202e}\n'), 'user_metadata["�[2J�]��"].$x');
    assert.equal(shown("😀".repeat(1000)), `user_metadata["${"😀".repeat(40)}…"].$x`);
    const deep = problemsOf(record({ user_metadata: nested(400, { $x: 1 }) })).at(-1)?.path ?? "";
    assert.match(deep, /^user_metadata(\.a)+…$/);
    assert.ok(deep.length < 300);
  });

  it("does not mind how deep metadata is nested", () => {
    assert.deepEqual(problemsOf(record({ user_metadata: nested(100_000, {}) })), []);
    assert.equal(problemsOf(record({ user_metadata: nested(100_000, { $x: 1 }) })).length, 1);
  });

  function nested(depth: number, innermost: object): object {
    let value = innermost;
    for (let i = 0; i < depth; i++) value = { a: value };
    return value;
  }

  describe("omits a hash", () => {
    const omitted: [what: string, hash: Attributes][] = [
      ["that PHP wrote", { password_hash: BCRYPT.replace("2b", "2y") }],
      ["of 12 rounds", { password_hash: BCRYPT.replace("$10$", "$12$") }],
      ["that is none", { password_hash: "" }],
      ["in LDAP's {CRYPT}", hashed("ldap", { value: "{CRYPT}$1$abc$def" })],
      ["of an unknown algorithm", hashed("yescrypt", { value: "$y$" }, { rounds: 5 })],
      ["in an encoding that its algorithm does not have", hashed("md5", { value: "x", encoding: "utf8" })],
      ["of an unknown digest", hashed("hmac", { value: "00", encoding: "hex", digest: "sha3", key: { value: "k" } })],
    ];
    for (const [what, hash] of omitted) {
      it(what, () => {
        const user = record({ ...hash, name: "Jane" });
        assert.deepEqual(omitUnsupportedHash(user), { user: record({ name: "Jane" }), omitted: true });
      });
    }

    const kept: [what: string, hash: Attributes][] = [
      ["that is supported", { password_hash: BCRYPT }],
      ["that is only suspicious", hashed("md5", { value: "00", encoding: "hex" })],
      ["of the wrong type", { password_hash: 5 }],
      ["without a value", hashed("ldap", {})],
      ["without an encoding", hashed("md5", { value: "00" })],
      ["with a salt that must not be", hashed("ldap", { value: "{CRYPT}x" }, { salt: { value: "x" } })],
      ["beside another", { password_hash: "x", ...hashed("bcrypt", { value: BCRYPT }) }],
    ];
    for (const [what, hash] of kept) {
      it(`but not one ${what}`, () => {
        const user = record(hash);
        const result = omitUnsupportedHash(user);
        assert.equal(result.omitted, false);
        assert.equal(result.user, user);
      });
    }

    it("but not a record's other faults", () => {
      const { user } = omitUnsupportedHash(record({ password_hash: "x", nick: 1 }));
      assert.deepEqual(
        problemsOf(user).map(({ path }) => path),
        ["nick"],
      );
    });
  });
});
