/** How a tenant is set up and how fast it is. Not kept in the data file. */
export interface TenantSettings {
  /** The tenant's name, for the audience `https://DOMAIN/api/v2/`. The emulator's own address is taken as well. */
  domain: string;
  clientId: string;
  clientSecret: string;
  /** PEM; with it the client may also sign in by `private_key_jwt`. */
  clientPublicKey: string | undefined;
  /** What the client's tokens grant. */
  scopes: string[];
  tokenLifetimeSeconds: number;
  /** How many import jobs may be active at once. */
  maxActiveJobs: number;
  /** How many users each job imports in a second; 0 for no time at all. */
  usersPerSecond: number;
  /** Rate limit of the Management API; 0 for none. */
  requestsPerSecond: number;
  /** How many requests the rate limit takes at once. */
  burst: number;
}

export const defaultSettings: TenantSettings = {
  domain: "emulator.us.auth0.com",
  clientId: "emulator",
  clientSecret: "emulator",
  clientPublicKey: undefined,
  scopes: ["create:users", "read:users", "delete:users", "read:connections", "update:users"],
  tokenLifetimeSeconds: 86_400,
  maxActiveJobs: 2,
  usersPerSecond: 1000,
  requestsPerSecond: 0,
  burst: 10,
};
