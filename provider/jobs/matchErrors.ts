import { identityOf, normalizeUser } from "../schema/identity";
import type { JobError } from "./tenant";

/** Why one record failed. */
export interface RecordFailure {
  readonly code: string;
  readonly message: string;
  readonly path?: string;
}

/**
 * Finds the record that each of a job's errors is about. The service tells a failed user as it was sent, secrets
 * masked, so the identity that was sent leads to the record. Where one job held the same identity twice, the later
 * record is taken: the service imports the first and refuses the second.
 *
 * @param sent the identity of each record of the job, as it was sent, in the order of the job.
 * @returns the failures by position in the job, and how many errors are about none of its records.
 */
export function matchErrors(
  sent: readonly (string | undefined)[],
  errors: readonly JobError[],
): { readonly failures: Map<number, RecordFailure>; readonly unmatched: number } {
  const positions = new Map<string | undefined, number[]>();
  for (const [position, identity] of sent.entries()) {
    const known = positions.get(identity);
    if (known === undefined) positions.set(identity, [position]);
    else known.push(position);
  }
  const failures = new Map<number, RecordFailure>();
  let unmatched = 0;
  for (const { user, errors: reasons } of errors) {
    const position = positions.get(identityOf(normalizeUser(user)))?.pop();
    if (position === undefined) {
      unmatched++;
      continue;
    }
    const [first, ...others] = reasons;
    failures.set(position, {
      code: first?.code ?? "UNKNOWN",
      message: [first, ...others].map((reason) => reason?.message ?? reason?.code ?? "no reason given").join("; "),
      ...(first?.path === undefined ? {} : { path: first.path }),
    });
  }
  return { failures, unmatched };
}
