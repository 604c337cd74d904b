import { toUser } from "pulumi-auth0-user-import/recipes/wordpress";

/** WordPress's names of roles, and those in the argument `roles`. */
const NAMES = new Map([
  ["administrator", "admin"],
  ["editor", "editor"],
]);

export default (row) => {
  const user = toUser(row);
  // Without the column nothing is said of roles. An empty list would take those that the import gave.
  if (row.roles === undefined) return user;
  const names = row.roles.split(",");
  return { ...user, roles: names.flatMap((name) => NAMES.get(name.trim()) ?? []) };
};
