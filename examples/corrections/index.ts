// Three of these people can't be imported as they are. The others are all the same: their batch is saved, and the update
// ends with a warning. It names a file with the failed records, whole, and the output `failedRecords` says for each of
// them what is wrong and in which line of users.ndjson it stands:
//
//     pulumi stack output failedRecords --show-secrets
//
// Correct those lines and run `pulumi up` again: nobody but the corrected ones is sent.
import { Config } from "@pulumi/pulumi";
import { UserImport } from "pulumi-auth0-user-import";

const everyone = new UserImport("everyone", {
  connectionId: new Config().require("connectionId"),
  users: "users.ndjson",
});

export const summary = everyone.summary;
export const failedRecords = everyone.failedRecords;
export const failedRecordsFile = everyone.failedRecordsFile;
