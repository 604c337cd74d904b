// Firebase Authentication: what `firebase auth:export` writes as JSON, or as CSV with a header put before it.
import { type Auth0User, type Cell, flag, object, text, unsupported } from "./shared";

/** A user of `auth:export`. The page names the columns of the CSV. */
export interface FirebaseUser {
  readonly localId?: Cell;
  readonly email?: Cell;
  readonly emailVerified?: Cell;
  readonly passwordHash?: Cell;
  readonly displayName?: Cell;
  readonly photoUrl?: Cell;
  readonly phoneNumber?: Cell;
  readonly disabled?: Cell;
  /** The custom claims, as JSON. */
  readonly customAttributes?: Cell;
  /** Google, Facebook, Twitter and GitHub, in JSON. */
  readonly providerUserInfo?: readonly unknown[];
  /** The same in the CSV. */
  readonly googleId?: Cell;
  readonly facebookId?: Cell;
  readonly twitterId?: Cell;
  readonly githubId?: Cell;
}

/** @returns an Auth0 user; nothing of who signs in with another provider only, such as Google, or is anonymous */
export function toUser(user: FirebaseUser): Auth0User | undefined {
  const providers = [user.googleId, user.facebookId, user.twitterId, user.githubId].filter((id) => text(id));
  const hasProvider = providers.length > 0 || (user.providerUserInfo ?? []).length > 0;
  if (text(user.passwordHash) === undefined && hasProvider) return undefined;
  if (text(user.email) === undefined && text(user.phoneNumber) === undefined) return undefined;
  return {
    user_id: text(user.localId),
    email: text(user.email),
    email_verified: flag(user.emailVerified),
    phone_number: text(user.phoneNumber),
    name: text(user.displayName),
    picture: text(user.photoUrl),
    blocked: flag(user.disabled) || undefined,
    app_metadata: object(user.customAttributes),
    // A scrypt of Firebase's own. Hashes that were once imported into Firebase are not exported at all.
    custom_password_hash: unsupported("firebase-scrypt"),
  };
}

export default toUser;
