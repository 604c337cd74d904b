/** Calls of the Management API that are limited together. */
export type RateGroup =
  | "readUsers"
  | "writeUsers"
  | "deleteUsers"
  | "readMembers"
  | "writeMembers"
  | "readMemberRoles"
  | "writeMemberRoles"
  | "readUserOrganizations"
  | "writeOrganizationConnections"
  | "rest";

export interface RatePlan {
  /** Of all calls together. */
  readonly global?: { readonly perSecond: number; readonly burst: number };
  readonly groups: { readonly [G in RateGroup]?: { readonly perMinute: number; readonly burst: number } };
}

const organizations = (times: number): RatePlan["groups"] => ({
  readMembers: { burst: 40 * times, perMinute: 500 * times },
  writeMembers: { burst: 20 * times, perMinute: 200 * times },
  readMemberRoles: { burst: 20 * times, perMinute: 200 * times },
  writeMemberRoles: { burst: 20 * times, perMinute: 200 * times },
  readUserOrganizations: { burst: 40 * times, perMinute: 500 * times },
  writeOrganizationConnections: { burst: 5 * times, perMinute: 150 * times },
});

/** What Auth0 documents of its plans (rate limit policy). A plan for test tenants of paying customers is `development`. */
export const ratePlans = {
  free: { global: { perSecond: 2, burst: 2 }, groups: {} },
  essentials: {
    groups: {
      readUsers: { burst: 40, perMinute: 500 },
      writeUsers: { burst: 20, perMinute: 200 },
      deleteUsers: { burst: 20, perMinute: 200 },
      readMembers: { burst: 40, perMinute: 500 },
      writeMembers: { burst: 20, perMinute: 200 },
      readMemberRoles: { burst: 20, perMinute: 200 },
      writeMemberRoles: { burst: 20, perMinute: 200 },
      writeOrganizationConnections: { burst: 5, perMinute: 25 },
      rest: { burst: 10, perMinute: 150 },
    },
  },
  enterprise: { global: { perSecond: 16, burst: 50 }, groups: organizations(1) },
  development: { global: { perSecond: 2, burst: 10 }, groups: organizations(1) },
  private100: { global: { perSecond: 50, burst: 50 }, groups: organizations(1) },
  private500: { global: { perSecond: 250, burst: 250 }, groups: organizations(5) },
} satisfies Record<string, RatePlan>;

export type Plan = keyof typeof ratePlans;

/** @param route such as `/api/v2/users/:id` */
export function groupOf(method: string, route: string): RateGroup {
  const path = route.replace("/api/v2", "").replace(/:\w+/g, ":");
  const isRead = method === "GET";
  if (path === "/organizations/:/members") return isRead ? "readMembers" : "writeMembers";
  if (path === "/organizations/:/members/:/roles") return isRead ? "readMemberRoles" : "writeMemberRoles";
  if (path.startsWith("/organizations/:/enabled_connections") && !isRead) return "writeOrganizationConnections";
  if (path === "/users/:/organizations") return "readUserOrganizations";
  if (!["/users", "/users/:", "/users-by-email"].includes(path)) return "rest";
  if (isRead) return "readUsers";
  return method === "DELETE" ? "deleteUsers" : "writeUsers";
}
