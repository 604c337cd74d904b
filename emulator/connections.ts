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
  requires_username?: boolean;
  validation?: { username?: { min: number; max: number } };
  /** Kept as it came: it means nothing here. */
  [option: string]: unknown;
}

/** Usernames have 1 to 15 characters where a connection says nothing else. */
export const defaultUsernameLength = { min: 1, max: 15 };

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
