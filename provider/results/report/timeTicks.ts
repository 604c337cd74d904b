import { scaleUtc } from "d3-scale";
import type { Span } from "./schedule";

/** A mark on the axis of time. */
export interface Tick {
  readonly at: number;
  readonly label: string;
  /** Left out where there is little room. */
  readonly isMinor: boolean;
}

/** Round times within a span, about so many, UTC. */
export function timeTicks({ from, to }: Span, about: number): Tick[] {
  const scale = scaleUtc().domain([from, Math.max(to, from + 1)]);
  const times = scale
    .ticks(about)
    .map(Number)
    .filter((at) => at % 1_000 === 0);
  const stepMs = (times[1] ?? Number.POSITIVE_INFINITY) - (times[0] ?? 0);
  const format = scale.tickFormat(about, stepMs < 60_000 ? "%H:%M:%S" : stepMs < 86_400_000 ? "%H:%M" : "%-d %b");
  // Close to the edges a label would be cut.
  const edge = 0.03 * (to - from);
  return times
    .map((at, i) => ({ at, label: format(new Date(at)), isMinor: i % 2 === 1 }))
    .filter(({ at }) => at >= from + edge && at <= to - edge);
}
