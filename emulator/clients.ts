/** An application of the tenant, as far as a connection is concerned: who may sign users in through it. */
export interface Client {
  client_id: string;
  client_secret: string;
  name: string;
  [attribute: string]: unknown;
}

const seeded: Client = {
  client_id: "EmulatedApplication0000000000001",
  client_secret: "emulated",
  name: "Emulated Application",
  app_type: "regular_web",
  grant_types: ["authorization_code", "refresh_token", "password", "http://auth0.com/oauth/grant-type/password-realm"],
};

/** The one application that every emulated tenant has. */
export function seededClients(): Client[] {
  return [{ ...seeded }];
}

/** Of the seeded application. */
export const seededClientId = seeded.client_id;
