// Microsoft Entra External ID and Azure AD B2C: the users that Microsoft Graph lists.
import { type Auth0User, present, unsupported, username } from "./shared";

/** A user of Graph's /users, with what the page selects. */
export interface EntraUser {
  readonly id?: string;
  readonly displayName?: string | null;
  readonly givenName?: string | null;
  readonly surname?: string | null;
  readonly mail?: string | null;
  readonly accountEnabled?: boolean | null;
  readonly identities?: readonly { readonly signInType?: string; readonly issuerAssignedId?: string | null }[] | null;
}

/** @returns an Auth0 user; nothing of administrators, guests, and who signs in with another provider only */
export function toUser(user: EntraUser): Auth0User | undefined {
  const signIn = (type: string) => user.identities?.find(({ signInType }) => signInType === type)?.issuerAssignedId;
  const [email, name, phone] = [signIn("emailAddress"), signIn("userName"), signIn("phoneNumber")];
  if (!email && !name && !phone) return undefined;
  return {
    user_id: user.id,
    email: email ?? user.mail ?? undefined,
    username: username(name),
    phone_number: phone ?? undefined,
    name: user.displayName ?? undefined,
    given_name: user.givenName ?? undefined,
    family_name: user.surname ?? undefined,
    blocked: user.accountEnabled === false || undefined,
    app_metadata: extensionsOf(user),
    // Microsoft gives no hash to anybody.
    custom_password_hash: unsupported("entra"),
  };
}

/** `extension_APPLICATION_plan` is the attribute `plan`. */
function extensionsOf(user: EntraUser): Record<string, unknown> | undefined {
  const extensions = Object.entries(user).filter(([name]) => /^extension_[0-9a-f]{32}_/.test(name));
  return present(Object.fromEntries(extensions.map(([name, value]) => [name.slice(43), value ?? undefined])));
}

export default toUser;
