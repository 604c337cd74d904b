import assert from "node:assert/strict";
import { examine } from "../../cli/examine";
import {
  droppedAttributes,
  emptyAttributes,
  identityOf,
  normalizeUser,
  READ_ONLY,
  type User,
} from "../../provider/schema/identity";
import { problemsOf } from "../../provider/schema/validate";
import { UsersFolder } from "./usersFolder";

/** What the Dashboard shows as a user's raw JSON; an export holds all or some of it. */
const RAW = {
  created_at: "2021-03-01T09:00:00.000Z",
  email: "jane@example.com",
  email_verified: true,
  identities: [
    { connection: "Username-Password-Authentication", provider: "auth0", user_id: "5fee66", isSocial: false },
  ],
  name: "Jane",
  given_name: null,
  updated_at: "2024-09-03T13:18:08.274Z",
  user_id: "auth0|5fee66",
  user_metadata: { plan: "gold", created_at: "long ago", note: null },
  app_metadata: null,
  last_ip: "203.0.113.7",
  last_login: "2024-09-03T13:18:08.274Z",
  last_password_reset: "2022-01-01T00:00:00.000Z",
  logins_count: 7,
  multifactor: ["guardian"],
  multifactor_last_modified: "2022-01-01T00:00:00.000Z",
  blocked_for: [],
  guardian_authenticators: [],
  passkeys: [],
};
const IMPORTABLE = {
  email: "jane@example.com",
  email_verified: true,
  name: "Jane",
  user_id: "5fee66",
  user_metadata: { plan: "gold", created_at: "long ago", note: null },
};

describe("normalizeUser", () => {
  it("makes of an exported user what an import takes", () => {
    assert.deepEqual(normalizeUser(RAW), IMPORTABLE);
    assert.deepEqual(normalizeUser(normalizeUser(RAW)), IMPORTABLE);
  });

  it("does not touch the record, and returns itself what needs no change", () => {
    const before = structuredClone(RAW);
    normalizeUser(RAW);
    assert.deepEqual(RAW, before);
    assert.equal(normalizeUser(IMPORTABLE), IMPORTABLE);
  });

  it("keeps a key __proto__", () => {
    const user = JSON.parse('{"email":"a@example.com","__proto__":{"blocked":true},"logins_count":1}');
    assert.deepEqual(Object.keys(normalizeUser(user)), ["email", "__proto__"]);
  });

  it("leaves no identity where that is null", () => {
    assert.equal(identityOf(normalizeUser({ email: null, name: "x" })), undefined);
  });
});

describe("normalizeUser, of what an export was told to hold", () => {
  const kept = { user_id: "1", email: "a@example.com" };

  it("leaves out parts of what only Auth0 sets", () => {
    const user = {
      ...kept,
      "identities[0].connection": "Username-Password-Authentication",
      "identities[0].isSocial": false,
      "identities.0.provider": "auth0",
      "multifactor[0]": "guardian",
      "guardian_authenticators[0].type": "push",
    };
    assert.deepEqual(normalizeUser(user), kept);
    assert.deepEqual(droppedAttributes(user), ["identities", "multifactor", "guardian_authenticators"]);
    for (const name of ["user_metadata.x", "identitiesX", "company.name", "[0]", ".identities"]) {
      assert.deepEqual(normalizeUser({ ...kept, [name]: 1 }), { ...kept, [name]: 1 });
    }
  });

  it("leaves out the connection under the name of Auth0's example, beside an id of Auth0's only", () => {
    const more = { provider: "Username-Password-Authentication", connection: "x" };
    assert.deepEqual(normalizeUser({ ...kept, user_id: "auth0|1", ...more }), kept);
    assert.deepEqual(droppedAttributes({ ...kept, user_id: "auth0|1", ...more }), ["provider", "connection"]);
    assert.deepEqual(normalizeUser({ ...kept, ...more }), { ...kept, ...more });
  });
});

