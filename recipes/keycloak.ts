// Keycloak: the users of a realm as `kc.sh export` writes them, REALM-users-0.json.
import { type Auth0User, bcryptOrArgon2, type PasswordHash, pbkdf2, phc, unsupported, username } from "./shared";

/** A user of a realm's export. */
export interface KeycloakUser {
  readonly id?: string;
  readonly username?: string;
  readonly email?: string;
  readonly emailVerified?: boolean;
  readonly enabled?: boolean;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly attributes?: Readonly<Record<string, readonly string[]>>;
  readonly credentials?: readonly {
    readonly type?: string;
    readonly secretData?: string;
    readonly credentialData?: string;
  }[];
  readonly federatedIdentities?: readonly unknown[];
  readonly serviceAccountClientId?: string;
}

/** @returns an Auth0 user; nothing of service accounts, and of who signs in with another provider only */
export function toUser(user: KeycloakUser): Auth0User | undefined {
  const password = user.credentials?.find(({ type }) => type === "password");
  const isFederated = password === undefined && (user.federatedIdentities ?? []).length > 0;
  if (user.serviceAccountClientId !== undefined || isFederated) return undefined;
  return {
    user_id: user.id,
    email: user.email ?? (username(user.username) === undefined ? user.username : undefined),
    email_verified: user.emailVerified,
    username: username(user.username),
    given_name: user.firstName,
    family_name: user.lastName,
    blocked: user.enabled === false || undefined,
    app_metadata: attributesOf(user),
    custom_password_hash:
      password && hashOf(JSON.parse(password.secretData ?? ""), JSON.parse(password.credentialData ?? "")),
  };
}

/** Keycloak has lists only. Auth0 refuses dots in keys. */
function attributesOf({ attributes = {} }: KeycloakUser): Record<string, unknown> | undefined {
  const entries = Object.entries(attributes).map(([name, values]) => [
    name.replaceAll(".", "_"),
    values.length === 1 ? values[0] : values,
  ]);
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

interface SecretData {
  readonly value: string;
  readonly salt?: string;
}

interface CredentialData {
  readonly algorithm: string;
  readonly hashIterations: number;
  readonly additionalParameters?: Readonly<Record<string, readonly string[]>>;
}

function hashOf({ value, salt = "" }: SecretData, credential: CredentialData): PasswordHash {
  const { algorithm, hashIterations, additionalParameters = {} } = credential;
  const [bytes, saltBytes] = [Buffer.from(value, "base64"), Buffer.from(salt, "base64")];
  // The length of the hash is not that of the digest: it was 64 bytes, then 32, and 64 again.
  if (algorithm === "pbkdf2") return pbkdf2("sha1", hashIterations, saltBytes, bytes);
  if (algorithm.startsWith("pbkdf2-sha")) return pbkdf2(algorithm.slice(7), hashIterations, saltBytes, bytes);
  if (algorithm !== "argon2") return bcryptOrArgon2(value) ?? unsupported("unknown-form");
  const [type, memory, parallelism, version] = ["type", "memory", "parallelism", "version"].map(
    (name) => additionalParameters[name]?.[0],
  );
  const costs = `v=${version === "1.0" ? 16 : 19}$m=${memory},t=${hashIterations},p=${parallelism}`;
  return bcryptOrArgon2(`$argon2${type}$${costs}$${phc(saltBytes)}$${phc(bytes)}`) ?? unsupported("argon2d");
}

export default toUser;
