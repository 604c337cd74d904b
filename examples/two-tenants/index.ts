// One program, two tenants, each with its own stack configuration, under a name of your choice:
//
//     pulumi config set auth0-eu:domain acme.eu.auth0.com
//     pulumi config set auth0-eu:clientId …
//     pulumi config set --secret auth0-eu:clientSecret
//
// and the same for auth0-us. The limit of jobs at a time is each tenant's own: both imports run side by side.
import { Config } from "@pulumi/pulumi";
import { UserImport } from "pulumi-auth0-user-import";

const config = new Config();

const europeans = new UserImport("europeans", {
  configNamespace: "auth0-eu",
  connectionId: config.require("euConnectionId"),
  users: "eu.json",
});

const americans = new UserImport("americans", {
  configNamespace: "auth0-us",
  connectionId: config.require("usConnectionId"),
  users: "us.json",
});

export const eu = europeans.summary;
export const us = americans.summary;
