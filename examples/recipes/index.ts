// Tiny exports of other systems, each made into users by the recipe that the package ships for it. Take the import of
// your system, and your own file. `logins.csv` has the passwords of those whose passwords come along.
import { Config } from "@pulumi/pulumi";
import { UserImport } from "pulumi-auth0-user-import";

const connectionId = new Config().require("connectionId");

/** By the name of its recipe: see docs/recipes. */
const files: Record<string, string | string[]> = {
  aspnet: "aspnet.json",
  auth0: ["auth0.ndjson", "auth0-hashes.ndjson"],
  bcrypt: "bcrypt.csv",
  "better-auth": "better-auth.csv",
  clerk: "clerk.csv",
  cognito: ["cognito.json", "cognito.csv"],
  devise: "devise.csv",
  django: "django.json",
  entra: "entra.json",
  firebase: ["firebase.json", "firebase.csv"],
  fusionauth: "fusionauth.csv",
  keycloak: "keycloak.json",
  kratos: "kratos.json",
  laravel: "laravel.csv",
  ldif: "ldif.ndjson",
  okta: "okta.json",
  spring: "spring.csv",
  supabase: "supabase.csv",
  werkzeug: "werkzeug.csv",
  wordpress: "wordpress.json",
};

/** Who has to set a new password, by recipe. */
export const passwordResetRequired = Object.fromEntries(
  Object.entries(files).map(([recipe, users]) => {
    const transform = `pulumi-auth0-user-import/recipes/${recipe}`;
    // A password that Auth0 can't take, or that the old system does not give away, is left out.
    const omitted = { unsupportedPasswordHash: "omit" } as const;
    // Profiles and hashes are in two files.
    const merge = recipe === "auth0";
    const imported = new UserImport(recipe, { connectionId, users, transform, merge, ...omitted });
    return [recipe, imported.passwordResetRequired];
  }),
);

// Recipes with a setting, by a module of one's own.
for (const name of ["aspnet-membership", "devise-pepper"]) {
  new UserImport(name, { connectionId, users: `${name}.csv`, transform: `${name}.mjs` });
}
