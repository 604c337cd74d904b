import { setTimeout as sleep } from "node:timers/promises";

/**
 * An answer, where it comes in so many milliseconds. How it ends after that nobody hears.
 *
 * @throws what `late` makes where it does not come.
 */
export async function inTime<T>(answer: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  answer.catch(() => {});
  const isLate = sleep(milliseconds, undefined, { ref: false }).then(() => {
    throw late();
  });
  return Promise.race([answer, isLate]);
}
