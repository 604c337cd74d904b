import type { Hono } from "hono";
import { z } from "zod";
import { ApiError } from "./apiError";
import { parseAssumptions } from "./assumptions";
import { parseFaultPlan } from "./faultPlan";
import { type Env, readJson } from "./http";
import { newUser } from "./newUser";
import { recordSignIn } from "./passwords";
import { profileOf } from "./profile";
import type { Tenant } from "./tenant";

/** What a real tenant doesn't have: a look behind the scenes, for tests and benchmarks. */
export function addControls(app: Hono<Env>, tenant: Tenant): void {
  // By this a client knows that whatever it does here is done to nobody.
  app.get("/emulator", (c) => c.json({ emulator: "pulumi-auth0-user-import" }));
  app.get("/emulator/stats", (c) => {
    const stats = tenant.stats();
    if (c.req.query("users") === undefined) return c.json(stats);
    return c.json({ ...stats, tallies: tenant.tallies(c.req.query("connection_id")) });
  });
  app.post("/emulator/reset", (c) => {
    tenant.reset();
    return c.body(null, 204);
  });
  app.get("/emulator/assumptions", (c) => c.json(tenant.assumptions));
  app.patch("/emulator/assumptions", async (c) => {
    Object.assign(tenant.assumptions, checked(parseAssumptions, await readJson(c)));
    return c.json(tenant.assumptions);
  });
  app.get("/emulator/faults", (c) => c.json(tenant.faults.report()));
  app.post("/emulator/faults", async (c) => {
    tenant.faults.replace(checked(parseFaultPlan, await readJson(c)));
    return c.json(tenant.faults.report());
  });
  app.delete("/emulator/faults", (c) => {
    tenant.faults.clear();
    return c.body(null, 204);
  });
  app.post("/emulator/foreign-jobs", async (c) => {
    const { count, seconds } = check(foreignJobsSchema, await readJson(c));
    return c.json({ taken: tenant.jobs.occupy(count, seconds) });
  });
  app.delete("/emulator/foreign-jobs", (c) => {
    tenant.jobs.vacate();
    return c.body(null, 204);
  });
  app.get("/emulator/clock", (c) => c.json(timeOf(tenant)));
  app.post("/emulator/clock", async (c) => {
    const { advanceSeconds } = check(clockSchema, await readJson(c));
    if (!tenant.clock.advance) throw new ApiError(409, "The emulator's clock is the real one (--virtual-clock)");
    tenant.clock.advance(advanceSeconds);
    tenant.advance();
    return c.json(timeOf(tenant));
  });
  app.post("/emulator/users", async (c) => {
    const { connection: name, ...attributes } = check(signUpSchema, await readJson(c));
    const connection = [...tenant.connections.values()].find((each) => each.name === name);
    if (!connection) throw new ApiError(400, `There is no connection ${name}`);
    const user = newUser(connection, attributes, tenant.clock.now());
    tenant.users.put(user);
    return c.json(profileOf(user, tenant), 201);
  });
  app.get("/emulator/users/:id", (c) => {
    const user = tenant.users.get(c.req.param("id"));
    return user ? c.json({ ...profileOf(user, tenant), ...JSON.parse(user.attributes) }) : c.notFound();
  });
  app.post("/emulator/users/:id/sign-in", (c) => {
    const user = tenant.users.get(c.req.param("id"));
    if (!user) return c.notFound();
    recordSignIn(user, tenant.users, tenant.clock.now(), "127.0.0.1");
    return c.body(null, 204);
  });
}

const foreignJobsSchema = z.strictObject({ count: z.int().min(1), seconds: z.number().positive() });
/** Who signs in through a connection for the first time: the only way in for users of a social one. */
const signUpSchema = z.looseObject({
  connection: z.string(),
  user_id: z.string().optional(),
  email: z.string().optional(),
  username: z.string().optional(),
  phone_number: z.string().optional(),
});
const clockSchema = z.strictObject({ advanceSeconds: z.number().positive() });

/** @throws ApiError 400 */
function check<T>(schema: z.ZodType<T>, body: unknown): T {
  const { data, error } = schema.safeParse(body);
  if (error) throw new ApiError(400, z.prettifyError(error));
  return data;
}

/** @throws ApiError 400 */
function checked<T>(parse: (body: unknown) => T, body: unknown): T {
  try {
    return parse(body);
  } catch (error) {
    throw new ApiError(400, (error as Error).message);
  }
}

function timeOf(tenant: Tenant): { now: string } {
  return { now: new Date(tenant.clock.now()).toISOString() };
}
