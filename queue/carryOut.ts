import { hostname } from "node:os";
import { ASKED, untilAsked } from "../provider/journal/stopFile";
import { batchSource, type Inputs, saysTheSame } from "../provider/lifecycle/batch";
import { type BatchHost, runBatch } from "../provider/lifecycle/runBatch";
import { withBudgets } from "../provider/lifecycle/sharedReadBack";
import type { Credentials } from "../provider/tenant/credentials";
import type { Fence } from "./fence";
import type { Ended, Note, Task } from "./task";
import type { WorkerReadings } from "./workerReadings";
import type { WorkerSources } from "./workerSources";
import { tenantFor } from "./workerTenant";

/** What a worker carries a batch out with. */
export interface Bench {
  readonly credentials: Credentials;
  readonly sources: WorkerSources;
  readonly fence: Fence;
  /** Aborted when the worker is to end; its reason is an error that says why. */
  readonly ending: AbortSignal;
  readonly readings: WorkerReadings;
  /** The update that has handed the batch over. */
  readonly update: string;
  /** Whether the batch was begun before, by whomever. */
  readonly isBegun: boolean;
  show(line: string, last: boolean): void;
  /** Whether somebody has asked the import to stop, by the queue. */
  isStopped(): Promise<boolean>;
  /** Tells all others who have batches of it. */
  stopAll(): Promise<void>;
}

/** How a batch has ended, and by which error. */
export type CarriedOut = Ended & { readonly error?: Error };

/** Carries one batch out, and says how it ended. What is thrown on the way is its end, too. */
export async function carryOut(task: Task, bench: Bench): Promise<CarriedOut> {
  const notes: Note[] = [];
  const host = hostOf(task, bench, notes);
  try {
    const { outputs, achieved, isSettled, problem } = await bench.sources.use(task.inputs, (read) => {
      const { inputs } = task;
      if (inputs.source !== undefined && !saysTheSame(inputs.source, batchSource(read, inputs.share))) {
        throw new Error(
          `The users files of the worker on ${hostname()} are others than those of \`pulumi up\`. Nothing was sent. Give both the same files (--dir is the program's folder), and run \`pulumi up\` again.`,
        );
      }
      const asking = { task, update: bench.update, isBegun: bench.isBegun, users: read.source.users, stop: host.stop };
      return bench.readings.lend(asking, (reading) =>
        runBatch(inputs, read, task.old, { ...host, readBack: withBudgets(host.tenant, reading) }),
      );
    });
    const ended = { outputs, achieved, isSettled, notes };
    return problem === undefined ? ended : { ...ended, problem: problem.message, error: problem };
  } catch (error) {
    const thrown = error instanceof Error ? error : new Error(String(error));
    return { achieved: false, isSettled: true, notes, problem: thrown.message, error: thrown };
  }
}

function hostOf(task: Task, bench: Bench, notes: Note[]): BatchHost {
  const { inputs, verifies, mayHaveSent } = task;
  const asked = new AbortController();
  const note = (as: Omit<Note, "message">) => async (message: string) => {
    notes.push({ ...as, message });
  };
  return {
    // Changes nothing for a batch that another worker may have by now.
    tenant: tenantFor(task, bench.credentials, () => bench.fence.assertHeld()),
    stop: AbortSignal.any([bench.fence.signal, bench.ending, asked.signal]),
    verifies,
    ...createdOf(inputs, mayHaveSent || bench.isBegun),
    show: async (line, last = false) => bench.show(line, last),
    inform: note({ severity: "info" }),
    warn: note({ severity: "warning" }),
    warnOnce: note({ severity: "warning", once: true }),
    watch: (journalFile, tick, work) => {
      const onTick = () => {
        tick();
        void bench.isStopped().then((is) => {
          if (is) asked.abort(new Error(ASKED));
        });
      };
      const onAsked = (reason: string) => {
        asked.abort(new Error(reason));
        void bench.stopAll();
      };
      return untilAsked(journalFile, onTick, onAsked, work);
    },
  };
}

/** A key that nobody has sent anything by needs no date. */
function createdOf({ created }: Inputs, maySent: boolean): Pick<BatchHost, "created"> {
  return created === undefined || !maySent ? {} : { created: new Date(created) };
}
