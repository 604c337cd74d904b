// Three of these people can't be imported as they are. The others are all the same: their batch is saved, and the update
// ends with a warning. It names a file with the failed records, whole, and the output `failedRecords` says for each of
// them what is wrong and in which line of users.ndjson it stands:
//
//     pulumi stack output failedRecords --show-secrets
//
// Take a copy of the file, and correct the records in it:
//
//     cp .user-import/dev/everyone/failed-records.json corrections.json
//
// At the next `pulumi up` it comes after users.ndjson, and of two records of the same user the last one counts: nobody
// but the corrected ones is sent, and the export stays as it was.
import { existsSync } from "node:fs";
import { Config } from "@pulumi/pulumi";
import { UserImport } from "pulumi-auth0-user-import";

const everyone = new UserImport("everyone", {
  connectionId: new Config().require("connectionId"),
  users: ["users.ndjson", ...(existsSync("corrections.json") ? ["corrections.json"] : [])],
});

export const summary = everyone.summary;
export const failedRecords = everyone.failedRecords;
export const failedRecordsFile = everyone.failedRecordsFile;
