import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { argon2d } from "@noble/hashes/argon2.js";
import type { EmulatorOptions } from "../emulator";
import { connections, ManualClock, TestTenant } from "./emulatorClient";
import { assertPasswordsFit, type KnownPassword, signIn } from "./support/signIn";

const publishedExamples = path.resolve(
  __dirname,
  "../../examples/quickstart/auth0-examples/example-custom-password-hash.json",
);

const rightHash = { algorithm: "sha1", hash: { value: "d27a1f11771200949714b1af99f048a416f5d6f4", encoding: "hex" } };
const otherHash = { algorithm: "sha1", hash: { value: "0".repeat(40), encoding: "hex" } };
const jane = { user_id: "jane", email: "jane@example.com", custom_password_hash: rightHash };

describe("signing in to the emulator", () => {
  let tenant: TestTenant;
  afterEach(() => tenant.stop());

  /** With these users, whose passwords are `right` mostly. */
  async function start(users: object[] = [jane], options: EmulatorOptions = {}): Promise<void> {
    const scopes = ["create:users", "read:users", "create:clients", "read:clients", "update:connections"];
    tenant = await TestTenant.start({ passwordRounds: 4, scopes, ...options });
    assert.deepEqual((await tenant.importUsers(users)).failed, []);
  }

  const attempt = (username: string, password: string, overrides = {}, headers = {}) =>
    signIn(tenant.emulator.url, username, password, overrides, headers);

  /** As `GET /emulator/users/{id}` shows it, hashes included. */
  async function janeNow(): Promise<Record<string, unknown>> {
    return (await tenant.send("GET", "/emulator/users/auth0%7Cjane")).body as Record<string, unknown>;
  }

  it("knows the passwords of Auth0's published examples", async () => {
    await start();
    const users = JSON.parse(readFileSync(publishedExamples, "utf8")) as KnownPassword["user"][];
    const others: Record<string, string> = { "peter@example.com": "test", "carmella@example.com": "password" };
    assert.equal(users.length, 9);
    await assertPasswordsFit(users.map((user) => ({ user, password: others[user.email] ?? "shh" })));
  });

  it("answers a right password with tokens that don't open the Management API", async () => {
    await start();
    const { status, body } = await attempt("jane@example.com", "right", { scope: "openid offline_access read:users" });
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ["access_token", "id_token", "scope", "expires_in", "token_type"]);
    assert.deepEqual([body.scope, body.expires_in, body.token_type], ["openid", 86_400, "Bearer"]);
    const [, claims = ""] = String(body.id_token).split(".");
    assert.equal(JSON.parse(Buffer.from(claims, "base64url").toString()).sub, "auth0|jane");
    for (const token of [body.access_token, body.id_token]) {
      const { status } = await tenant.send("GET", "/api/v2/users", { headers: { authorization: `Bearer ${token}` } });
      assert.equal(status, 401);
    }
    const plain = await attempt("jane@example.com", "right", { scope: undefined });
    assert.equal("id_token" in plain.body, false);
  });

  it("takes a form as well as JSON", async () => {
    await start();
    const response = await fetch(`${tenant.emulator.url}/oauth/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "http://auth0.com/oauth/grant-type/password-realm",
        client_id: "EmulatedApplication0000000000001",
        client_secret: "emulated",
        realm: "Username-Password-Authentication",
        username: "jane@example.com",
        password: "right",
      }),
    });
    assert.equal(response.status, 200);
  });

  it("keeps of the imported hash nothing but a bcrypt one after the first success, and counts", async () => {
    const clock = new ManualClock();
    await start([jane], { clock, passwordRounds: 10 });
    await attempt("jane@example.com", "wrong");
    const before = await janeNow();
    assert.deepEqual(before.custom_password_hash, rightHash);
    assert.deepEqual([before.logins_count, before.last_login, before.last_ip], [undefined, undefined, undefined]);

    clock.advance(60);
    await attempt("JANE@example.com", "right");
    const first = await janeNow();
    assert.equal(first.custom_password_hash, undefined);
    assert.match(String(first.password_hash), /^\$2b\$10\$.{53}$/);
    assert.deepEqual(
      [first.logins_count, first.last_login, first.last_ip, first.updated_at],
      [1, "2025-01-01T00:01:00.000Z", "127.0.0.1", "2025-01-01T00:01:00.000Z"],
    );

    assert.equal((await attempt("jane@example.com", "wrong")).error, "invalid_grant");
    assert.equal((await attempt("jane@example.com", "right")).status, 200);
    const second = await janeNow();
    assert.deepEqual([second.password_hash, second.logins_count], [first.password_hash, 2]);
    await tenant.importUsers([{ ...jane, custom_password_hash: otherHash }], { upsert: "true" });
    assert.equal((await attempt("jane@example.com", "right")).status, 200, "an upsert changed the password");
  });

  it("takes a hash by upsert as long as nobody signed in with the first one", async () => {
    await start([{ ...jane, custom_password_hash: otherHash }]);
    assert.equal((await attempt("jane@example.com", "right")).error, "invalid_grant");
    await tenant.importUsers([jane], { upsert: "true" });
    assert.equal((await attempt("jane@example.com", "right")).status, 200);
  });

  it("knows users by email, username and phone number, and a password_hash", async () => {
    await start([]);
    const password_hash = "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG";
    const user = { email: "velma@example.com", username: "Velma", phone_number: "+15551234567", password_hash };
    await tenant.importUsers([user], { connection_id: connections.withUsernames });
    const enabled = [{ client_id: "EmulatedApplication0000000000001", status: true }];
    await tenant.call("PATCH", `/api/v2/connections/${connections.withUsernames}/clients`, enabled);
    for (const name of ["velma@example.com", "velma", "VELMA", "+15551234567"]) {
      assert.equal((await attempt(name, "shh", { realm: "username-database" })).status, 200, name);
      assert.equal((await attempt(name, "Shh", { realm: "username-database" })).status, 403, name);
    }
    assert.equal((await attempt("velma@example.com", "shh")).error, "invalid_grant", "in another connection");
  });

  it("answers alike for a wrong password, an unknown user, and a user who came in without a hash", async () => {
    await start([jane, { email: "nobody@example.com" }]);
    for (const email of ["jane@example.com", "unknown@example.com", "nobody@example.com"]) {
      assert.deepEqual(await attempt(email, "wrong"), {
        status: 403,
        error: "invalid_grant",
        body: { error: "invalid_grant", error_description: "Wrong email or password." },
      });
    }
  });

  it("says of a blocked user nothing about the password", async () => {
    await start([{ ...jane, blocked: true }]);
    for (const password of ["right", "wrong"]) {
      assert.deepEqual((await attempt("jane@example.com", password)).body, {
        error: "unauthorized",
        error_description: "user is blocked",
      });
    }
    assert.deepEqual((await janeNow()).custom_password_hash, rightHash);
  });

  it("asks for the second factor of those who have one, once the password was right", async () => {
    await start([{ ...jane, mfa_factors: [{ phone: { value: "+15551234567" } }] }]);
    assert.equal((await attempt("jane@example.com", "wrong")).error, "invalid_grant");
    const { status, body } = await attempt("jane@example.com", "right");
    assert.deepEqual([status, body.error], [403, "mfa_required"]);
    assert.match(String(body.mfa_token), /^Fe26\.2\*/);
    assert.equal((await janeNow()).logins_count, undefined);
  });

  it("takes 20 sign-ins of a user from one address in a minute, then 10, good and bad ones", async () => {
    const clock = new ManualClock();
    await start([jane, { ...jane, user_id: "joe", email: "joe@example.com" }], { clock, maxFailedSignIns: 0 });
    const outcomes = async (count: number) => {
      const statuses: number[] = [];
      for (let i = 0; i < count; i++) {
        statuses.push((await attempt("jane@example.com", i % 2 ? "right" : "wrong")).status);
      }
      return statuses.filter((status) => status !== 429).length;
    };
    assert.equal(await outcomes(22), 20);
    assert.equal((await attempt("joe@example.com", "right")).status, 200, "another user");
    clock.advance(60);
    assert.equal(await outcomes(12), 10);
    assert.equal((await attempt("jane@example.com", "right")).error, "too_many_requests");
    assert.equal((await tenant.send("POST", "/emulator/reset")).status, 204);
    assert.equal((await attempt("jane@example.com", "right")).error, "invalid_grant");
  });

  it("locks an identifier out for 30 days after so many wrong passwords from one address", async () => {
    const clock = new ManualClock();
    await start([jane], { clock, maxFailedSignIns: 3 });
    const { body } = await tenant.call("POST", "/api/v2/clients", {
      name: "Proxy",
      grant_types: ["http://auth0.com/oauth/grant-type/password-realm"],
      is_token_endpoint_ip_header_trusted: true,
    });
    const { client_id, client_secret } = body as { client_id: string; client_secret: string };
    await tenant.call("PATCH", `/api/v2/connections/${connections.database}/clients`, [{ client_id, status: true }]);

    for (const password of ["wrong", "wrong", "right", "wrong", "wrong", "wrong"]) {
      assert.notEqual((await attempt("jane@example.com", password)).status, 429);
    }
    assert.equal((await attempt("Jane@example.com", "right")).error, "too_many_attempts");
    const elsewhere = { "auth0-forwarded-for": "203.0.113.7" };
    assert.equal((await attempt("jane@example.com", "right", {}, elsewhere)).status, 429, "not trusted to say so");
    assert.equal((await attempt("jane@example.com", "right", { client_id, client_secret }, elsewhere)).status, 200);
    assert.equal((await janeNow()).last_ip, "203.0.113.7");
    clock.advance(30 * 24 * 60 * 60 - 1);
    assert.equal((await attempt("jane@example.com", "right")).error, "too_many_attempts");
    clock.advance(1);
    assert.equal((await attempt("jane@example.com", "right")).status, 200);
  });

  it("verifies scrypt hashes within Node's limit of memory, or without one", async () => {
    const scrypt = {
      algorithm: "scrypt",
      hash: {
        value:
          "62472b993b60781d99343842d48139cad38dc8e587b205dfb5ed2fae170d21e3f84f9adeca6399b2a5061d0d6f0248638edc360182f6d71099daad8e3eebd997",
        encoding: "hex",
      },
      salt: { value: "salt" },
      keylen: 64,
      // 128 · N · r is 32 MiB alone.
      cost: 32_768,
      blockSize: 8,
    };
    await start([{ ...jane, custom_password_hash: scrypt }]);
    assert.equal((await attempt("jane@example.com", "right")).error, "invalid_grant");
    await assertPasswordsFit(
      [{ user: { email: "jane@example.com", custom_password_hash: scrypt }, password: "right" }],
      {
        scryptMemory: 0,
      },
    );
  });

  it("takes no password for a hash that no verifier makes", async () => {
    const salt = new Uint8Array(16).fill(7);
    const ofArgon2d = Buffer.from(argon2d("right", salt, { m: 8, t: 1, p: 1 }))
      .toString("base64")
      .replace(/=+$/, "");
    const text = (algorithm: string, value: string) => ({ algorithm, hash: { value } });
    const hashes = [
      text("argon2", `$argon2d$v=19$m=8,t=1,p=1$${Buffer.from(salt).toString("base64").slice(0, -2)}$${ofArgon2d}`),
      text("argon2", "$argon2id$v=16$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$AAAAAAAAAAAAAAAAAAAAAA"),
      text("argon2", "$argon2id$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$AAAAAAAAAAAAAAAAAAAAAA"),
      text("bcrypt", `$2b$00$${"a".repeat(53)}`),
      text("bcrypt", `$2b$32$${"a".repeat(53)}`),
      text("ldap", "{SHA999}0nofEXcSAJSXFLGvmfBIpBb11vQ="),
      text("ldap", "{SSHA}0nofEXcSAJSXFLGvmfBIpBb11g=="),
      text("pbkdf2", "$pbkdf2-md2$i=1,l=20$BwcHBwcHBwc$0nofEXcSAJSXFLGvmfBIpBb11vQ"),
      text("pbkdf2", "$pbkdf2-sha1$i=0,l=20$BwcHBwcHBwc$0nofEXcSAJSXFLGvmfBIpBb11vQ"),
      { ...rightHash, hash: { ...rightHash.hash, value: rightHash.hash.value.slice(2) } },
      { ...rightHash, algorithm: "sha256" },
    ];
    await start(hashes.map((custom_password_hash, i) => ({ email: `user${i}@example.com`, custom_password_hash })));
    for (const [i, { hash }] of hashes.entries()) {
      assert.equal((await attempt(`user${i}@example.com`, "right")).error, "invalid_grant", hash.value);
    }
  });

  describe("refuses", () => {
    const problems: Record<string, [overrides: Record<string, string | undefined>, status: number, error: string]> = {
      "an unknown application": [{ client_id: "unknown" }, 401, "invalid_client"],
      "a wrong secret": [{ client_secret: "wrong" }, 401, "invalid_client"],
      "the application of the Management API": [
        { client_id: "emulator", client_secret: "emulator" },
        403,
        "unauthorized_client",
      ],
      "an unknown realm": [{ realm: "nowhere" }, 400, "invalid_request"],
      "a realm that is no database": [{ realm: "google-oauth2" }, 400, "invalid_request"],
      "a connection that is not enabled for the application": [
        { realm: "username-database" },
        403,
        "unauthorized_client",
      ],
      "no realm": [{ realm: undefined }, 400, "invalid_request"],
      "no username": [{ username: undefined }, 400, "invalid_request"],
      "an empty password": [{ password: "" }, 400, "invalid_request"],
      "the grant without a realm": [{ grant_type: "password" }, 403, "unsupported_grant_type"],
    };
    for (const [what, [overrides, status, error]] of Object.entries(problems)) {
      it(what, async () => {
        await start();
        const answer = await attempt("jane@example.com", "right", overrides);
        assert.deepEqual([answer.status, answer.error], [status, error]);
      });
    }

    it("an application that may not use the grant", async () => {
      await start();
      const { body } = await tenant.call("POST", "/api/v2/clients", { name: "App" });
      const { client_id, client_secret } = body as { client_id: string; client_secret: string };
      const answer = await attempt("jane@example.com", "right", { client_id, client_secret });
      assert.deepEqual([answer.status, answer.error], [403, "unauthorized_client"]);
    });
  });
});
