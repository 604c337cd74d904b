import assert from "node:assert/strict";
import { omitUnsupportedHash, problemsOf } from "../../provider/schema/validate";
import { BCRYPT, hashed, record } from "./corpus";

const b64 = (bytes: number) => Buffer.alloc(bytes, 0xb7).toString("base64");
const bare = (bytes: number) => b64(bytes).replace(/=+$/, "");
const hex = (bytes: number) => "a1".repeat(bytes);

/** Of 1 byte, prf 1, 10,000 iterations, a salt of 16 bytes, 32 bytes of subkey. */
const V3 = Buffer.concat([Buffer.from("01000000010000271000000010", "hex"), Buffer.alloc(48, 7)]).toString("base64");
const V2 = Buffer.concat([Buffer.from("00", "hex"), Buffer.alloc(48, 7)]).toString("base64");

/** How systems write hashes that Auth0 takes in another form, or not at all; and what the sentence has to name. */
const FOREIGN: readonly [system: string, hash: string, names: RegExp][] = [
  ["WordPress 6.8", `$wp$2y$10$${"a".repeat(53)}`, /WordPress 6\.8.*can't take/],
  ["WordPress", "$P$BabcdefghijklmnopqrstuvwxyzABC/", /phpass.*WordPress.*can't take/],
  ["phpBB", "$H$9abcdefghijklmnopqrstuvwxyzABC/", /phpBB/],
  ["Drupal 7", `$S$D${"a".repeat(51)}`, /Drupal.*can't take/],
  ["Supabase, from Firebase", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=abc$salt$hash", /Firebase.*can't take/],
  ["Unix", `$6$saltsalt$${"a".repeat(86)}`, /crypt\(3\).*can't take/],
  ["Unix, yescrypt", "$y$j9T$abc$def", /crypt\(3\)/],
  ["Apache", "$apr1$abc$def", /crypt\(3\)/],
  [
    "Django",
    `pbkdf2_sha256$260000$seasalt1234AbCdEfGhIjk$${b64(32)}`,
    /Django.*\$pbkdf2-sha256\$i=.*base64 of the salt/,
  ],
  ["Django with SHA-1", `pbkdf2_sha1$260000$salt$${b64(20)}`, /Django.*sha1: l=20/],
  ["Django with argon2", `argon2$argon2id$v=19$m=102400,t=2,p=8$${bare(16)}$${bare(32)}`, /Django.*\$argon2/],
  ["Django with bcrypt", `bcrypt$$2b$12$${"a".repeat(53)}`, /Django.*behind/],
  ["Django with bcrypt of SHA-256", `bcrypt_sha256$$2b$12$${"a".repeat(53)}`, /SHA-256 of the password.*can't take/],
  ["Django with scrypt", `scrypt$16384$salt$8$1$${b64(64)}`, /Django's scrypt.*keylen 64/],
  ["Django, old", `sha1$salt$${hex(20)}`, /Django/],
  ["Django, nobody's password", `!${"a".repeat(40)}`, /people without a password/],
  ["Werkzeug", `pbkdf2:sha256:260000$salt$${hex(32)}`, /Werkzeug.*\$pbkdf2-/],
  ["Werkzeug with scrypt", `scrypt:32768:8:1$salt$${hex(64)}`, /Werkzeug.*scrypt/],
  ["passlib", `$pbkdf2-sha256$29000$${bare(16)}$${bare(32)}`, /passlib.*\$i=/],
  ["passlib with SHA-1", `$pbkdf2$29000$${bare(16)}$${bare(20)}`, /passlib/],
  ["passlib's base64", `$pbkdf2-sha512$i=25000,l=64$FZcoH1oE.Gli.S7w$${bare(64)}`, /passlib/],
  ["Ory Kratos", `$scrypt$ln=16384,r=8,p=1$${bare(16)}$${bare(32)}`, /Ory Kratos.*cost \(what ln says/],
  ["passlib with scrypt", `$scrypt$ln=16,r=8,p=1$${bare(16)}$${bare(32)}`, /passlib.*2 to the power of ln/],
  ["better-auth", `${hex(16)}:${hex(64)}`, /better-auth.*encoding utf8.*blockSize 16/],
  ["Lucia", `s2:${hex(16)}:${hex(64)}`, /Lucia/],
  ["Spring Security", `{bcrypt}$2a$10$${"a".repeat(53)}`, /Spring Security.*behind/],
  ["Spring Security with argon2", `{argon2}$argon2id$v=19$m=4096,t=3,p=1$${bare(16)}$${bare(32)}`, /Spring.*argon2/],
  ["Spring Security in the clear", "{noop}SECRET", /in the clear/],
  ["Spring Security with PBKDF2", `{pbkdf2}${hex(40)}`, /Spring.*i=185000.*i=310000/],
  ["Spring Security 5.8", `{pbkdf2@SpringSecurity_v5_8}${hex(48)}`, /Spring.*i=310000/],
  ["Spring Security with scrypt", `{scrypt}$e0801$${b64(64)}$${b64(32)}`, /Spring.*scrypt/],
  ["Spring Security with a digest", `{MD5}{salt}${hex(16)}`, /Spring.*braces.*suffix/],
  ["Spring Security, old", `{sha256}${hex(40)}`, /StandardPasswordEncoder.*can't take/],
  ["389 Directory Server", `{PBKDF2-SHA256}10000$abc$def`, /LDAP.*\$pbkdf2-/],
  ["LDIF", Buffer.from(`{SSHA}${b64(28)}`).toString("base64"), /LDIF.*decode/],
  ["ASP.NET Core Identity", V3, /ASP\.NET Core Identity \(V3\).*\$pbkdf2-/],
  ["ASP.NET Identity", V2, /ASP\.NET Identity \(V2\).*\$pbkdf2-sha1\$i=1000,l=32/],
  ["ASP.NET Membership", `${b64(20)}|1|${b64(16)}`, /Membership.*utf16le/],
  ["Keycloak", '{"value":"abc","salt":"def","additionalParameters":{}}', /Keycloak.*l is the length/],
  ["MySQL", `*${hex(20).toUpperCase()}`, /MySQL.*can't take/],
  ["MediaWiki", ":pbkdf2:sha512:30000:64:abc:def", /MediaWiki/],
];

describe("a hash in the form of another system", () => {
  for (const [system, hash, names] of FOREIGN) {
    it(`is found, and told what Auth0 takes: ${system}`, () => {
      for (const user of [
        record({ password_hash: hash }),
        ...["bcrypt", "pbkdf2", "argon2", "phpass"].map((algorithm) => record(hashed(algorithm, { value: hash }))),
        ...["md5", "sha512"].map((algorithm) => record(hashed(algorithm, { value: hash, encoding: "hex" }))),
        record(hashed("sha256", { value: hash })),
      ]) {
        const problems = problemsOf(user);
        const path = user.password_hash === undefined ? "custom_password_hash.hash.value" : "password_hash";
        assert.deepEqual(
          problems.map(({ code, path, severity }) => ({ code, path, severity })),
          [{ code: "PATTERN", path, severity: "error" }],
          JSON.stringify(user),
        );
        assert.match(problems[0]?.message ?? "", names);
        assert.doesNotMatch(problems[0]?.message ?? "", /SECRET/);
        // Who has no usable hash can come in without one.
        assert.deepEqual(omitUnsupportedHash(user), { user: record({}), omitted: true });
      }
    });
  }

  it("is a warning where Auth0 takes it, and then no password fits", () => {
    for (const [value, names] of [
      [V3, /ASP\.NET Core Identity/],
      [V2, /ASP\.NET Identity/],
    ] as const) {
      const [problem, ...others] = problemsOf(record(hashed("sha256", { value, encoding: "base64" })));
      assert.deepEqual(others, []);
      assert.deepEqual([problem?.code, problem?.severity], ["UNUSABLE_HASH", "warning"]);
      assert.match(problem?.message ?? "", names);
    }
  });

  it("is told what is wrong with its base64", () => {
    const pbkdf2 = (salt: string, hash: string) =>
      hashed("pbkdf2", { value: `$pbkdf2-sha256$i=1,l=32$${salt}$${hash}` });
    const of = (user: Record<string, unknown>) =>
      problemsOf(record(user)).map(({ code, message }) => `${code} ${message}`);
    assert.match(of(pbkdf2(b64(16), b64(32))).join(), /^PATTERN is padded with =/);
    assert.match(of(pbkdf2(bare(16), b64(32))).join(), /^PATTERN is padded with =/);
    assert.match(of(pbkdf2("a-_a", bare(32))).join(), /^PATTERN has - or _ in its base64/);
    const argon2 = `$argon2id$v=19$m=65536,t=2,p=1$${b64(16)}$${b64(32)}`;
    assert.match(of(hashed("argon2", { value: argon2 })).join(), /^PATTERN is padded with =/);
    assert.deepEqual(of(pbkdf2(bare(16), bare(32))), []);
  });

  it("is told its own algorithm, where it stands under another one", () => {
    const of = (user: Record<string, unknown>) =>
      problemsOf(record(user))
        .map(({ message }) => message)
        .join();
    const argon2 = `$argon2id$v=19$m=65536,t=2,p=1$${bare(16)}$${bare(32)}`;
    assert.match(
      of(hashed("md5", { value: BCRYPT, encoding: "hex" })),
      /is a hash of bcrypt: it has the algorithm bcrypt/,
    );
    assert.match(
      of({ password_hash: argon2 }),
      /is a hash of argon2: .* custom_password_hash, with the algorithm argon2/,
    );
    assert.match(of(hashed("bcrypt", { value: argon2 })), /with the algorithm argon2/);
    assert.match(of({ password_hash: `{SSHA}${b64(28)}` }), /with the algorithm ldap/);
    assert.match(of({ password_hash: hex(16) }), /looks like md5 .* encoding hex/);
    assert.match(of({ password_hash: hex(64) }), /looks like sha512/);
    // What is bcrypt, and of other rounds than Auth0 takes there, is told as before.
    assert.match(of({ password_hash: BCRYPT.replace("2b", "2y") }), /^must be a bcrypt hash of 60 characters/);
  });

  it("is left alone where it is right", () => {
    for (const value of [
      "$pbkdf2-sha256$i=260000,l=32$c2Vhc2FsdDEyMzRBYkNkRWZHaElqaw$Bkwfhfn/xt/0ycY64wL8XFkXxJt8bRK/THKgg+CSkUI",
      "$pbkdf2-sha1$i=1000,l=32$If3pfXyX/GgxZC4yhb8vdQ$2mPrBEvSGIfiPwMpPdVoXB3uOTudJF7dOyQeJVhVsCA",
    ]) {
      assert.deepEqual(problemsOf(record(hashed("pbkdf2", { value }))), []);
    }
    const peppered = { value: "0123456789abcdef", position: "suffix" };
    assert.deepEqual(problemsOf(record(hashed("bcrypt", { value: BCRYPT }, { salt: peppered }))), []);
  });
});
