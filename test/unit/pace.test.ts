import assert from "node:assert/strict";
import { Pace, type Watch } from "../../provider/tenant/pace";

const look = (ageMs: number, says: { percentage_done?: number; time_left_seconds?: number }) => ({
  status: { id: "job_1", status: "processing" as const, ...says },
  askedMs: ageMs,
  answeredMs: ageMs,
});

/** Of a call, there and back. */
const CALL_MS = 30;

interface Job {
  /** Milliseconds in which it does its users, after it has waited so long. */
  readonly takes: number;
  readonly waits?: number;
}

/** Watches a job to its end. Returns how long its slot lies idle, of the job's time, and how often it was looked at. */
function follow(watch: Watch, { takes, waits = 0 }: Job, from = 0): { readonly idle: number; readonly looks: number } {
  const end = waits + takes;
  for (let age = from, looks = 1; ; looks++) {
    const askedMs = age + watch.untilNextLook(age);
    const at = askedMs + CALL_MS / 2;
    age = askedMs + CALL_MS;
    if (at >= end) {
      watch.ended(age);
      return { idle: (age - end) / end, looks };
    }
    const progress = at < waits ? {} : { percentage_done: Math.floor((100 * (at - waits)) / takes) };
    watch.saw({ status: { id: "job_1", status: "processing", ...progress }, askedMs, answeredMs: age });
  }
}

describe("the pace of polling", () => {
  it("goes by what the job says of itself, whose percentage is rounded down", () => {
    const watch = new Pace().watch("insert", 1000);
    watch.saw(look(4000, { percentage_done: 50 }));
    const next = watch.untilNextLook(4000);
    assert.ok(next > 3800 && next < 4000, `${next} ms`);
    const other = new Pace().watch("insert", 1000);
    other.saw(look(4000, { time_left_seconds: 7 }));
    assert.equal(other.untilNextLook(4000), 7000);
  });

  it("goes by earlier jobs of its kind before the job says anything", () => {
    const pace = new Pace();
    pace.watch("insert", 1000).ended(5000);
    const next = pace.watch("insert", 2000).untilNextLook(0);
    assert.ok(next > 9_000 && next < 10_000, `${next} ms: shortly before the end, not after it`);
    assert.equal(pace.watch("upsert", 2000).untilNextLook(0), 250);
  });

  it("does not take the time at which an end was seen for the end: looks would come later and later", () => {
    const pace = new Pace();
    const watch = pace.watch("insert", 1000);
    watch.saw(look(4000, { percentage_done: 80 }));
    watch.ended(9000);
    assert.ok(Math.abs(pace.expected("insert", 1000) - 5000) < 100);
    pace.watch("insert", 1000).ended(9000);
    assert.ok(pace.expected("insert", 1000) < 5100);
  });

  it("learns nothing from a tiny job, most of whose time is not spent on its users", () => {
    const pace = new Pace();
    pace.watch("insert", 4).ended(290);
    assert.equal(pace.watch("insert", 1000).untilNextLook(0), 250);
  });

  it("stays between 10 ms and 20 seconds", () => {
    const watch = new Pace().watch("insert", 1);
    watch.saw(look(10, { percentage_done: 99 }));
    assert.equal(watch.untilNextLook(10), 10);
    watch.saw(look(10, { time_left_seconds: 3600 }));
    assert.equal(watch.untilNextLook(10), 20_000);
  });

  describe("fills the slot of the first job at once, and of later ones on fewer calls,", () => {
    for (const takes of [1_000, 5_000, 20_000, 60_000]) {
      for (const waits of [0, 100, 1_000, 3_000]) {
        it(`of ${takes / 1000} s that have waited for ${waits / 1000} s`, () => {
          const pace = new Pace();
          const first = follow(pace.watch("insert", 1000), { takes, waits });
          // Calls are some of a short job's time, and one may be under way at its end.
          const allowed = (4 * CALL_MS) / (takes + waits) + 0.015;
          assert.ok(first.idle < allowed, `the first: ${first.idle}`);
          assert.ok(first.looks <= (waits === 0 ? 8 : 12) + takes / 20_000, `the first: ${first.looks} looks`);
          for (let i = 0; i < 3; i++) {
            const later = follow(pace.watch("insert", 1000), { takes, waits });
            assert.ok(later.idle < allowed, `a later one: ${later.idle}`);
            assert.ok(later.looks <= Math.max(4, takes / 20_000 + 4), `a later one: ${later.looks} looks`);
          }
        });
      }
    }

    it("also where the first look shows a few percent of what is only a part of the job's time", () => {
      const { idle, looks } = follow(new Pace().watch("insert", 1000), { takes: 5_600, waits: 180 });
      assert.ok(idle < 0.02 && looks <= 7, `${idle}, ${looks} looks`);
    });
  });

  describe("of a job that nobody has watched", () => {
    it("begins with a look", () => {
      assert.equal(new Pace().resume().untilNextLook(13_000), 0);
    });

    it("teaches nothing", () => {
      const pace = new Pace();
      const before = pace.expected("insert", 1000);
      follow(pace.resume(), { takes: 5_000 }, 3_600_000);
      follow(pace.resume(), { takes: 20_000 }, 9_000);
      assert.equal(pace.expected("insert", 1000), before);
    });

    it("is found out with its end, where it still runs", () => {
      const { idle, looks } = follow(new Pace().resume(), { takes: 20_000 }, 9_000);
      assert.ok(idle < 0.02 && looks <= 8, `${idle}, ${looks} looks`);
    });
  });
});
