// A tenant and its users in one `pulumi up`: a database connection, the application that signs people in through it, a
// role, an organization, and the import, which waits until all of them are there. Records name roles and organizations by
// names of your own; the import takes Auth0's ids from the resources.
//
// The settings are those of @pulumi/auth0: `pulumi config set auth0:domain …`, auth0:clientId, and with --secret
// auth0:clientSecret. The import needs scopes of its own beside those that the other resources need: docs/operations.md.
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

const editor = new auth0.Role("editor", { name: "Editor", description: "Writes and publishes" });

const acme = new auth0.Organization("acme", { name: "acme", displayName: "Acme" });

// Members can sign in to an organization only through a connection that is enabled there.
const customersInAcme = new auth0.OrganizationConnection("customers-in-acme", {
  organizationId: acme.id,
  connectionId: customers.id,
});

const everyone = new UserImport(
  "everyone",
  {
    connectionId: customers.id,
    users: "users/*.json",
    batches: 2,
    roles: { editor: editor.id },
    organizations: { acme: acme.id },
    // A mistake in the files makes nobody an editor: more than these, and nothing is sent.
    maxMembers: { editor: 500 },
  },
  { dependsOn: [enabled, customersInAcme] },
);

export const connectionId = customers.id;
export const clientId = shop.clientId;
export const summary = everyone.summary;
export const editorId = editor.id;
export const acmeId = acme.id;
