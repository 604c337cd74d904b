import { z } from "zod";
import { ApiError, invalidBody } from "./apiError";
import { type Connection, identifierRules } from "./connections";
import { newUser } from "./newUser";
import { isTooWeak, withPassword } from "./passwords";
import { defaultsFor } from "./profile";
import type { Tenant } from "./tenant";
import { emailFormat, phoneNumber } from "./userFields";
import { noPhoneNumbers, takesPhoneNumbers } from "./userPatch";
import type { User } from "./userStore";

const text = (max: number) => z.string().min(1).max(max);

/** The body of `POST /api/v2/users`. */
export const userCreation = z.strictObject({
  connection: z.string(),
  user_id: z.string().min(1).max(255).optional(),
  email: emailFormat.optional(),
  username: text(128).optional(),
  phone_number: phoneNumber.optional(),
  password: z.string().min(1).optional(),
  email_verified: z.boolean().optional(),
  phone_verified: z.boolean().optional(),
  blocked: z.boolean().optional(),
  given_name: text(150).optional(),
  family_name: text(150).optional(),
  name: text(300).optional(),
  nickname: text(300).optional(),
  picture: z.url().optional(),
  app_metadata: z.looseObject({}).optional(),
  user_metadata: z.looseObject({}).optional(),
  verify_email: z.boolean().optional(),
  verify_phone_number: z.boolean().optional(),
});

/** @throws ApiError 400 or 409 */
export async function createUser(body: z.output<typeof userCreation>, tenant: Tenant): Promise<User> {
  const { connection: name, password, verify_email: _, verify_phone_number: __, ...fields } = body;
  const connection = [...tenant.connections.values()].find((each) => each.name === name);
  if (!connection) throw new ApiError(400, "Connection does not exist.", "invalid_body");
  refuseForConnection(body, connection);
  const hashed = await withPassword(password, tenant.settings, tenant.clock.now());
  const user = newUser(connection, { ...fields }, tenant.clock.now());
  refuseTaken(user, connection, tenant);
  const { last_password_reset: ___, ...hash } = hashed ?? {};
  const created = {
    ...user,
    attributes: JSON.stringify({ ...defaultsFor(user), ...JSON.parse(user.attributes), ...hash }),
  };
  tenant.users.put(created);
  return created;
}

function refuseForConnection(body: z.output<typeof userCreation>, connection: Connection): void {
  const { strategy, options } = connection;
  if (!["auth0", "sms", "email"].includes(strategy)) {
    throw new ApiError(400, "Connection is not supported for this operation.", "operation_not_supported");
  }
  if (body.phone_number !== undefined && !takesPhoneNumbers(connection)) throw noPhoneNumbers();
  if (body.username !== undefined && !options.requires_username && !options.attributes?.username) {
    throw new ApiError(400, "Cannot set username for connection without requires_username.", "invalid_body");
  }
  if (strategy !== "auth0") return;
  const missing = [...identifierRules(options).required, "password" as const].find((each) => body[each] === undefined);
  if (missing) throw invalidBody(`Missing required property: ${missing}`);
  if (isTooWeak(body.password ?? "", options.passwordPolicy)) {
    throw new ApiError(400, "PasswordStrengthError: Password is too weak", "invalid_password");
  }
}

function refuseTaken(
  { id, email, username, phoneNumber }: User,
  { id: connectionId, options }: Connection,
  tenant: Tenant,
) {
  const { users, assumptions } = tenant;
  const isUnique = identifierRules(options).uniqueEmails;
  const isIdTaken = users
    .holdersOf(id)
    .some((holder) => holder.connectionId === connectionId || !assumptions.sharedUserIds);
  if (isIdTaken || (email !== undefined && isUnique && users.findByEmail(connectionId, email))) {
    throw new ApiError(409, "The user already exists.", "auth0_idp_error");
  }
  if (username !== undefined && users.findByUsername(connectionId, username)) {
    throw new ApiError(400, "The username provided is in use already.", "auth0_idp_error");
  }
  if (phoneNumber !== undefined && users.findByPhoneNumber(connectionId, phoneNumber)) {
    throw new ApiError(409, "The user already exists.", "auth0_idp_error");
  }
}
