// A migration that takes longer than any runner lives. `npm run up` hands its batches over to a queue, and workers carry
// them out: `compose.yaml` starts a Redis and two of them. However `npm run up` ends, they go on; the next one collects.
//
//   pulumi config set --secret auth0-user-import:queue redis://:PASSWORD@127.0.0.1:6379
//
// The program itself knows nothing of that: without the setting it imports by itself.
import { Config } from "@pulumi/pulumi";
import { UserImport } from "pulumi-auth0-user-import";

const config = new Config();
const deadline = config.get("deadline");

const everyone = new UserImport("everyone", {
  connectionId: config.require("connectionId"),
  // Workers find the same files, below the folder that they are started in.
  users: "export/*.ndjson",
  // A batch that is carried out holds one of the tenant's slots: eight for each slot, and hardly any lies idle at the end.
  batches: 16,
  // The end of the waiting, and not of the work.
  ...(deadline === undefined ? {} : { deadline }),
});

export const summary = everyone.summary;
export const failedRecordsFile = everyone.failedRecordsFile;
