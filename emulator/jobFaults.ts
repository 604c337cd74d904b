import type { JobFault, UserError } from "./faultPlan";
import { hasEmail } from "./faults";

/** What the fault plan has in store for a job. */
export interface JobFate {
  /** How it ends before its time. */
  end: JobEnding | undefined;
  /** How many failed records its errors list. */
  listed: number;
  /** The error that the plan has for a record, if any. */
  errorFor(record: unknown): UserError | undefined;
}

export interface JobEnding {
  how: "fail" | "expire" | "vanish" | "stall";
  /** How many records have their turn before. */
  after: number;
  /** What the errors say of a job that failed; nothing for 204. */
  details: string | undefined;
}

/** Nothing, if no fault strikes the job. */
export function fateOf(records: unknown[], faults: JobFault[]): JobFate | undefined {
  if (faults.length === 0) return undefined;
  const ends = faults.flatMap((fault) => endingOf(fault, records) ?? []);
  const unlisted = faults.filter((fault) => fault.kind === "unlistedErrors");
  const errors = faults
    .filter((fault) => fault.kind === "error")
    .map((error) => ({ error, isMeant: hasEmail(error.email) }));
  return {
    end: ends.toSorted((a, b) => a.after - b.after)[0],
    listed: Math.min(...unlisted.map(({ listed = 0 }) => listed), Number.POSITIVE_INFINITY),
    errorFor: (record) => errors.find(({ isMeant }) => isMeant(record))?.error,
  };
}

/** The service's own words are not known [assumed]. */
const someDetails = "Failed to import users: internal error";

function endingOf(fault: JobFault, records: unknown[]): JobEnding | undefined {
  switch (fault.kind) {
    case "fail": {
      const { details = someDetails } = fault;
      return { how: "fail", after: share(fault.afterPercent), details: details ?? undefined };
    }
    case "expire":
    case "vanish":
    case "stall":
      return { how: fault.kind, after: share(fault.afterPercent), details: undefined };
    case "poison": {
      const { at = "start", details = someDetails } = fault;
      const after = at === "start" ? 0 : records.findIndex(hasEmail(fault.email));
      return { how: "fail", after, details: details ?? undefined };
    }
    default:
      return undefined;
  }

  function share(percent = 0): number {
    return Math.ceil((records.length * percent) / 100);
  }
}
