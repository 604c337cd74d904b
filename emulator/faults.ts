import type { Clock } from "./clock";
import {
  type CallFault,
  type ExportFault,
  type Fault,
  type FaultPlan,
  type FaultReport,
  type FaultyCall,
  type JobFault,
  parseFaultPlan,
  type Strikes,
  toRegExp,
} from "./faultPlan";
import { emailOf } from "./importRecord";

/** A fault that is due at a call, if the faults before it let the call come to it. */
export interface DueFault {
  fault: CallFault;
  /** By the tenant's clock: now, or when a strike that still lasts began. */
  since: number;
  /** Counts the strike. `until`, if it lasts: every matching call before that time is struck. */
  strike(until?: number): void;
}

interface Entry extends FaultReport {
  /** Of the last strike that lasted. */
  since: number;
  until: number;
}

/** The tenant's fault plan, and the counts that decide when its faults strike. Kept in memory only. */
export class Faults {
  private entries: Entry[] = [];
  /** How many seconds back an export of the plan looks at most. */
  longestStaleness = 0;
  /** Told of each strike, by the fault's place in the plan, counted from 1. */
  onStrike: (strike: { number: number; fault: Fault; matched: number }) => void = () => {};

  constructor(private readonly clock: Clock) {}

  /** All counts start again. @throws Error when the plan is not valid. */
  replace(plan: FaultPlan): void {
    const faults = parseFaultPlan(plan);
    this.entries = faults.map((fault) => ({ fault, matched: 0, struck: 0, since: 0, until: 0 }));
    this.longestStaleness = Math.max(0, ...faults.map((fault) => (fault.kind === "stale" ? fault.seconds : 0)));
  }

  clear(): void {
    this.replace([]);
  }

  /** The plan stays, and its counts start again. */
  restart(): void {
    this.replace(this.entries.map(({ fault }) => fault));
  }

  report(): FaultReport[] {
    return this.entries.map(({ fault, matched, struck }) => ({ fault, matched, struck }));
  }

  /** @param call nothing for one that only `any` is about */
  atCall(call: FaultyCall | undefined): DueFault[] {
    return this.entries.flatMap((entry) => {
      const { fault } = entry;
      if (fault.on === "job" || fault.on === "exportJob" || (fault.on !== "any" && fault.on !== call)) return [];
      entry.matched += 1;
      const now = this.clock.now();
      const lasts = now < entry.until;
      if (!lasts && !isDue(entry)) return [];
      const { matched } = entry;
      const since = lasts ? entry.since : now;
      const strike = (until = 0) => {
        Object.assign(entry, { since, until });
        this.strike(entry, matched);
      };
      return [{ fault, since, strike }];
    });
  }

  /** The faults that strike a new job. */
  atJob(job: { externalId: string | undefined; records: unknown[] }): JobFault[] {
    return this.entries.flatMap((entry) => {
      const { fault } = entry;
      if (fault.on !== "job" || !isAbout(fault, job)) return [];
      entry.matched += 1;
      if (!isDue(entry)) return [];
      this.strike(entry, entry.matched);
      return [fault];
    });
  }

  /** The faults that strike a new export job. */
  atExport(): ExportFault[] {
    return this.entries.flatMap((entry) => {
      const { fault } = entry;
      if (fault.on !== "exportJob") return [];
      entry.matched += 1;
      if (!isDue(entry)) return [];
      this.strike(entry, entry.matched);
      return [fault];
    });
  }

  private strike(entry: Entry, matched: number): void {
    entry.struck += 1;
    this.onStrike({ number: this.entries.indexOf(entry) + 1, fault: entry.fault, matched });
  }
}

function isDue({ fault, matched, struck }: FaultReport): boolean {
  return struck < (fault.times ?? Number.POSITIVE_INFINITY) && isNamed(matched, fault);
}

function isNamed(count: number, fault: Strikes & { email?: string }): boolean {
  const { nth = fault.times !== undefined || fault.email !== undefined ? {} : 1 } = fault;
  if (typeof nth === "number") return count === nth;
  if (Array.isArray(nth)) return nth.includes(count);
  const { from = 1, to = Number.POSITIVE_INFINITY, every = 1 } = nth;
  return count >= from && count <= to && (count - from) % every === 0;
}

function isAbout(fault: JobFault, { externalId, records }: { externalId: string | undefined; records: unknown[] }) {
  if (fault.external_id !== undefined && !toRegExp(fault.external_id).test(externalId ?? "")) return false;
  return fault.email === undefined || records.some(hasEmail(fault.email));
}

/** Tells records whose email fits the pattern. */
export function hasEmail(pattern: string): (record: unknown) => boolean {
  const expression = toRegExp(pattern);
  return (record) => {
    const email = emailOf(record);
    return email !== undefined && expression.test(email);
  };
}
