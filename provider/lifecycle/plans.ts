import type { Plan } from "./preview";

/** The plans of the batches of an import, by its results folder, until its Finalizer sums them up. */
const plans = new Map<string, Plan[]>();

export function plansOf(resultsDir: string): Plan[] {
  const known = plans.get(resultsDir) ?? [];
  plans.set(resultsDir, known);
  return known;
}
