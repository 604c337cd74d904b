import { randomBytes } from "node:crypto";
import type { CustomPasswordHash } from "./passwordHash";
import type { Attributes, User, UserStore } from "./userStore";
import { hashByBcrypt, verifyBcrypt, verifyCustomHash } from "./verifyHash";

/** How the passwords of a tenant are checked and kept. */
export interface PasswordSettings {
  scryptMemory: number;
  passwordRounds: number;
}

interface Hashes {
  password_hash?: string;
  custom_password_hash?: CustomPasswordHash;
}

/** Whether it is the user's password. Who came in without a hash has one that nobody knows. */
export async function isPasswordOf(user: User, password: string, settings: PasswordSettings): Promise<boolean> {
  const { password_hash, custom_password_hash } = hashesOf(user);
  if (custom_password_hash) return verifyCustomHash(custom_password_hash, password, settings.scryptMemory);
  return password_hash !== undefined && verifyBcrypt(password_hash, Buffer.from(password));
}

/**
 * What the first right password does: it is hashed anew, by bcrypt, and the imported hash is gone. No upsert can give
 * the user another one after that.
 */
export async function rehash(
  user: User,
  password: string,
  users: UserStore,
  settings: PasswordSettings,
): Promise<void> {
  const imported = JSON.stringify(hashesOf(user).custom_password_hash);
  if (imported === undefined) return;
  const password_hash = await hashByBcrypt(password, randomBytes(16), settings.passwordRounds);
  change(user, users, (attributes) => {
    // Another one may have been imported in the meantime.
    if (JSON.stringify(attributes.custom_password_hash) !== imported) return;
    delete attributes.custom_password_hash;
    attributes.password_hash = password_hash;
  });
}

/** What a password that is set by the API makes of a user, if there is one. */
export async function withPassword(
  password: string | undefined,
  { passwordRounds }: PasswordSettings,
  now: number,
): Promise<Attributes | undefined> {
  if (password === undefined) return undefined;
  const password_hash = await hashByBcrypt(password, randomBytes(16), passwordRounds);
  return { password_hash, last_password_reset: new Date(now).toISOString() };
}

/** By the connection's `passwordPolicy`. */
export function isTooWeak(password: string, policy: unknown): boolean {
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].map((kind) => kind.test(password));
  const count = kinds.filter(Boolean).length;
  switch (policy) {
    case "low":
      return password.length < 6;
    case "fair":
      return password.length < 8 || !(kinds[0] && kinds[1] && kinds[2]);
    case "good":
      return password.length < 8 || count < 3;
    case "excellent":
      return password.length < 10 || count < 3 || /(.)\1\1/.test(password);
    default:
      return false;
  }
}

/** What a sign-in leaves in the profile. It counts as an update of the user. */
export function recordSignIn(user: User, users: UserStore, now: number, ip: string): void {
  change(
    users.primaryOf(user) ?? user,
    users,
    (attributes) => {
      attributes.logins_count = Number(attributes.logins_count ?? 0) + 1;
      attributes.last_login = new Date(now).toISOString();
      attributes.last_ip = ip;
    },
    now,
  );
}

function hashesOf(user: User): Hashes {
  return JSON.parse(user.attributes) as Hashes;
}

/** The user as it is by now: the hashes take their time. */
function change(user: User, users: UserStore, edit: (attributes: Attributes) => void, now?: number): void {
  const current = users.current(user);
  if (!current) return;
  const attributes = JSON.parse(current.attributes) as Attributes;
  edit(attributes);
  users.put({ ...current, updatedAt: now ?? current.updatedAt, attributes: JSON.stringify(attributes) });
}
