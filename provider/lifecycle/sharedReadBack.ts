import { CallBudget, readBudgetOf } from "../census/readBudget";
import { type Census, SharedCensus, takeCensus } from "../census/takeCensus";
import type { ReadBack } from "../import/readings";
import { MOST_PATCHED } from "../tenant/callSizes";
import type { Tenant } from "../tenant/client";
import { ExportError } from "../tenant/exports";
import { PerTenant } from "../tenant/perTenant";
import { durationMs, type Inputs, USUAL_CENSUS_TIMEOUT } from "./batch";

/** So often it is tried to read a connection back in one run; where it took too long, once. */
const TRIES = 2;

/** A connection as it is read back, for all who want to know. To be closed: a million users are 100 MB, and a file. */
export interface SharedReading extends Pick<ReadBack, "follow"> {
  readonly census: SharedCensus;
}

const shared = new PerTenant<SharedReading & ReadBack>();

/**
 * What the batches of a run share to read a connection back: one census, one budget of single reads, and one of calls that
 * change single users.
 *
 * @param users about how many there are.
 * @param stop ends a reading; its reason is thrown.
 */
export function readBackOf(tenant: Tenant, inputs: Inputs, users: number, stop: AbortSignal): ReadBack {
  return shared.getOrMake(tenant, inputs.connectionId, () =>
    withBudgets(tenant, newReading(tenant, inputs, users, stop)),
  );
}

/** Closes what the batches have read back, as soon as none of them uses it. */
export async function closeReadBack(tenant: Tenant, connectionId: string): Promise<void> {
  await shared.get(tenant, connectionId)?.census.close();
}

/** What there is of a tenant's calls, beside a reading. */
export function withBudgets<T>(tenant: Tenant, reading: T) {
  return {
    ...reading,
    // Asked for when the tenant has told its limits.
    budget: {
      get left() {
        return readBudgetOf(tenant).left;
      },
      spend: (reads: number) => readBudgetOf(tenant).spend(reads),
    },
    patches: new CallBudget(MOST_PATCHED),
  };
}

/** Nothing is read before somebody asks. For the parameters, see {@link readBackOf}. */
export function newReading(
  tenant: Tenant,
  { connectionId, censusTimeout: timeout = USUAL_CENSUS_TIMEOUT }: Inputs,
  users: number,
  stop: AbortSignal,
): SharedReading {
  const followers = new Set<(line: string | undefined) => void>();
  let tries = 0;
  let last: ExportError | undefined;
  const take = async (): Promise<Census> => {
    if (last !== undefined && tries >= TRIES) throw last;
    tries++;
    const limit = AbortSignal.timeout(durationMs(timeout) ?? 0);
    try {
      return await takeCensus(tenant, connectionId, {
        expected: users,
        onProgress: (line) => {
          for (const show of followers) show(line);
        },
        onRetry: () => {},
        stop: AbortSignal.any([stop, limit]),
      });
    } catch (error) {
      if (limit.aborted && !stop.aborted) {
        tries = TRIES;
        last = new ExportError(`The users could not be read back within censusTimeout (${timeout}).`);
        throw last;
      }
      if (error instanceof ExportError) last = error;
      throw error;
    }
  };
  return {
    census: new SharedCensus(take),
    follow: (show) => {
      followers.add(show);
      return () => followers.delete(show);
    },
  };
}
