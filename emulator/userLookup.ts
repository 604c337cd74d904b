import { ApiError } from "./apiError";
import type { Tenant } from "./tenant";
import type { User } from "./userStore";

/** Whom a call by id acts on. @throws ApiError 404 */
export function findUser({ users }: Tenant, id: string | undefined): User {
  const user = users.get(id ?? "");
  if (!user) throw notThere();
  return user;
}

export function notThere(): ApiError {
  return new ApiError(404, "The user does not exist.", "inexistent_user");
}
