// A tenant and its users in one `pulumi up`: a database connection, the application that signs people in through it, and
// the import, which waits until both are there.
//
// The settings are those of @pulumi/auth0: `pulumi config set auth0:domain …`, auth0:clientId, and with --secret
// auth0:clientSecret. The import needs the scope create:users beside those that the other resources need.
import * as auth0 from "@pulumi/auth0";
import { UserImport } from "pulumi-auth0-user-import";

// Auth0 deletes a connection's users with the connection. `protect` makes Pulumi refuse to delete or replace it, and
// `retainOnDelete` leaves it in the tenant even where somebody lifts that.
const customers = new auth0.Connection(
  "customers",
  {
    name: "customers",
    strategy: "auth0",
    options: { bruteForceProtection: true, passwordPolicy: "good", disableSignup: true },
  },
  { protect: true, retainOnDelete: true },
);

const shop = new auth0.Client("shop", {
  name: "Shop",
  appType: "spa",
  callbacks: ["https://shop.example.com/callback"],
});

const enabled = new auth0.ConnectionClients("customers-in-shop", {
  connectionId: customers.id,
  enabledClients: [shop.clientId],
});

const everyone = new UserImport(
  "everyone",
  { connectionId: customers.id, users: "users/*.json", batches: 2 },
  { dependsOn: enabled },
);

export const connectionId = customers.id;
export const clientId = shop.clientId;
export const summary = everyone.summary;
