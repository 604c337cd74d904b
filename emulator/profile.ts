import { createHash } from "node:crypto";
import type { Assumptions } from "./assumptions";
import type { Connection } from "./connections";
import type { Attributes, User, UserStore } from "./userStore";

/** What a user's profile is put together from. */
export interface ProfileSource {
  readonly users: UserStore;
  readonly connections: ReadonlyMap<string, Connection>;
  readonly assumptions: Assumptions;
}

/** One way in which a user signs in, as `identities` lists it. The first is the user's own, the others were linked. */
export interface Identity {
  connection: string | undefined;
  provider: string;
  /** Without the provider before it. */
  user_id: string;
  isSocial: boolean;
  /** Of linked ones only. */
  profileData?: Attributes;
}

const secrets = ["password", "password_hash", "custom_password_hash", "mfa_factors"];

/** The user as `GET /api/v2/users/{id}` shows it. */
export function profileOf(user: User, source: ProfileSource): Record<string, unknown> {
  const attributes = withoutSecrets(user);
  return {
    user_id: user.id,
    ...identifiersOf(user),
    ...(source.assumptions.importDefaults ? withDefaults(user, attributes) : attributes),
    identities: identitiesOf(user, source),
    created_at: new Date(user.createdAt).toISOString(),
    updated_at: new Date(user.updatedAt).toISOString(),
  };
}

export function identitiesOf(user: User, { users, connections }: ProfileSource): Identity[] {
  const own = identityOf(user, connections);
  const linked = users.secondariesOf(user).map((secondary) => ({
    ...identityOf(secondary, connections),
    profileData: profileDataOf(secondary),
  }));
  return [own, ...linked];
}

function identityOf({ id, connectionId }: User, connections: ReadonlyMap<string, Connection>): Identity {
  const [provider = "", userId = ""] = splitId(id);
  return {
    connection: connections.get(connectionId)?.name,
    provider,
    user_id: userId,
    isSocial: !["auth0", "sms", "email", "samlp"].includes(provider),
  };
}

/** At the first bar: what is behind it may hold more of them. */
export function splitId(id: string): [provider: string, userId: string] {
  const bar = id.indexOf("|");
  return [id.slice(0, bar), id.slice(bar + 1)];
}

/** Metadata is not linked: the secondary's is gone. */
function profileDataOf(user: User): Attributes {
  const { app_metadata: _, user_metadata: __, ...attributes } = withoutSecrets(user);
  return { ...identifiersOf(user), ...attributes };
}

function identifiersOf({ email, username, phoneNumber }: User): Attributes {
  return {
    ...(email !== undefined && { email }),
    ...(username !== undefined && { username }),
    ...(phoneNumber !== undefined && { phone_number: phoneNumber }),
  };
}

function withoutSecrets({ attributes }: User): Attributes {
  const shown = JSON.parse(attributes) as Attributes;
  for (const attribute of secrets) delete shown[attribute];
  return shown;
}

/** A default that was removed is kept as null. */
function withDefaults(user: User, attributes: Attributes): Attributes {
  const all = { ...defaultsFor(user), ...attributes };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

/** What Auth0 makes up for a user who has none of these. */
export function defaultsFor({ email, username, phoneNumber }: User): Attributes {
  const name = email ?? username ?? phoneNumber ?? "";
  const nickname = name.replace(/@.*$/, "");
  const avatar = `https://cdn.auth0.com/avatars/${nickname.slice(0, 2).toLowerCase()}.png`;
  // MD5 is what Gravatar goes by.
  const hash = createHash("md5").update(name).digest("hex");
  const picture = `https://s.gravatar.com/avatar/${hash}?s=480&r=pg&d=${encodeURIComponent(avatar)}`;
  return { name, nickname, picture };
}
