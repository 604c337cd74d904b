// Supabase: the table auth.users of its database.
import {
  type Auth0User,
  bcryptOrArgon2,
  type Cell,
  flag,
  happened,
  object,
  type PasswordHash,
  present,
  text,
  unsupported,
} from "./shared";

/** A row of auth.users. */
export interface SupabaseRow {
  readonly id?: Cell;
  readonly email?: Cell;
  readonly phone?: Cell;
  readonly encrypted_password?: Cell;
  readonly email_confirmed_at?: Cell;
  readonly phone_confirmed_at?: Cell;
  readonly raw_user_meta_data?: Cell | object;
  readonly raw_app_meta_data?: Cell | object;
  readonly deleted_at?: Cell;
  readonly is_sso_user?: Cell;
  readonly is_anonymous?: Cell;
}

/** @returns an Auth0 user; nothing of who is anonymous or deleted, or signs in with another provider only */
export function toUser(row: SupabaseRow): Auth0User | undefined {
  if (text(row.deleted_at) !== undefined || flag(row.is_anonymous) || flag(row.is_sso_user)) return undefined;
  const { provider, providers = [provider], ...app } = object(row.raw_app_meta_data) ?? {};
  const profile = object(row.raw_user_meta_data) ?? {};
  const hash = text(row.encrypted_password);
  const isOwn = ["email", "phone", undefined].some((each) => (providers as unknown[]).includes(each));
  if (hash === undefined && !isOwn) return undefined;
  const [email, phone] = [text(row.email), text(row.phone)];
  return {
    user_id: text(row.id),
    email,
    email_verified: email === undefined ? undefined : happened(row.email_confirmed_at),
    // They are kept without the +.
    phone_number: phone && `+${phone.replace("+", "")}`,
    phone_verified: phone === undefined ? undefined : happened(row.phone_confirmed_at),
    name: nameOf(profile),
    user_metadata: present(profile),
    app_metadata: present(app),
    custom_password_hash: hash === undefined ? undefined : hashOf(hash),
  };
}

function nameOf({ full_name, name }: Record<string, unknown>): string | undefined {
  return [full_name, name].find((each) => typeof each === "string" && each !== "") as string | undefined;
}

function hashOf(hash: string): PasswordHash {
  return bcryptOrArgon2(hash) ?? unsupported(hash.startsWith("$fbscrypt$") ? "firebase-scrypt" : "unknown-form");
}

export default toUser;
