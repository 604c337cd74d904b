// Amazon Cognito: what `aws cognito-idp list-users` prints, or a CSV with the header of Cognito's own import.
import { type Auth0User, type Cell, flag, present, text, unsupported } from "./shared";

/** A user of `list-users`; or a row of the CSV, whose columns are attributes. */
export interface CognitoUser {
  readonly Username?: Cell;
  readonly Enabled?: Cell;
  readonly UserStatus?: Cell;
  readonly Attributes?: readonly { readonly Name: string; readonly Value?: Cell }[];
}

/** Standard attributes that Auth0 has none for. */
const OTHERS = ["middle_name", "preferred_username", "profile", "website", "gender", "birthdate", "zoneinfo", "locale"];

/** @returns an Auth0 user; nothing of who signs in with another provider only, such as Google */
export function toUser(user: CognitoUser): Auth0User | undefined {
  if (user.UserStatus === "EXTERNAL_PROVIDER") return undefined;
  const attributes = attributesOf(user);
  const email = text(attributes.email);
  const custom = Object.entries(attributes).filter(([name]) => name.startsWith("custom:"));
  return {
    user_id: text(attributes.sub) ?? text(attributes["cognito:username"]) ?? text(user.Username),
    email,
    email_verified: flag(attributes.email_verified) ?? (email === undefined ? undefined : false),
    phone_number: text(attributes.phone_number),
    phone_verified: flag(attributes.phone_number_verified),
    name: text(attributes.name),
    given_name: text(attributes.given_name),
    family_name: text(attributes.family_name),
    nickname: text(attributes.nickname),
    picture: text(attributes.picture),
    blocked: flag(user.Enabled) === false || undefined,
    user_metadata: present(Object.fromEntries(OTHERS.map((name) => [name, text(attributes[name])]))),
    app_metadata: present(Object.fromEntries(custom.map(([name, value]) => [name.slice(7), text(value)]))),
    // Cognito gives no hash to anybody.
    custom_password_hash: unsupported("cognito"),
  };
}

function attributesOf(user: CognitoUser): Readonly<Record<string, Cell>> {
  if (user.Attributes === undefined) return user as Readonly<Record<string, Cell>>;
  return Object.fromEntries(user.Attributes.map(({ Name, Value }) => [Name, Value]));
}

export default toUser;
