// `npm start` in the repository's root runs this against a local emulator of Auth0.
//
// To use it for a tenant of your own: `pulumi new typescript` in an empty folder, `npm install pulumi-auth0-user-import`
// there, copy this file, and set auth0:domain, auth0:clientId and (with --secret) auth0:clientSecret by `pulumi config`.
import { UserImport } from "pulumi-auth0-user-import";

const everyone = new UserImport("everyone", {
  // A database connection; with @pulumi/auth0 in the same program, the `id` of an auth0.Connection.
  connectionId: "con_0000000000000001",
  // Two of Auth0's own examples, and an export of 5,000 users with five wrong records among them.
  users: ["auth0-examples/example-basic.json", "auth0-examples/example-custom-password-hash.json", "data/users.ndjson"],
  // Each batch is a resource with a state of its own: what one has finished is saved, whatever happens to the others.
  batches: 4,
});

// Auth0's third example has the same people as its second, so it goes to another connection.
new UserImport("mfa-example", {
  connectionId: "con_0000000000000005",
  users: "auth0-examples/example-mfa-factors.json",
});

export const summary = everyone.summary;
export const failedRecords = everyone.failedRecords;
export const failedRecordsFile = everyone.failedRecordsFile;
