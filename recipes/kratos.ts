// Ory Kratos: the identities that its admin API lists, with their credentials.
import { type Auth0User, bcryptOrArgon2, type PasswordHash, present, scrypt, unsupported, username } from "./shared";

/** An identity of `/admin/identities?include_credential=password`. */
export interface KratosIdentity {
  readonly id?: string;
  readonly state?: string;
  readonly traits?: Readonly<Record<string, unknown>>;
  readonly verifiable_addresses?: readonly { readonly value: string; readonly verified?: boolean }[];
  readonly metadata_public?: Readonly<Record<string, unknown>> | null;
  readonly metadata_admin?: Readonly<Record<string, unknown>> | null;
  readonly credentials?: Readonly<
    Record<string, { readonly config?: { readonly hashed_password?: string } } | undefined>
  >;
}

/** @returns an Auth0 user; nothing of who signs in with another provider only */
export function toUser(identity: KratosIdentity): Auth0User | undefined {
  const { traits = {}, credentials = {}, verifiable_addresses = [], metadata_public, metadata_admin } = identity;
  if (credentials.password === undefined && (credentials.oidc ?? credentials.saml) !== undefined) return undefined;
  const { email, username: login, phone, name, ...others } = traits;
  const { first, last } = (typeof name === "object" && name !== null ? name : {}) as Record<string, unknown>;
  const isVerified = (address: unknown) => verifiable_addresses.some((each) => each.value === address && each.verified);
  const hash = credentials.password?.config?.hashed_password;
  return {
    user_id: identity.id,
    email: string(email),
    email_verified: email === undefined ? undefined : isVerified(email),
    username: username(string(login)),
    phone_number: string(phone),
    phone_verified: phone === undefined ? undefined : isVerified(phone),
    name: string(name),
    given_name: string(first),
    family_name: string(last),
    blocked: identity.state === "inactive" || undefined,
    user_metadata: present({ ...others, ...metadata_public }),
    app_metadata: present(metadata_admin ?? {}),
    custom_password_hash: hash === undefined ? undefined : hashOf(hash),
  };
}

/** Kratos's own are bcrypt and argon2id; the others were imported into it. */
function hashOf(stored: string): PasswordHash {
  const [, scheme = "", costs = "", salt = "", hash = ""] = stored.split("$");
  if (scheme.startsWith("pbkdf2-")) return { algorithm: "pbkdf2", hash: { value: stored } };
  if (/^\{SSHA/.test(stored)) return { algorithm: "ldap", hash: { value: stored } };
  // `ln` is N itself here, not its logarithm.
  const [, ...parameters] = /^ln=(\d+),r=(\d+),p=(\d+)$/.exec(costs) ?? [];
  if (scheme === "scrypt" && parameters.length > 0) {
    return scrypt(Buffer.from(hash, "base64"), { value: salt, encoding: "base64" }, parameters);
  }
  if (scheme === "firescrypt") return unsupported("firebase-scrypt");
  return bcryptOrArgon2(stored) ?? unsupported(scheme.endsWith("-crypt") ? "crypt" : "unknown-form");
}

function string(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export default toUser;
