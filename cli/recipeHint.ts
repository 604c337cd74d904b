import { recipeModule } from "../provider/schema/recipeHint";
import { openSource } from "../provider/source";

type Record = Readonly<globalThis.Record<string, unknown>>;

/** What the records of each system have, and others have not. What could be any system's is in none of these. */
const SIGNS: readonly (readonly [recipe: string, isOf: (record: Record) => boolean])[] = [
  ["aspnet", has("PasswordHash", "EmailConfirmed")],
  ["aspnet", has("PasswordFormat", "PasswordSalt")],
  ["auth0", has("_id", "passwordHash")],
  ["clerk", has("password_digest", "password_hasher")],
  ["cognito", has("Username", "Attributes")],
  ["cognito", has("cognito:username")],
  ["django", ({ fields }) => /^(pbkdf2_sha|argon2\$|bcrypt|scrypt\$|!)/.test(textIn(fields, "password"))],
  ["django", (record) => /^(pbkdf2_sha\w+|argon2|bcrypt|bcrypt_sha256|scrypt)\$/.test(textIn(record, "password"))],
  ["entra", ({ identities }) => Array.isArray(identities) && textIn(identities[0], "signInType") !== ""],
  ["firebase", has("localId")],
  ["fusionauth", has("encryption_scheme", "factor")],
  ["keycloak", has("credentials", "createdTimestamp", "requiredActions")],
  ["kratos", has("traits", "schema_id")],
  ["ldif", has("dn", "objectClass")],
  ["okta", (record) => has("status", "credentials")(record) && textIn(record.profile, "login") !== ""],
  ["supabase", has("encrypted_password", "raw_app_meta_data")],
  ["devise", has("encrypted_password")],
  ["wordpress", has("user_login", "user_pass")],
  ["laravel", has("email_verified_at", "password")],
  ["better-auth", (record) => /^(s2:)?[0-9a-f]{32}:[0-9a-f]{128}$/.test(textIn(record, "password"))],
  ["spring", (record) => /^\{(bcrypt|noop|pbkdf2|scrypt|argon2|MD5|SHA|sha)/.test(textIn(record, "password"))],
  ["werkzeug", (record) => /^(pbkdf2:sha|scrypt:\d|\$pbkdf2)/.test(textIn(record, "password"))],
  ["bcrypt", (record) => /^\$(2[aby]|argon2)/.test(textIn(record, "password"))],
];

function has(...keys: string[]): (record: Record) => boolean {
  return (record) => keys.every((key) => key in record);
}

function textIn(value: unknown, key: string): string {
  const text = typeof value === "object" && value !== null ? (value as Record)[key] : undefined;
  return typeof text === "string" ? text : "";
}

/** How many records are looked at: the first ones may be of groups. */
const LOOKED_AT = 100;

/** The recipe for the system that these files look like an export of; `undefined` where none is certain. */
export async function recipeFor(patterns: readonly string[], cwd: string): Promise<string | undefined> {
  let found: string | undefined;
  const enough = new Error("enough was seen");
  const onRecord = ({ index, raw }: { readonly index: number; readonly raw: Record }) => {
    found = SIGNS.find(([, isOf]) => isOf(raw))?.[0];
    if (found !== undefined || index >= LOOKED_AT) throw enough;
  };
  try {
    const source = await openSource(patterns, cwd, { transform: require.resolve("./asIs"), onRecord });
    await source.close();
  } catch {
    // What can't be read has been told by who read it in earnest.
  }
  return found && recipeModule(found);
}
