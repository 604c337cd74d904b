import { parseArgs } from "node:util";
import pLimit from "p-limit";
import { type Plan, type RatePlan, ratePlans } from "../emulator/ratePlans";
import { Tenant } from "../provider/tenant/client";
import { EmulatorProcess } from "../test/support/emulator";

/*
 * How well the calls for memberships use what a plan allows: 5,000 memberships of each kind, in as few calls as the
 * service takes, by the real client over HTTP, against the emulator with the limits of each plan. All plans at a time:
 * they wait, mostly.
 */

const USAGE = "Usage: bench:calls [--memberships 5000] [--member-roles 500] [--plan PLAN]";

/** To reach. */
const GOALS = { refused: 0.01, used: 0.9 };

const SCOPES = [
  ...["create:users", "read:users", "update:users", "create:roles", "read:roles", "update:roles"],
  ...["create:role_members", "create:organizations", "create:organization_members"],
  "create:organization_member_roles",
].join(" ");

/** How many calls are on their way at a time. */
const AT_ONCE = 8;

interface Row {
  readonly plan: Plan;
  readonly kind: string;
  readonly calls: number;
  readonly seconds: number;
  /** Shares of the calls, and of what the plan allowed meanwhile. */
  readonly refused: number;
  readonly used: number;
}

const { values } = parseArgs({
  options: {
    memberships: { type: "string", default: "5000" },
    // One call each: 5,000 take 25 minutes.
    "member-roles": { type: "string", default: "500" },
    plan: { type: "string" },
  },
});
const memberships = Number(values.memberships);
const memberRoles = Number(values["member-roles"]);
const plans = (Object.keys(ratePlans) as Plan[]).filter((plan) => values.plan === undefined || plan === values.plan);

async function measure(plan: Plan): Promise<Row[]> {
  const emulator = await EmulatorProcess.start("--plan", plan, "--scopes", SCOPES);
  try {
    const users = Array.from({ length: memberships }, (_, i) => `u${i}`);
    for (const user_id of users) {
      await post(emulator, "/emulator/users", { connection: "Username-Password-Authentication", user_id });
    }
    const auth = { clientId: "emulator", clientSecret: "emulator" };
    const tenant = new Tenant({ origin: emulator.url, auth }, { maxActiveJobs: 2 });
    const token = await signIn(emulator);
    const [role, organization] = [
      await post(emulator, "/api/v2/roles", { name: "admin" }, token),
      await post(emulator, "/api/v2/organizations", { name: "acme" }, token),
    ];
    const ids = users.map((id) => `auth0|${id}`);
    const ignore = () => {};
    const kinds: readonly [kind: string, route: string, calls: readonly (() => Promise<void>)[]][] = [
      [
        "roles, 50 users a call",
        "POST /api/v2/roles/:id/users",
        parts(ids, 50).map((part) => () => tenant.roles.give(role, part, ignore)),
      ],
      [
        "members, 10 users a call",
        "POST /api/v2/organizations/:id/members",
        parts(ids, 10).map((part) => () => tenant.organizations.add(organization, part, ignore)),
      ],
      [
        "roles of members, one a call",
        "POST /api/v2/organizations/:id/members/:user/roles",
        ids.slice(0, memberRoles).map((id) => () => tenant.organizations.giveRoles(organization, id, [role], ignore)),
      ],
    ];
    const rows: Row[] = [];
    for (const [kind, route, calls] of kinds) {
      const began = performance.now();
      const limit = pLimit(AT_ONCE);
      await Promise.all(calls.map((call) => limit(call)));
      const seconds = (performance.now() - began) / 1000;
      const { answers } = (await emulator.stats()) as unknown as { answers: Record<string, Record<string, number>> };
      const refused = (answers[route]?.["429"] ?? 0) / calls.length;
      rows.push({
        plan,
        kind,
        calls: calls.length,
        seconds,
        refused,
        used: calls.length / allowed(plan, route, seconds),
      });
    }
    return rows;
  } finally {
    await emulator.stop();
  }
}

/** How many calls the plan takes in this time. */
function allowed(plan: Plan, route: string, seconds: number): number {
  const { global, groups }: RatePlan = ratePlans[plan];
  const group = route.includes("roles/:id/users")
    ? "rest"
    : route.endsWith("/roles")
      ? "writeMemberRoles"
      : "writeMembers";
  const limit = groups[group];
  return Math.min(
    ...(global === undefined ? [] : [global.burst + global.perSecond * seconds]),
    ...(limit === undefined ? [] : [limit.burst + (limit.perMinute / 60) * seconds]),
  );
}

async function signIn(emulator: EmulatorProcess): Promise<string> {
  const form = { grant_type: "client_credentials", client_id: "emulator", client_secret: "emulator" };
  const body = JSON.stringify({ ...form, audience: `${emulator.url}/api/v2/` });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${emulator.url}/oauth/token`, { method: "POST", headers, body });
  return ((await response.json()) as { access_token: string }).access_token;
}

/** @returns the id of what was made */
async function post(emulator: EmulatorProcess, path: string, body: object, token?: string): Promise<string> {
  const response = await fetch(emulator.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

function parts<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

async function main(): Promise<void> {
  if (!(memberships > 0) || !(memberRoles >= 0) || plans.length === 0) throw new Error(USAGE);
  const rows = (await Promise.all(plans.map(measure))).flat();
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  console.log("| plan | calls | seconds | answered 429 | of the allowed rate used |\n| --- | --- | --- | --- | --- |");
  let missed = 0;
  for (const { plan, kind, calls, seconds, refused, used } of rows) {
    // What a burst takes at once is no rate.
    const isShort = calls < 2 * ((ratePlans[plan] as RatePlan).global?.burst ?? 0);
    const isMissed = refused > GOALS.refused || (!isShort && used < GOALS.used);
    if (isMissed) missed++;
    const marks = isMissed ? " ✗" : isShort ? " (a burst)" : "";
    console.log(
      `| ${plan} | ${calls} for ${kind} | ${seconds.toFixed(1)} | ${percent(refused)} | ${percent(used)}${marks} |`,
    );
  }
  if (missed > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
