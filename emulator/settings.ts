import type { Assumptions } from "./assumptions";
import type { Plan } from "./ratePlans";

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
  /** How many users each export job reads in a second; 0 for no time at all. */
  exportUsersPerSecond: number;
  /** Whose rate limits the Management API has, for groups of calls; in the place of the next two. */
  plan: Plan | undefined;
  /** Rate limit of the Management API; 0 for none. */
  requestsPerSecond: number;
  /** How many requests the rate limit takes at once. */
  burst: number;
  /** Sign-ins of one user from one address in a minute, half as many in each that follows; 0 for no limit. */
  signInsPerMinute: number;
  /** Wrong passwords of one user from one address before the right one is refused, too; 0 for any number. */
  maxFailedSignIns: number;
  /** MiB that an scrypt hash may take for its password to be found right; 0 for any. What Auth0 allows is not known. */
  scryptMemory: number;
  /** Of the bcrypt hash that takes the place of an imported one at the first sign-in. */
  passwordRounds: number;
  /** What Auth0 leaves open, where it is to be otherwise than by default. Checked by {@link parseAssumptions}. */
  assume: Partial<Assumptions>;
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
  exportUsersPerSecond: 10_000,
  plan: undefined,
  requestsPerSecond: 0,
  burst: 10,
  signInsPerMinute: 20,
  maxFailedSignIns: 10,
  scryptMemory: 32,
  passwordRounds: 10,
  assume: {},
};
