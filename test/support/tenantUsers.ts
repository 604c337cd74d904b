import assert from "node:assert/strict";
import type { Emulator } from "../../emulator";

// What happens in the tenant besides imports.

const CONNECTION = "con_0000000000000001";

/** Somebody who is there besides imports: since long before any, where nothing is said. */
export function addUser(
  { tenant }: Emulator,
  email: string,
  attributes: Record<string, unknown>,
  id = `before-${email}`,
  createdAt = 0,
): void {
  tenant.users.put({
    id: `auth0|${id}`,
    connectionId: CONNECTION,
    email,
    username: undefined,
    phoneNumber: undefined,
    createdAt,
    updatedAt: createdAt,
    attributes: JSON.stringify(attributes),
  });
}

/** The application writes something to a user, or an administrator does. */
export function changeUser(emulator: Emulator, email: string, attributes: Record<string, unknown>): void {
  const user = userOf(emulator, email);
  assert.ok(user, `${email} is not in the tenant`);
  emulator.tenant.users.put({
    ...user,
    attributes: JSON.stringify({ ...JSON.parse(user.attributes), ...attributes }),
  });
}

/** What the tenant has of a user, identifiers apart. */
export function attributesOf(emulator: Emulator, email: string): Record<string, unknown> | undefined {
  const user = userOf(emulator, email);
  return user === undefined ? undefined : JSON.parse(user.attributes);
}

function userOf({ tenant }: Emulator, email: string) {
  return [...tenant.users.all()].find((user) => user.email === email);
}
