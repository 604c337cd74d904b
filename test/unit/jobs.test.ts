import assert from "node:assert/strict";
import { emailFingerprint } from "../../provider/ledger/attributes";
import { identityFingerprint, secondIdentityFingerprint } from "../../provider/ledger/fingerprint";
import { redact } from "../../provider/results/redact";
import { identityOf } from "../../provider/schema/identity";
import { CredentialsError, resolveCredentials, resolveLimits } from "../../provider/tenant/credentials";
import { requestOverhead } from "../../provider/tenant/importRequest";
import { matchErrors } from "../../provider/tenant/matchErrors";

const config = (values: Record<string, string>) => (key: string) => values[key];
const secret = { "auth0:clientId": "id", "auth0:clientSecret": "hush" };

describe("credentials", () => {
  it("come from the stack configuration, else from the environment of @pulumi/auth0", () => {
    assert.deepEqual(resolveCredentials(config({ "auth0:domain": "example.eu.auth0.com", ...secret }), "auth0", {}), {
      origin: "https://example.eu.auth0.com",
      auth: { clientId: "id", clientSecret: "hush" },
    });
    assert.deepEqual(
      resolveCredentials(config({}), "auth0", { AUTH0_DOMAIN: "example.auth0.com", AUTH0_API_TOKEN: "token" }),
      { origin: "https://example.auth0.com", auth: { apiToken: "token" } },
    );
  });

  it("of another namespace never come from the environment, which can name one tenant only", () => {
    assert.throws(
      () => resolveCredentials(config({}), "auth0-eu", { AUTH0_DOMAIN: "example.auth0.com" }),
      /pulumi config set auth0-eu:domain/,
    );
  });

  it("may be a private key", () => {
    const values = { "auth0:domain": "a.auth0.com", "auth0:clientId": "id", "auth0:clientAssertionPrivateKey": "pem" };
    assert.deepEqual(resolveCredentials(config(values), "auth0", {}).auth, {
      clientId: "id",
      clientAssertionPrivateKey: "pem",
    });
  });

  for (const [what, domain, expected] of [
    ["a host name", "example.auth0.com", "https://example.auth0.com"],
    ["a custom domain with a port", "auth.example.com:8443", "https://auth.example.com:8443"],
    ["http to 127.0.0.1", "http://127.0.0.1:4010", "http://127.0.0.1:4010"],
    ["http to localhost", "http://localhost:4010", "http://localhost:4010"],
    ["http to ::1", "http://[::1]:4010", "http://[::1]:4010"],
  ] as const) {
    it(`take ${what} as a tenant`, () => {
      assert.equal(resolveCredentials(config({ "auth0:domain": domain, ...secret }), "auth0", {}).origin, expected);
    });
  }

  for (const [what, domain, rule] of [
    ["plain http", "http://example.auth0.com", /plain http would send users and password hashes unencrypted/],
    ["plain http to a host that only looks like loopback", "http://127.0.0.1.example.com", /plain http/],
    ["an address", "https://example.auth0.com", /give "example.auth0.com" instead/],
    ["a path", "example.auth0.com/api/v2", /more than a host name/],
    ["a user name", "http://me@127.0.0.1", /user name or password/],
    ["no host at all", "not a host", /not a host name/],
    ["another protocol", "ftp://127.0.0.1", /protocol/],
  ] as const) {
    it(`refuse ${what} as a tenant`, () => {
      assert.throws(() => resolveCredentials(config({ "auth0:domain": domain, ...secret }), "auth0", {}), rule);
    });
  }

  it("that are missing are asked for by name, and never shown", () => {
    assert.throws(() => resolveCredentials(config({ "auth0:domain": "a.auth0.com" }), "auth0", {}), /auth0:clientId/);
    assert.throws(
      () => resolveCredentials(config({ "auth0:domain": "a.auth0.com", "auth0:clientId": "id" }), "auth0", {}),
      /pulumi config set --secret auth0:clientSecret/,
    );
  });

  it("maxActiveJobs is 2, or what the user says, from 1 to 20", () => {
    const limits = (value?: string) =>
      resolveLimits(config(value === undefined ? {} : { "auth0-user-import:maxActiveJobs": value }));
    assert.equal(limits().maxActiveJobs, 2);
    assert.equal(limits("20").maxActiveJobs, 20);
    for (const value of ["0", "21", "1.5", "two"]) assert.throws(() => limits(value), CredentialsError);
  });
});

