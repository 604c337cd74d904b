import type { JsonObject } from "./recordFormat";

/**
 * The names that Auth0 gives the default fields of an export (Dashboard, extension, API without `fields`), which are no
 * attribute names. From the source of Auth0's user-import-export-extension, and seen in files of the API.
 */
const ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ["Id", "user_id"],
  ["Given Name", "given_name"],
  ["Family Name", "family_name"],
  ["Nickname", "nickname"],
  ["Name", "name"],
  ["Email", "email"],
  ["Email Verified", "email_verified"],
  ["Picture", "picture"],
  // The name of the connection alone, out of the array.
  ["Connection", "identities"],
  ["Created At", "created_at"],
  ["Updated At", "updated_at"],
]);

/** Any table may have an `Id`, and in it something else than Auth0 has. Together, these two are Auth0's. */
const SURE_SIGNS = ["Id", "Email Verified"] as const;

/** The attributes that a CSV file's columns are for: the names themselves, unless they are those of a default export. */
export function attributeNames(columns: readonly string[]): readonly string[] {
  return SURE_SIGNS.every((name) => columns.includes(name))
    ? columns.map((name) => ATTRIBUTES.get(name) ?? name)
    : columns;
}

/** A record under the names of attributes: the record itself, unless it is one of a default export. */
export function withAttributeNames(record: JsonObject): JsonObject {
  return SURE_SIGNS.every((name) => name in record)
    ? Object.fromEntries(Object.entries(record).map(([name, value]) => [ATTRIBUTES.get(name) ?? name, value]))
    : record;
}
