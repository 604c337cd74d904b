// Exports of better-auth, Firebase, WordPress and ASP.NET, with hashes by npm packages of theirs; and of ASP.NET,
// FusionAuth and Clerk with hashes that are published, or made after published code.
//
// Usage: node fixtures.mjs FOLDER >> LOGINS.csv
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import aspnet from "aspnet-identity-pw";
import { hashPassword } from "better-auth/crypto";
import { FirebaseScrypt } from "firebase-scrypt";
import { LegacyScrypt, Scrypt } from "lucia";
import wordpress from "wordpress-hash-node";

const folder = process.argv[2];

function passwordOf(login, password = `Grüße von ${login}`) {
  console.log(`${login},${password}`);
  return password;
}

const writeJson = (name, value) => writeFileSync(`${folder}/${name}`, `${JSON.stringify(value, undefined, 2)}\n`);

function writeCsv(name, rows) {
  const cell = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : `${value}`);
  const header = Object.keys(rows[0]);
  const lines = [header, ...rows.map((row) => header.map((column) => row[column] ?? ""))];
  writeFileSync(`${folder}/${name}`, lines.map((cells) => `${cells.map(cell).join(",")}\n`).join(""));
}

async function writeBetterAuth() {
  const makers = {
    "better-auth": hashPassword,
    lucia: (password) => new Scrypt().hash(password),
    "lucia-2": (password) => new LegacyScrypt().hash(password),
  };
  const rows = [];
  for (const [name, make] of Object.entries(makers)) {
    const email = `${name}@better-auth.example.com`;
    rows.push({
      id: `ba${rows.length + 1}`,
      name,
      email,
      emailVerified: "t",
      image: "",
      password: await make(passwordOf(email)),
    });
  }
  rows.push({ id: "ba9", name: "google", email: "google@better-auth.example.com", emailVerified: "t" });
  writeCsv("better-auth.csv", rows);
}

/** The parameters are those that Firebase shows as an example. */
async function writeFirebase() {
  const scrypt = new FirebaseScrypt({
    memCost: 14,
    rounds: 8,
    saltSeparator: "Bw==",
    signerKey: "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
  });
  const salt = randomBytes(8).toString("base64");
  const user = {
    localId: "AbC123AbC123AbC123AbC123AbC1",
    email: "jane@firebase.example.com",
    emailVerified: true,
    passwordHash: await scrypt.hash("never mind", salt),
    salt,
    displayName: "Doe, Jane",
    lastSignedInAt: "1621041537557",
    createdAt: "1621041537556",
    phoneNumber: "+4915112345678",
    disabled: false,
    customAttributes: '{"plan":"gold"}',
    providerUserInfo: [],
  };
  const providerUserInfo = [{ providerId: "google.com", rawId: "1", email: "google@firebase.example.com" }];
  const google = {
    localId: "AbC123AbC123AbC123AbC123AbC2",
    email: "google@firebase.example.com",
    emailVerified: true,
    createdAt: "1621041537556",
    providerUserInfo,
  };
  const anonymous = { localId: "AbC123AbC123AbC123AbC123AbC3", createdAt: "1621041537556", providerUserInfo: [] };
  writeJson("firebase.json", { users: [user, google, anonymous] });
  // firebase-tools writes no header, and a comma at each line's end. The page says how to put the header there.
  const providers = ["google", "facebook", "twitter", "github"].flatMap((name) =>
    ["Id", "Email", "DisplayName", "PhotoUrl"].map((column) => name + column),
  );
  const columns = [
    "localId",
    "email",
    "emailVerified",
    "passwordHash",
    "salt",
    "displayName",
    "photoUrl",
    ...providers,
  ];
  columns.push("createdAt", "lastSignedInAt", "phoneNumber", "disabled", "customAttributes", "end");
  const john = {
    ...user,
    localId: "AbC123AbC123AbC123AbC123AbC4",
    email: "john@firebase.example.com",
    phoneNumber: "",
  };
  writeCsv("firebase.csv", [Object.fromEntries(columns.map((name) => [name, john[name]]))]);
}

function writeWordPress() {
  const row = (ID, user_login, user_pass, roles = "subscriber") => {
    return {
      ID,
      user_login,
      display_name: `${user_login} of WordPress`,
      user_email: `${user_login}@wordpress.example.com`,
      user_registered: "2020-05-04 09:30:00",
      roles,
      user_pass,
    };
  };
  const md5 = createHash("md5").update(passwordOf("wp_md5@wordpress.example.com")).digest("hex");
  writeJson("wordpress.json", [
    row(5001, "wp_phpass", wordpress.HashPassword("never mind"), "administrator,editor"),
    // Of PHP 8.4 and WordPress 6.8; the bcrypt is of an HMAC.
    row(5002, "wp_6_8", "$wp$2y$10$6iMN0KdRIEDZF.3EGk6D3h4nvHhaOZTET5q.177.4efvGecFOTjQ1"),
    row(5003, "wp_md5", md5),
  ]);
}

