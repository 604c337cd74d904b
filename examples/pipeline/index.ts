// A pipeline ends its jobs after some hours, and does not ask how far an import is. So the import ends before: it submits
// no job of Auth0 that would not be over by then, saves what it has, and fails with a message of its own. The next run
// goes on from there. `import.sh` tells that end from all others, and the files for GitHub Actions and GitLab CI start
// the next run.
import { Config } from "@pulumi/pulumi";
import { UserImport } from "pulumi-auth0-user-import";

const config = new Config();

const everyone = new UserImport("everyone", {
  connectionId: config.require("connectionId"),
  users: "export/*.ndjson",
  // Less than the limit of the pipeline's job, which also has to install packages and save its caches.
  deadline: config.get("deadline") ?? "5h",
  maxFailures: "1%",
});

export const summary = everyone.summary;
