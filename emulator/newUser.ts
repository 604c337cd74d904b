import { randomBytes } from "node:crypto";
import type { Connection } from "./connections";
import type { Attributes, User } from "./userStore";

/** What a new user has; without `user_id` they get one. */
export interface NewUser extends Attributes {
  /** Without the strategy before it. */
  user_id?: string | undefined;
  email?: string | undefined;
  username?: string | undefined;
  phone_number?: string | undefined;
}

/** Email and username are kept in lower case. */
export function newUser(
  connection: Connection,
  { user_id, email, username, phone_number, ...attributes }: NewUser,
  now: number,
): User {
  return {
    id: `${connection.strategy}|${user_id ?? randomBytes(12).toString("hex")}`,
    connectionId: connection.id,
    email: email?.toLowerCase(),
    username: username?.toLowerCase(),
    phoneNumber: phone_number,
    createdAt: now,
    updatedAt: now,
    attributes: JSON.stringify({ email_verified: false, ...attributes }),
  };
}