async function writeAspNet() {
  const rows = [];
  const add = (name, columns, password) => {
    const Email = `${name}@aspnet.example.com`;
    passwordOf(Email, password);
    rows.push({
      Id: `a5be0000-0000-4000-8000-00000000000${rows.length}`,
      UserName: Email,
      Email,
      EmailConfirmed: true,
      PhoneNumber: null,
      PhoneNumberConfirmed: false,
      ...columns,
    });
  };
  // Of the tests of ASP.NET Core, PasswordHasherTest.cs.
  const published = {
    v2: "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==",
    "v3-sha256": "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
    "v3-sha512":
      "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAfZ8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw==",
    "v3-sha1": "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M",
  };
  for (const [name, PasswordHash] of Object.entries(published)) add(name, { PasswordHash }, "my password");
  // The same in the table of SimpleMembership; this hash is in a thread about them.
  const simple = "AG8nVMgXdmjX+LVQUjrhNz1QFOt+S/wudjeeOSPyz/+cuXYtY12TrQqQ9SV2HnO0mA==";
  add("simple-membership", { Password: simple, PasswordSalt: "" }, "password");
  const email = "v2-npm@aspnet.example.com";
  const PasswordHash = await new Promise((resolve, reject) => {
    aspnet.hashPassword(`Grüße von ${email}`, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
  add("v2-npm", { PasswordHash });
  const sha1 = membership("sha1", "Grüße von membership@aspnet.example.com");
  add("membership", { Password: sha1.hash, PasswordFormat: 1, PasswordSalt: sha1.salt, IsApproved: true });
  const migrated = membership("sha1", "Grüße von migrated@aspnet.example.com");
  add("migrated", { PasswordHash: `${migrated.hash}|1|${migrated.salt}` });
  writeJson("aspnet.json", rows);
  const membershipRow = (name, { hash, salt }) => ({
    UserId: `a5be0000-0000-4000-8000-0000000000${name.length}`,
    UserName: name,
    Email: `${name}@aspnet.example.com`,
    IsApproved: 1,
    Password: hash,
    PasswordFormat: 1,
    PasswordSalt: salt,
  });
  const keyed = membershipHmac(passwordOf("ms_hmac@aspnet.example.com"));
  writeCsv("aspnet-membership.csv", [membershipRow("ms_hmac", keyed)]);
}

/** After SqlMembershipProvider.EncodePassword of the .NET Framework's reference source. */
function membership(digest, password) {
  const salt = randomBytes(16);
  return {
    salt: salt.toString("base64"),
    hash: createHash(digest).update(salt).update(password, "utf16le").digest("base64"),
  };
}

/** The same for HMACSHA256, whose own keys have 64 bytes: the salt fills them, again and again. */
function membershipHmac(password) {
  const salt = randomBytes(16);
  const key = Buffer.concat([salt, salt, salt, salt]);
  return {
    salt: salt.toString("base64"),
    hash: createHmac("sha256", key).update(password, "utf16le").digest("base64"),
  };
}

/** After the pseudocode of FusionAuth's documentation, «Password-Hashing Algorithms». */
function writeFusionAuth() {
  const pbkdf2 = (digest, length) => (password, salt, factor) => pbkdf2Sync(password, salt, factor, length, digest);
  const schemes = {
    "salted-pbkdf2-hmac-sha256": [24_000, pbkdf2("sha256", 32)],
    "salted-pbkdf2-hmac-sha256-512": [24_000, pbkdf2("sha256", 64)],
    "salted-pbkdf2-hmac-sha512-512": [24_000, pbkdf2("sha512", 64)],
    "salted-hmac-sha256": [1, (password, salt) => createHmac("sha256", salt).update(password).digest()],
    "salted-sha256": [1, (password, salt) => createHash("sha256").update(password).update(salt).digest()],
  };
  const rows = Object.entries(schemes).map(([encryption_scheme, [factor, hash]], number) => {
    const email = `${encryption_scheme.slice(7)}@fusionauth.example.com`;
    const salt = randomBytes(32);
    const password = hash(passwordOf(email), salt, factor).toString("base64");
    return {
      id: `f0510000-0000-4000-8000-00000000000${number}`,
      email,
      username: "",
      verified: "t",
      active: "t",
      first_name: "Jane",
      last_name: "Doe",
      password,
      salt: salt.toString("base64"),
      factor,
      encryption_scheme,
    };
  });
  rows.push({
    ...rows[4],
    id: "f0510000-0000-4000-8000-000000000009",
    email: "iterated@fusionauth.example.com",
    factor: 20_000,
  });
  // A hash of bcrypt's own test vectors, taken apart as FusionAuth keeps it.
  const bcrypt = {
    email: passwordAt("bcrypt@fusionauth.example.com", "U*U"),
    factor: 5,
    salt: "CCCCCCCCCCCCCCCCCCCCC.",
    password: "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
  };
  rows.push({ ...rows[0], id: "f0510000-0000-4000-8000-000000000008", ...bcrypt, encryption_scheme: "bcrypt" });
  writeCsv("fusionauth.csv", rows);
}

function passwordAt(login, password) {
  passwordOf(login, password);
  return login;
}

/** A hash of bcrypt's own test vectors, and Clerk's example of argon2 would have no known password: it is left out. */
function writeClerk() {
  const row = (id, name, password_hasher, password_digest) => {
    const email = `${name}@clerk.example.com`;
    return {
      id,
      first_name: name,
      last_name: "of Clerk",
      username: "",
      primary_email_address: email,
      primary_phone_number: "",
      verified_email_addresses: email,
      unverified_email_addresses: "",
      verified_phone_numbers: "",
      unverified_phone_numbers: "",
      totp_secret: "",
      password_digest,
      password_hasher,
    };
  };
  const rows = [
    row("user_1", "bcrypt", "bcrypt", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    row("user_2", "md5", "md5", createHash("md5").update(passwordOf("md5@clerk.example.com")).digest("hex")),
    row("user_3", "phpass", "phpass", wordpress.HashPassword("never mind")),
    row("user_4", "google", "", ""),
  ];
  passwordOf("bcrypt@clerk.example.com", "U*U");
  rows[0].totp_secret = "JBSWY3DPEHPK3PXP";
  writeCsv("clerk.csv", rows);
}

await writeBetterAuth();
await writeFirebase();
writeWordPress();
await writeAspNet();
writeFusionAuth();
writeClerk();
