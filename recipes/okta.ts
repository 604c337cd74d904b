// Okta: what its API lists under /api/v1/users.
import { type Auth0User, present, unsupported } from "./shared";

/** A user of `/api/v1/users`. */
export interface OktaUser {
  readonly id?: string;
  readonly status?: string;
  readonly profile?: Readonly<Record<string, unknown>>;
  readonly credentials?: { readonly provider?: { readonly type?: string } };
}

/** Whose passwords are Okta's own, or were imported into it. Others sign in elsewhere. */
const OWN = ["OKTA", "IMPORT", undefined];

/** @returns an Auth0 user; nothing of who signs in with another provider, or by a directory */
export function toUser({ id, status = "", profile = {}, credentials }: OktaUser): Auth0User | undefined {
  if (!OWN.includes(credentials?.provider?.type)) return undefined;
  const { login, email = login, firstName, lastName, displayName, nickName, mobilePhone, ...others } = profile;
  return {
    user_id: id,
    email: string(email),
    name: string(displayName),
    given_name: string(firstName),
    family_name: string(lastName),
    nickname: string(nickName),
    blocked: ["SUSPENDED", "DEPROVISIONED"].includes(status) || undefined,
    // A number of a person's own writing: Auth0's `phone_number` takes E.164 only.
    user_metadata: present({ mobilePhone: string(mobilePhone) }),
    app_metadata: present(
      Object.fromEntries(Object.entries(others).map(([name, value]) => [name, value ?? undefined])),
    ),
    // Okta gives no hash to anybody.
    custom_password_hash: unsupported("okta"),
  };
}

function string(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export default toUser;
