// A large migration: the export of the old system in gzipped parts, among 16 batches. Each batch is a resource with a
// state of its own, so that a run that ends early has saved what it has finished, and shows its progress on a line of
// its own. Jobs are packed to Auth0's limit whatever the number of batches is: 16 is enough for a million users.
//
// `npm run export` writes an export of 100,000 made-up people to export/.
import { Config } from "@pulumi/pulumi";
import { UserImport } from "pulumi-auth0-user-import";

const everyone = new UserImport("everyone", {
  connectionId: new Config().require("connectionId"),
  users: "export/*.ndjson.gz",
  transform: "to-user.mjs",
  batches: 16,
  // A few bad records should not stop a cut-over; more than that, and somebody looks first.
  maxFailures: "0.1%",
});

export const summary = everyone.summary;
export const failedRecords = everyone.failedRecords;
export const failedRecordsFile = everyone.failedRecordsFile;
