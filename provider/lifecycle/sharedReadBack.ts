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

const shared = new PerTenant<ReadBack>();

/**
 * What the batches of a run share to read a connection back: one census, one budget of single reads, and one of calls that
 * change single users.
 *
 * @param users about how many there are.
 * @param stop ends a reading; its reason is thrown.
 */
export function readBackOf(
  tenant: Tenant,
  { connectionId, censusTimeout }: Inputs,
  users: number,
  stop: AbortSignal,
): ReadBack {
  return shared.getOrMake(tenant, connectionId, () =>
    newReadBack(tenant, connectionId, censusTimeout ?? USUAL_CENSUS_TIMEOUT, users, stop),
  );
}

/** Closes what the batches have read back, as soon as none of them uses it: a million users are 100 MB, and a file. */
export async function closeReadBack(tenant: Tenant, connectionId: string): Promise<void> {
  await shared.get(tenant, connectionId)?.census.close();
}

function newReadBack(
  tenant: Tenant,
  connectionId: string,
  timeout: string,
  users: number,
  stop: AbortSignal,
): ReadBack {
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
    // Asked for when the tenant has told its limits.
    budget: {
      get left() {
        return readBudgetOf(tenant).left;
      },
      spend: (reads) => readBudgetOf(tenant).spend(reads),
    },
    patches: new CallBudget(MOST_PATCHED),
    census: new SharedCensus(take),
    follow: (show) => {
      followers.add(show);
      return () => followers.delete(show);
    },
  };
}