describe("normalizeUser, of empty texts", () => {
  it("leaves out attributes, and says which", () => {
    const user = {
      email: "",
      email_verified: "",
      phone_number: "+12125550001",
      username: "",
      name: "",
      picture: "",
      password_hash: "",
      user_metadata: { plan: "" },
    };
    const kept = { phone_number: "+12125550001", user_metadata: { plan: "" } };
    assert.deepEqual(normalizeUser(user), kept);
    const names = ["email", "email_verified", "username", "name", "picture", "password_hash"];
    assert.deepEqual(emptyAttributes(user), names);
    assert.deepEqual(droppedAttributes(user), []);
    assert.deepEqual(emptyAttributes(kept), []);
  });

  it("leaves out a hash without a value, and nothing that Auth0 does not know", () => {
    for (const value of ["", null]) {
      const user = { email: "a@b.co", custom_password_hash: { algorithm: "bcrypt", hash: { value } } };
      assert.deepEqual(normalizeUser(user), { email: "a@b.co" });
      assert.deepEqual(emptyAttributes(user), ["custom_password_hash"]);
    }
    for (const custom_password_hash of [{}, { hash: {} }, { hash: null }, { hash: "" }, "x", 5, []]) {
      const user = { email: "a@b.co", custom_password_hash, middle_name: "" };
      assert.equal(normalizeUser(user), user);
      assert.deepEqual(emptyAttributes(user), []);
    }
  });
});

describe("where a record comes from", () => {
  const found = (record: User) =>
    problemsOf(normalizeUser(record), record).map(({ severity, code, path }) => `${severity} ${code} ${path}`);
  const verified = { email: "a@example.com", email_verified: true };

  it("is an error where it is another connection than a database", () => {
    const error = ["error NOT_A_DATABASE_USER user_id"];
    for (const id of ["google-oauth2|1130", "samlp|corp|jim", "waad|x", "windowslive|1", "apple|0001.a", "oidc|c|1"]) {
      assert.deepEqual(found({ ...verified, user_id: id }), error, id);
    }
    for (const provider of ["google-oauth2", "sms", "my-own-oauth"]) {
      assert.deepEqual(found({ ...verified, user_id: "1", identities: [{ provider }] }), error);
      assert.deepEqual(found({ ...verified, "identities[0].provider": provider }), error);
    }
  });

  it("is none where ids only look like it", () => {
    for (const id of ["auth0|1", "auth0|google-oauth2|1", "acme|1", "1|2", "github", "|x", "Email|1"]) {
      assert.deepEqual(found({ ...verified, user_id: id }), [], id);
    }
    assert.deepEqual(found({ ...verified, user_id: "email|1", identities: [{ provider: "auth0" }] }), []);
    const linked = [{ provider: "auth0" }, { provider: "google-oauth2", isSocial: true }];
    assert.deepEqual(found({ ...verified, user_id: "auth0|1", identities: linked }), []);
    for (const identities of [[], [null], ["x"], "Username-Password-Authentication", [{ provider: null }], {}]) {
      assert.deepEqual(found({ ...verified, user_id: "auth0|1", identities }), []);
    }
  });

  it("does not make a double of a user of a database", async () => {
    const folder = await UsersFolder.create();
    try {
      const lines = [
        { ...verified, user_id: "google-oauth2|1" },
        { ...verified, user_id: "auth0|1" },
        { ...verified, user_id: "auth0|2" },
      ];
      await folder.write("users", lines.map((line) => JSON.stringify(line)).join("\n"));
      const examination = await examine(["users"], folder.path, () => {});
      const codes = [];
      for await (const { line, code } of examination.problems()) codes.push([line, code]);
      await examination.close();
      assert.deepEqual(codes, [
        [1, "NOT_A_DATABASE_USER"],
        [3, "DUPLICATED_USER"],
      ]);
    } finally {
      await folder.remove();
    }
  });

  it("is told where a text still has the apostrophe of a CSV", () => {
    assert.deepEqual(found({ user_id: "'auth0|1", email: "'a@example.com", email_verified: true }), [
      "error APOSTROPHE user_id",
      "warning APOSTROPHE email",
    ]);
    assert.deepEqual(found({ ...verified, user_id: "'0007" }), ["warning APOSTROPHE user_id"]);
    assert.deepEqual(found({ ...verified, user_id: "o'brien", email: "o'brien@example.com", name: "'t Hooft" }), []);
  });
});

