import { seededClientId } from "./clients";

/** A connection of the tenant, as `GET /api/v2/connections/{id}` shows it. */
export interface Connection {
  id: string;
  name: string;
  strategy: string;
  realms: string[];
  is_domain_connection: boolean;
  /** Client ids of the applications that may sign users in through it. */
  enabled_clients: string[];
  options: ConnectionOptions;
}

export interface ConnectionOptions {
  /** The users live in the customer's own database, behind scripts. */
  enabledDatabaseCustomization?: boolean;
  /** Lets a custom database take imports. */
  import_mode?: boolean;
  /** Not beside `attributes`. */
  requires_username?: boolean;
  validation?: { username?: { min: number; max: number } };
  attributes?: { email?: Attribute & { unique?: boolean }; username?: UsernameAttribute; phone_number?: Attribute };
  /** Kept as it came: it means nothing here. */
  [option: string]: unknown;
}

interface Attribute {
  identifier?: { active?: boolean };
  profile_required?: boolean;
}

interface UsernameAttribute extends Attribute {
  validation?: {
    min_length?: number;
    max_length?: number;
    allowed_types?: { email?: boolean; phone_number?: boolean };
  };
}

export type Identifier = "email" | "username" | "phone_number";

/** What a connection wants of its users' identifiers, whichever way its options say so. */
export interface IdentifierRules {
  /** Each user has all of these. */
  required: readonly Identifier[];
  /** Each user has one of these. */
  active: readonly Identifier[];
  usernameLength: { min: number; max: number };
  /** Whether a username may be an email address, or a phone number. */
  usernameMayBe: { email: boolean; phone_number: boolean };
  uniqueEmails: boolean;
}

/** Usernames have 1 to 15 characters where a connection says nothing else. */
const defaultUsernameLength = { min: 1, max: 15 };

export function identifierRules({ attributes, requires_username, validation }: ConnectionOptions): IdentifierRules {
  if (!attributes) {
    return {
      required: requires_username ? ["email", "username"] : ["email"],
      active: ["email"],
      usernameLength: validation?.username ?? defaultUsernameLength,
      usernameMayBe: { email: false, phone_number: true },
      uniqueEmails: true,
    };
  }
  const named = (["email", "username", "phone_number"] as const).filter((name) => attributes[name]);
  const uniqueEmails = attributes.email?.unique ?? true;
  const { min_length, max_length, allowed_types } = attributes.username?.validation ?? {};
  return {
    required: named.filter((name) => attributes[name]?.profile_required),
    // An email that is not unique identifies nobody.
    active: named.filter((name) => attributes[name]?.identifier?.active && (name !== "email" || uniqueEmails)),
    usernameLength: {
      min: min_length ?? defaultUsernameLength.min,
      max: max_length ?? defaultUsernameLength.max,
    },
    usernameMayBe: {
      email: allowed_types?.email ?? false,
      phone_number: allowed_types?.phone_number ?? false,
    },
    uniqueEmails,
  };
}

/** The connections that every emulated tenant has: one of each kind that an import may meet. */
export function seededConnections(): Connection[] {
  return [
    connection(1, "Username-Password-Authentication", "auth0", {}, [seededClientId]),
    connection(2, "google-oauth2", "google-oauth2", {}, [seededClientId]),
    connection(3, "sms", "sms", {}, [seededClientId]),
    connection(4, "custom-database", "auth0", { enabledDatabaseCustomization: true, import_mode: false }),
    connection(5, "second-database", "auth0", {}, [seededClientId]),
    connection(6, "username-database", "auth0", {
      requires_username: true,
      validation: { username: { min: 1, max: 20 } },
    }),
  ];
}

function connection(
  number: number,
  name: string,
  strategy: string,
  options: ConnectionOptions,
  enabledClients: string[] = [],
): Connection {
  return {
    id: `con_${String(number).padStart(16, "0")}`,
    name,
    strategy,
    realms: [name],
    is_domain_connection: false,
    enabled_clients: enabledClients,
    options,
  };
}
