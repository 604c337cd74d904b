import { usersInConflict } from "../results/oneLine";
import { fromRanges } from "../results/ranges";
import type { DifferenceCount, FailedAt, NotAppliedAt, Summary } from "../results/types";
import { Tally } from "../schema/tally";
import type { Plan } from "./preview";

/** What an update would do about a batch that has nothing to do, by how it ended. */
export function planOfNothing({ summary, failedAt, differences, notAppliedAt }: Ended): Plan {
  const attributes = new Map<string, number>();
  for (const { attribute, users, conflict } of differences)
    if (!conflict) attributes.set(attribute, (attributes.get(attribute) ?? 0) + users);
  const conflicts = usersInConflict(notAppliedAt);
  const failedBefore = summary.failed + (summary.outdated ?? 0);
  const invalid = failedAt
    .filter(({ kind }) => kind === undefined)
    .map(({ code, at }) => ({ code, at: fromRanges(at) }));
  // Who differs in several attributes is one user, and how many they are is not kept.
  const notApplicable = Math.max(summary.notApplied, ...attributes.values());
  return {
    new: 0,
    changed: 0,
    changes: new Map(),
    unchanged: Math.max(0, summary.total - failedBefore - summary.invalid - notApplicable - conflicts),
    removed: summary.removed,
    failedBefore,
    invalid: new Map(invalid.map(({ code, at }) => [code, at.length])),
    invalidAt: invalid.flatMap(({ at }) => at),
    notApplicable,
    differences: attributes,
    conflicts,
    jobs: 0,
    notes: new Tally(),
  };
}

/** How a batch ended. */
interface Ended {
  readonly summary: Summary;
  readonly failedAt: readonly FailedAt[];
  readonly differences: readonly DifferenceCount[];
  readonly notAppliedAt?: readonly NotAppliedAt[];
}