describe("droppedAttributes", () => {
  it("names what only Auth0 sets, and nothing else", () => {
    assert.deepEqual(new Set(droppedAttributes(RAW)), READ_ONLY);
    assert.deepEqual(droppedAttributes({ email: "a@example.com", name: null, company: "ACME" }), []);
  });
});

describe("openSource, exports of Auth0", () => {
  let folder: UsersFolder;
  beforeEach(async () => {
    folder = await UsersFolder.create();
  });
  afterEach(() => folder.remove());

  const importableOf = async (content: string) => {
    const records = await folder.read([await folder.write("export", content)]);
    return records.map(({ user }) => normalizeUser(user));
  };

  const DEFAULT = {
    Id: "auth0|5fee66",
    "Given Name": "Jane",
    "Family Name": "Doe",
    Nickname: "jane",
    Name: "Jane Doe",
    Email: "jane@example.com",
    "Email Verified": true,
    Picture: "https://example.com/jane.png",
    Connection: "Username-Password-Authentication",
    "Created At": "2021-03-01T09:00:00.000Z",
    "Updated At": "2024-09-03T13:18:08.274Z",
  };
  const FROM_DEFAULT = {
    user_id: "5fee66",
    given_name: "Jane",
    family_name: "Doe",
    nickname: "jane",
    name: "Jane Doe",
    email: "jane@example.com",
    email_verified: true,
    picture: "https://example.com/jane.png",
  };

  it("knows the default fields by the names they have there, in NDJSON", async () => {
    const phone = { Id: "auth0|7", Email: null, "Email Verified": false };
    assert.deepEqual(await importableOf(`${JSON.stringify(DEFAULT)}\n${JSON.stringify(phone)}\n`), [
      FROM_DEFAULT,
      { user_id: "7", email_verified: false },
    ]);
  });

  it("does not take other tables for one", async () => {
    const crm = { Id: "0815", Email: "jane@example.com", email: "jane@example.org" };
    assert.deepEqual(await importableOf(JSON.stringify(crm)), [crm]);
    assert.deepEqual(await importableOf("Id,email,Name\n0815,jane@example.org,Jane\n"), [
      { Id: "0815", email: "jane@example.org", Name: "Jane" },
    ]);
  });

  it("takes CSV, whose texts have an apostrophe before them", async () => {
    const row = Object.values(DEFAULT).map((value) =>
      typeof value === "string" && !/^2\d{3}-/.test(value) ? `"'${value}"` : String(value),
    );
    assert.deepEqual(await importableOf(`"${Object.keys(DEFAULT).join('","')}"\n${row.join(",")}\n`), [FROM_DEFAULT]);
  });

  it("takes CSV with rows that were edited or added", async () => {
    const header = "user_id,email,email_verified,name,user_metadata.age,last_login";
    assert.deepEqual(
      await importableOf(
        `${header}\n"'auth0|1","'a@example.com",true,"'","'42",2024-09-03T13:18:08.274Z\nauth0|2,'b@example.com,true,B,,\n`,
      ),
      [
        { user_id: "1", email: "a@example.com", email_verified: true, user_metadata: { age: "42" } },
        { user_id: "2", email: "b@example.com", email_verified: true, name: "B" },
      ],
    );
  });

  it("takes CSV whose first row holds no text", async () => {
    const start = "email_verified,logins_count,name,email\ntrue,7,,\n";
    assert.deepEqual(await importableOf(`${start}false,0,'A,'a@example.com\n`), [
      { email_verified: true },
      { email_verified: false, name: "A", email: "a@example.com" },
    ]);
    assert.deepEqual(await importableOf(`${start}false,0,'t,a@example.com\n`), [
      { email_verified: true },
      { email_verified: false, name: "'t", email: "a@example.com" },
    ]);
  });

  it("leaves apostrophes alone in files of others", async () => {
    assert.deepEqual(await importableOf("email,name\na@example.com,'t Hooft\nb@example.com,'s\n"), [
      { email: "a@example.com", name: "'t Hooft" },
      { email: "b@example.com", name: "'s" },
    ]);
  });
});
