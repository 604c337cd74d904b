// People keep their passwords where Auth0 can check the hashes that the old system stored. users.json has one person for
// each algorithm that it can take, each the hash of the password `correct horse battery staple`, with the parameters,
// encodings and salts that such hashes come with. The person for md4 has an NT hash, as Active Directory keeps them.
//
// A plain bcrypt hash with 10 rounds, `$2a$` or `$2b$`, needs none of this: it goes into `password_hash`.
import { Config } from "@pulumi/pulumi";
import { UserImport } from "pulumi-auth0-user-import";

const everyone = new UserImport("everyone", {
  connectionId: new Config().require("connectionId"),
  users: "users.json",
});

export const summary = everyone.summary;
