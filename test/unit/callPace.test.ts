import assert from "node:assert/strict";
import fc from "fast-check";
import { RateLimiter } from "../../emulator/rateLimiter";
import { type Plan, type RatePlan, ratePlans } from "../../emulator/ratePlans";
import { type CallGroup, CallPace, callGroupOf, type Timer } from "../../provider/tenant/callPace";

const CALLS: Record<CallGroup, readonly [method: string, route: string]> = {
  roles: ["POST", "/api/v2/roles/:id/users"],
  writeUsers: ["PATCH", "/api/v2/users/:id"],
  readMembers: ["GET", "/api/v2/organizations/:id/members"],
  writeMembers: ["POST", "/api/v2/organizations/:id/members"],
  readMemberRoles: ["GET", "/api/v2/organizations/:id/members/:user/roles"],
  writeMemberRoles: ["POST", "/api/v2/organizations/:id/members/:user/roles"],
  readUserOrganizations: ["GET", "/api/v2/users/:id/organizations"],
};

/** Time that goes on when everybody waits for it: hours pass at once. */
class SimulatedTime implements Timer {
  #now = 1_700_000_000_000;
  #sleepers: { readonly at: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((wake) => this.after(milliseconds, wake));
  }

  after(milliseconds: number, wake: () => void): () => void {
    const sleeper = { at: this.#now + milliseconds, wake };
    this.#sleepers.push(sleeper);
    return () => {
      this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
    };
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
  /** Each makes so many calls, all groups at a time. */
  readonly groups: readonly CallGroup[];
  readonly calls: number;
  /** How many at a time, and how long each takes, in milliseconds. */
  readonly workers?: number;
  readonly latency?: (call: number) => number;
  /** Of the rate, what another program takes. */
  readonly others?: number;
  /** As if something on the way took the headers. */
  readonly withoutHeaders?: boolean;
  /** Whether the organizations of users count with all that has no group of its own. */
  readonly isOneGroup?: boolean;
}

/** Makes calls against a plan's limits; each that is refused is made again. */
async function makeCalls(course: Course) {
  const {
    plan,
    groups,
    calls,
    workers = 8,
    latency = () => 80,
    others = 0,
    withoutHeaders = false,
    isOneGroup = false,
  } = course;
  const time = new SimulatedTime();
  const limiter = new RateLimiter(ratePlans[plan], time);
  const pace = new CallPace(time);
  let refused = 0;
  let isDone = false;
  const began = time.now();
  const made = groups.map(async (group) => {
    const [method, route] = CALLS[isOneGroup ? "roles" : group];
    let left = calls;
    const worker = async () => {
      while (left > 0) {
        left--;
        for (;;) {
          const turn = await pace.pass(group);
          await time.sleep(latency(turn.call) / 2);
          const { allowed = true, headers = {} } = limiter.take(method, route) ?? {};
          const processed = time.now();
          await time.sleep(latency(turn.call) / 2);
          const number = (name: string) => Number(headers[`x-ratelimit-${name}`]);
          pace.answered(turn, {
            status: allowed ? 200 : 429,
            ...(!withoutHeaders && {
              limit: number("limit"),
              remaining: number("remaining"),
              resetMs: number("reset") * 1000 - processed,
            }),
          });
          if (allowed) break;
          refused++;
        }
      }
    };
    await Promise.all(Array.from({ length: workers }, worker));
  });
  const limits = limitsOf(plan, groups);
  const perSecond = Math.min(...limits.map((limit) => limit.perSecond));
  const other = async () => {
    while (!isDone && others > 0) {
      limiter.take(...CALLS[groups[0] as CallGroup]);
      await time.sleep(1000 / (perSecond * others));
    }
  };
  const all = Promise.all(made).then(() => {
    isDone = true;
  });
  await time.run(Promise.all([all, other()]));
  const seconds = (time.now() - began) / 1000;
  // Of the limit that is used most: it is what they wait for.
  const used = limits.map(({ burst, perSecond, groups }) => {
    return (groups * calls) / (burst + perSecond * (1 - others) * seconds);
  });
  return { refused: refused / (groups.length * calls), used: Math.max(...used), seconds };
}

/** What a plan allows of all, and of each of these groups. */
function limitsOf(plan: Plan, groups: readonly CallGroup[]) {
  const { global, groups: own }: RatePlan = ratePlans[plan];
  const each = groups.map((group) => own[group === "roles" ? "rest" : group]).filter((limit) => limit !== undefined);
  return [
    ...(global === undefined ? [] : [{ ...global, groups: groups.length }]),
    ...each.map(({ burst, perMinute }) => ({ burst, perSecond: perMinute / 60, groups: 1 })),
  ];
}

const PLANS = Object.keys(ratePlans) as Plan[];

describe("the pace of calls", () => {
  for (const plan of PLANS) {
    for (const [group, calls] of [
      ["roles", 100],
      ["writeMembers", 500],
      ["writeMemberRoles", 5_000],
    ] as const) {
      it(`is as high as ${plan} allows, and no higher: ${group}`, async () => {
        const { refused, used } = await makeCalls({ plan, groups: [group], calls, latency: () => 20 });
        assert.equal(refused, 0);
        // Of fewer, the burst is more than so few at a time can use.
        if (calls >= 2 * (limitsOf(plan, [group])[0]?.burst ?? 0)) assert.ok(used >= 0.9, `${used} used`);
      });
    }
  }

  const late = (plan: Plan, group: CallGroup, latencies: readonly number[]) =>
    makeCalls({
      ...{ plan, groups: [group], calls: 600 },
      latency: (call) => latencies[call % latencies.length] as number,
    });

  it("is not lost by answers that come late and out of order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...PLANS),
        fc.constantFrom<CallGroup>("roles", "writeUsers", "writeMembers", "readMembers"),
        fc.array(fc.integer({ min: 5, max: 900 }), { minLength: 1, maxLength: 20 }),
        async (plan, group, latencies) => {
          assert.equal((await late(plan, group, latencies)).refused, 0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("knows that what comes back while the limit is full is lost: a call that is processed late takes from no more", async () => {
    const { refused, used } = await late("free", "roles", [7, 5, 518]);
    assert.equal(refused, 0);
    assert.ok(used > 0.8, `${used} used`);
  });

  it("learns nothing of an answer that a later one has overtaken", async () => {
    const time = new SimulatedTime();
    const pace = new CallPace(time);
    const began = time.now();
    await time.run(
      (async () => {
        const told = (remaining: number) => ({ status: 200, limit: 20, remaining });
        pace.answered(await pace.pass("writeMembers"), told(19));
        const [earlier, later] = [await pace.pass("writeMembers"), await pace.pass("writeMembers")];
        pace.answered(later, told(5));
        pace.answered(earlier, told(18));
        assert.equal(time.now(), began);
        await pace.pass("writeMembers");
        assert.ok(time.now() > began);
      })(),
    );
  });

  for (const plan of PLANS) {
    it(`keeps groups that go at a time within what ${plan} allows of all calls`, async () => {
      const groups: readonly CallGroup[] = ["roles", "writeMembers", "writeMemberRoles", "readMembers"];
      const { refused, used } = await makeCalls({ plan, groups, calls: 300 });
      assert.equal(refused, 0);
      assert.ok(used >= 0.9, `${used} used`);
    });
  }

  for (const plan of PLANS) {
    it(`keeps to what ${plan} allows where users are asked for their roles and organizations`, async () => {
      const course = { plan, groups: ["roles", "readUserOrganizations"], calls: 500 } as const;
      const { refused, used } = await makeCalls(course);
      assert.equal(refused, 0);
      assert.ok(used >= 0.9, `${used} used`);
      const both = await makeCalls({ ...course, isOneGroup: true });
      assert.ok(both.refused <= 0.01, `${both.refused} refused`);
    });
  }

  // Two calls a second and no burst: whoever is not alone is refused, however slow.
  for (const plan of PLANS.filter((plan) => plan !== "free")) {
    it(`leaves to another program what it takes: half of what ${plan} allows`, async () => {
      for (const group of ["roles", "writeMembers", "readMembers"] as const) {
        const { refused, used } = await makeCalls({
          plan,
          groups: [group],
          calls: 600,
          latency: () => 20,
          others: 0.5,
        });
        assert.ok(refused <= 0.01, `${refused} refused: ${group}`);
        assert.ok(used >= 0.9, `${used} used: ${group}`);
      }
    });
  }

  it("is that of the smallest plan where a tenant refuses and names no limit", async () => {
    const { refused, used } = await makeCalls({ plan: "free", groups: ["roles"], calls: 1_000, withoutHeaders: true });
    assert.ok(refused <= 0.01, `${refused} refused`);
    assert.ok(used >= 0.9, `${used} used`);
    const others = await makeCalls({
      ...{ plan: "essentials", groups: ["writeMembers", "roles"], calls: 1_000, withoutHeaders: true },
    });
    assert.ok(others.refused <= 0.01, `${others.refused} refused`);
  });

  it("does not wait where the tenant names no limit", async () => {
    const time = new SimulatedTime();
    const pace = new CallPace(time);
    const began = time.now();
    await time.run(
      (async () => {
        for (let i = 0; i < 100; i++) pace.answered(await pace.pass("roles"), { status: 200 });
      })(),
    );
    assert.equal(time.now(), began);
  });

  it("waits for the time that a refusal names, and goes on after calls without an answer", async () => {
    const time = new SimulatedTime();
    const pace = new CallPace(time);
    const began = time.now();
    await time.run(
      (async () => {
        pace.answered(await pace.pass("roles"), { status: 429, limit: 10, resetMs: 7_000 });
        assert.equal(pace.isClosed, true);
        pace.answered(await pace.pass("roles"));
        assert.equal(pace.isClosed, false);
        for (let i = 0; i < 20; i++) pace.answered(await pace.pass("roles"));
      })(),
    );
    assert.ok(time.now() - began >= 7_000 && time.now() - began < 20_000, `${time.now() - began} ms`);
  });

  it("leaves nothing in reserve of a limit of one", async () => {
    const time = new SimulatedTime();
    const pace = new CallPace(time);
    await time.run(
      (async () => {
        for (let i = 0; i < 3; i++) {
          pace.answered(await pace.pass("writeMembers"), { status: 200, limit: 1, remaining: 0 });
        }
      })(),
    );
  });

  it("is of the group of the call", () => {
    for (const [method, pathname, group] of [
      ["POST", "/api/v2/roles/rol_1/users", "roles"],
      ["DELETE", "/api/v2/users/auth0%7C1/roles", "roles"],
      ["POST", "/api/v2/organizations/org_1/members", "writeMembers"],
      ["GET", "/api/v2/organizations/org_1/members", "readMembers"],
      ["DELETE", "/api/v2/organizations/org_1/members/auth0%7C1/roles", "writeMemberRoles"],
      ["GET", "/api/v2/organizations/org_1/members/auth0%7C1/roles", "readMemberRoles"],
      ["GET", "/api/v2/users/auth0%7C1/roles", "roles"],
      ["GET", "/api/v2/users/auth0%7C1/organizations", "readUserOrganizations"],
      ["GET", "/api/v2/users/auth0%7C1", undefined],
      ["POST", "/api/v2/jobs/users-imports", undefined],
    ] as const) {
      assert.equal(callGroupOf(method, pathname), group, pathname);
    }
  });
});