describe("a job's errors", () => {
  const key = "key";
  const sent = (...users: Record<string, unknown>[]) =>
    new Set(users.map((user) => identityFingerprint(key, identityOf(user) as string)));
  const error = (user: Record<string, unknown>, code = "FORMAT") => ({ user, errors: [{ code, message: `${code}!` }] });

  it("lead to the records that were sent, prefixed or not, in any case", () => {
    const records = sent({ email: "a@example.com" }, { user_id: "1" }, { email: "b@example.com" });
    const { failures, unmatched } = matchErrors(key, records, [
      error({ email: "B@example.com" }),
      error({ user_id: "auth0|1", email: "a@example.com" }, "PATTERN"),
    ]);
    assert.equal(unmatched, 0);
    assert.deepEqual(
      [...failures].map(([fingerprint, { code, email }]) => [[...records].indexOf(fingerprint), code, email]),
      [
        [2, "FORMAT", "b@example.com"],
        [1, "PATTERN", "a@example.com"],
      ],
    );
  });

  it("tell an id that was made up from one of the source", () => {
    const { failures } = matchErrors(key, sent({ email: "a@example.com" }, { user_id: "1" }), [
      error({ user_id: "0123456789abcdef01234567", email: "a@example.com" }),
      error({ user_id: "1", email: "b@example.com" }),
    ]);
    assert.deepEqual(
      [...failures.values()].map(({ userId, isGeneratedId }) => [userId, isGeneratedId]),
      [
        ["0123456789abcdef01234567", true],
        ["1", false],
      ],
    );
  });

  it("name an attribute as the record does", () => {
    const told = (message: string, path?: string) => {
      const errors = [{ code: "PATTERN", message, ...(path === undefined ? {} : { path }) }];
      const { failures } = matchErrors(key, sent({ email: "a@example.com" }), [
        { user: { email: "a@example.com" }, errors },
      ]);
      const [{ message: text, path: where } = {}] = [...failures.values()];
      return [text, where];
    };
    assert.deepEqual(told("Error in identities[0].profileData.email property - no address"), [
      "Error in email property - no address",
      "email",
    ]);
    assert.deepEqual(told("Error in passwordHash property - no match", "passwordHash"), [
      "Error in password_hash property - no match",
      "password_hash",
    ]);
    for (const [path, own] of [
      ["identities[0].user_id", "user_id"],
      ["profileData.phoneNumber", "phone_number"],
      ["identities[0].profileData.user_metadata.plan", "user_metadata.plan"],
      ["mfaFactors[0].totp", "mfa_factors[0].totp"],
      ["custom_password_hash.hash.value", "custom_password_hash.hash.value"],
      ["identities[0].connection", "identities[0].connection"],
      ["nickName", "nickName"],
      ["", ""],
    ]) {
      assert.deepEqual(told("x", path), ["x", own]);
    }
    assert.deepEqual(told("Additional properties not allowed: nick"), [
      "Additional properties not allowed: nick",
      undefined,
    ]);
  });

  it("lead to a user who goes under a second fingerprint", () => {
    const second = new Set([secondIdentityFingerprint(key, "email:a@example.com")]);
    const { failures, unmatched } = matchErrors(key, second, [error({ email: "a@example.com" })]);
    assert.deepEqual([...failures.keys()], [...second]);
    assert.equal(unmatched, 0);
  });

  it("name a user by email who was sent without the id that it is known by", () => {
    const records = sent({ user_id: "1" });
    const byEmail = new Map([...records].map((identity) => [emailFingerprint(key, "a@example.com"), identity]));
    const { failures, unmatched } = matchErrors(key, records, [error({ email: "A@example.com" })], byEmail);
    assert.deepEqual([...failures.keys()], [...records]);
    assert.equal(unmatched, 0);
  });

  it("about nobody who was sent are counted, not dropped", () => {
    assert.equal(matchErrors(key, sent({ email: "a@example.com" }), [error({ email: "z@example.com" })]).unmatched, 1);
  });

  it("without code or message are kept as failures", () => {
    const user = { email: "a@example.com" };
    const [failure] = matchErrors(key, sent(user), [{ user, errors: [] }]).failures.values();
    assert.equal(failure?.code, "UNKNOWN");
    assert.equal(failure?.message, "no reason given");
  });
});

describe("a submission", () => {
  it("is measured with everything around the users", async () => {
    const request = {
      connectionId: "con_0000000000000001",
      kind: "insert",
      externalId: "p/s/n#1",
      sendCompletionEmail: false,
    } as const;
    const short = await requestOverhead(request);
    assert.ok(short > 300 && short < 1500, `${short} bytes`);
    assert.equal(await requestOverhead({ ...request, externalId: "p/s/n#12" }), short + 1);
    assert.equal(await requestOverhead({ ...request, kind: "upsert" }), short - 1);
  });
});

describe("texts of the service", () => {
  it("lose addresses and numbers, and are cut", () => {
    const text = redact(`"Jane.Doe+x@mail.example.com" or +12125550001 is wrong ${"x".repeat(400)}`);
    assert.doesNotMatch(text, /jane|example|2125550001/i);
    assert.ok(text.length <= 300);
  });
});
