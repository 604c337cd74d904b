import assert from "node:assert/strict";
import fc from "fast-check";
import { RateLimiter } from "../../emulator/rateLimiter";
import { type Plan, ratePlans } from "../../emulator/ratePlans";
import { type CallGroup, CallPace, callGroupOf, type Timer } from "../../provider/tenant/callPace";

const CALLS: Record<CallGroup, readonly [method: string, route: string]> = {
  roles: ["POST", "/api/v2/roles/:id/users"],
  writeUsers: ["PATCH", "/api/v2/users/:id"],
  readMembers: ["GET", "/api/v2/organizations/:id/members"],
  writeMembers: ["POST", "/api/v2/organizations/:id/members"],
  readMemberRoles: ["GET", "/api/v2/organizations/:id/members/:user/roles"],
  writeMemberRoles: ["POST", "/api/v2/organizations/:id/members/:user/roles"],
};

/** Time that goes on when everybody waits for it: hours pass at once. */
class SimulatedTime implements Timer {
  #now = 1_700_000_000_000;
  readonly #sleepers: { readonly at: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ at: this.#now + milliseconds, wake }));
  }

  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    for (;;) {
      // All that can go on now does.
      await new Promise(setImmediate);
      if (isDone) return done;
      this.#sleepers.sort((a, b) => a.at - b.at);
      const next = this.#sleepers.shift();
      assert.ok(next, "everybody waits for ever");
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
  }
}

interface Course {
  readonly plan: Plan;
  readonly group: CallGroup;
  readonly calls: number;
  /** How many at a time, and how long each takes, in milliseconds. */
  readonly workers?: number;
  readonly latency?: (call: number) => number;
}

/** Makes so many calls of a group against a plan's limits; each that is refused is made again. */
async function makeCalls({ plan, group, calls, workers = 8, latency = () => 80 }: Course) {
  const time = new SimulatedTime();
  const limiter = new RateLimiter(ratePlans[plan], time);
  const pace = new CallPace(group, time);
  const [method, route] = CALLS[group];
  let left = calls;
  let refused = 0;
  const began = time.now();
  const worker = async () => {
    while (left > 0) {
      left--;
      for (;;) {
        const call = await pace.pass();
        await time.sleep(latency(call) / 2);
        const { allowed = true, headers = {} } = limiter.take(method, route) ?? {};
        const processed = time.now();
        await time.sleep(latency(call) / 2);
        const number = (name: string) => Number(headers[`x-ratelimit-${name}`]);
        pace.answered(call, {
          status: allowed ? 200 : 429,
          limit: number("limit"),
          remaining: number("remaining"),
          resetMs: number("reset") * 1000 - processed,
        });
        if (allowed) break;
        refused++;
      }
    }
  };
  await time.run(Promise.all(Array.from({ length: workers }, worker)));
  const seconds = (time.now() - began) / 1000;
  const { global, groups } = ratePlans[plan] as (typeof ratePlans)["enterprise"];
  const limits = [
    ...(global === undefined ? [] : [{ burst: global.burst, perSecond: global.perSecond }]),
    ...Object.entries(groups)
      .filter(([name]) => name === group || (name === "rest" && group === "roles"))
      .map(([, { burst, perMinute }]) => ({ burst, perSecond: perMinute / 60 })),
  ];
  const allowed = Math.min(...limits.map(({ burst, perSecond }) => burst + perSecond * seconds));
  return { refused, used: calls / allowed, seconds };
}

describe("the pace of calls", () => {
  for (const plan of Object.keys(ratePlans) as Plan[]) {
    for (const [group, calls] of [
      ["roles", 100],
      ["writeMembers", 500],
      ["writeMemberRoles", 5_000],
    ] as const) {
      it(`is as high as ${plan} allows, and no higher: ${group}`, async () => {
        const { refused, used } = await makeCalls({ plan, group, calls });
        assert.ok(refused <= calls / 100, `${refused} refused`);
        // Of fewer, the burst is more than so few at a time can use.
        const { burst } = (ratePlans[plan] as { global?: { burst: number } }).global ?? { burst: 10 };
        if (calls > 4 * burst || group !== "roles") assert.ok(used >= 0.9, `${used} used`);
      });
    }
  }

  it("is not lost by answers that come late and out of order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...(Object.keys(ratePlans) as Plan[])),
        fc.constantFrom<CallGroup>("roles", "writeUsers", "writeMembers", "readMembers"),
        fc.array(fc.integer({ min: 5, max: 900 }), { minLength: 1, maxLength: 20 }),
        async (plan, group, latencies) => {
          // Two calls a second, and no burst: an answer that is half a second late says nothing any more.
          const share = plan === "free" ? 4 : 1;
          const latency = (call: number) => (latencies[call % latencies.length] as number) / share;
          const { refused } = await makeCalls({ plan, group, calls: 600, latency });
          assert.ok(refused <= 6, `${refused} refused`);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("does not wait where the tenant names no limit", async () => {
    const time = new SimulatedTime();
    const pace = new CallPace("roles", time);
    const began = time.now();
    await time.run(
      (async () => {
        for (let i = 0; i < 100; i++) pace.answered(await pace.pass(), { status: 200 });
      })(),
    );
    assert.equal(time.now(), began);
  });

  it("waits for the time that a refusal names, and goes on after calls without an answer", async () => {
    const time = new SimulatedTime();
    const pace = new CallPace("roles", time);
    const began = time.now();
    await time.run(
      (async () => {
        pace.answered(await pace.pass(), { status: 429, limit: 10, resetMs: 7_000 });
        assert.equal(pace.isClosed, true);
        pace.answered(await pace.pass());
        assert.equal(pace.isClosed, false);
        for (let i = 0; i < 20; i++) pace.answered(await pace.pass());
      })(),
    );
    assert.ok(time.now() - began >= 7_000 && time.now() - began < 20_000, `${time.now() - began} ms`);
  });

  it("is of the group of the call", () => {
    for (const [method, pathname, group] of [
      ["POST", "/api/v2/roles/rol_1/users", "roles"],
      ["DELETE", "/api/v2/users/auth0%7C1/roles", "roles"],
      ["POST", "/api/v2/organizations/org_1/members", "writeMembers"],
      ["GET", "/api/v2/organizations/org_1/members", "readMembers"],
      ["DELETE", "/api/v2/organizations/org_1/members/auth0%7C1/roles", "writeMemberRoles"],
      ["GET", "/api/v2/organizations/org_1/members/auth0%7C1/roles", "readMemberRoles"],
      ["GET", "/api/v2/users/auth0%7C1", undefined],
      ["POST", "/api/v2/jobs/users-imports", undefined],
    ] as const) {
      assert.equal(callGroupOf(method, pathname), group, pathname);
    }
  });
});
