import { html } from "hono/html";
import { mask } from "../redact";
import { count, dateAndTime, duration, time } from "./format";
import type { Html } from "./markup";
import { type BatchJob, type PlacedJob, type Span, totalMs } from "./schedule";
import { timeTicks } from "./timeTicks";

/** An earlier run of the same import that did not come to its end. */
export interface Interruption {
  /** When it ended, or was last heard of. */
  readonly at: Date;
  readonly reason: string;
}

/** Jobs of one slot that fit side by side on a line so that each can be seen. */
const JOBS_A_LINE = 90;

/** Jobs of one slot that begin in the same part of a line are drawn as one bar: that bounds the size of the page. */
const PARTS_A_LINE = 150;

/** Rows of bars in all: a line has one for each slot. */
const MOST_ROWS = 24;

/** Room above the bars for the time. */
const AXIS = 22;

/** The jobs on the slots that they held, on as many lines as it takes to see each; all to the same scale. */
export function timeline(
  placed: readonly PlacedJob[],
  spans: readonly Span[],
  interruptions: readonly Interruption[],
): Html {
  const slots = 1 + placed.reduce((most, { slot }) => Math.max(most, slot), 0);
  const pitch = slots <= 4 ? 30 : slots <= 10 ? 22 : 15;
  const lines = toLines(spans, placed.length, slots);
  return html`${lines.map(
    (line, i) => html`${line.pause > 0 && html`<p class="pause">${duration(line.pause)} without a job</p>`}
${lines.length > 1 && (i === 0 || line.pause > 0) && html`<p class="span">${dateAndTime(line.from)}</p>`}
${drawLine(line, placed, interruptions, slots, pitch)}`,
  )}`;
}

interface Line extends Span {
  /** Where the work of this line ends; what is left of it is empty. */
  readonly end: number;
  /** How long nothing was done before it, ms. */
  readonly pause: number;
}

/** Divides the time into lines of the same length. */
function toLines(spans: readonly Span[], jobs: number, slots: number): Line[] {
  const wanted = Math.ceil(jobs / slots / JOBS_A_LINE);
  const many = Math.max(1, Math.min(wanted, Math.floor(MOST_ROWS / slots)));
  const longest = Math.max(...spans.map(({ from, to }) => to - from));
  const ms = Math.min(longest, totalMs(spans) / many);
  return spans.flatMap((span, i) => {
    const own = Math.ceil((span.to - span.from) / ms - 1e-6);
    return Array.from({ length: own }, (_, j) => {
      const from = span.from + j * ms;
      const pause = j > 0 || i === 0 ? 0 : from - (spans[i - 1] as Span).to;
      return { from, to: from + ms, end: Math.min(from + ms, span.to), pause };
    });
  });
}

function drawLine(
  { from, to, end }: Line,
  placed: readonly PlacedJob[],
  interruptions: readonly Interruption[],
  slots: number,
  pitch: number,
): Html {
  const inLine = placed.filter((each) => each.to > from && each.from < to);
  const height = AXIS + slots * pitch;
  const x = (ms: number) => (100 * (ms - from)) / (to - from);
  const rows = Array.from({ length: slots }, (_, slot) => {
    const bars = toBars(
      inLine.filter((each) => each.slot === slot),
      (to - from) / PARTS_A_LINE,
    );
    return { slot, y: AXIS + slot * pitch, bars };
  });
  const ticks = timeTicks({ from, to }, 8).filter(({ at }) => at <= end);
  const cuts = interruptions
    .map(({ at, reason }) => ({ at: at.getTime(), reason }))
    .filter(({ at }) => at >= from && at <= end);
  return html`<div class="plot">
<svg class="names" height="${height}" aria-hidden="true">${rows.map(
    ({ slot, y }) =>
      html`<text x="100%" y="${y + pitch / 2}" dy="0.32em"><tspan class="wide">Slot </tspan>${slot + 1}</text>`,
  )}</svg>
<svg class="lanes" height="${height}" role="img" aria-label="${count(inLine.length)} jobs; the table of jobs tells of each">
${rows.map(({ y }) => html`<rect class="lane" y="${y + 2}" width="${percent(x(end))}" height="${pitch - 4}"/>`)}
${ticks.map(({ at, label, isMinor }) => {
  const place = percent(x(at));
  return html`<g class="tick${isMinor ? " minor" : ""}"><line class="grid" x1="${place}" x2="${place}" y1="${AXIS - 4}" y2="${height}"/><text x="${place}" y="12">${label}</text></g>`;
})}
${rows.map(({ y, bars }) => bars.map((bar, i) => drawBar(bar, { x, y: y + 2, height: pitch - 4, isOdd: i % 2 === 1 })))}
${cuts.map(({ at, reason }) => {
  const place = percent(x(at));
  return html`<line class="interruption" x1="${place}" x2="${place}" y1="${AXIS - 6}" y2="${height}"><title>${time(at)}: ${mask(reason)}</title></line>`;
})}
</svg>
</div>`;
}

/** What is drawn as one bar: nearly always one job. */
type Bar = readonly [PlacedJob, ...PlacedJob[]];

/** @param part ms that are too short to be seen by themselves */
function toBars(placed: readonly PlacedJob[], part: number): Bar[] {
  const bars: Bar[] = [];
  for (const each of placed) {
    const last = bars.at(-1);
    if (last !== undefined && Math.floor(last[0].from / part) === Math.floor(each.from / part)) {
      bars[bars.length - 1] = [...last, each];
    } else {
      bars.push([each]);
    }
  }
  return bars;
}

function drawBar(
  bar: Bar,
  { x, y, height, isOdd }: { x: (ms: number) => number; y: number; height: number; isOdd: boolean },
): Html {
  const [{ job, from, started }] = bar;
  const to = Math.max(...bar.map((each) => each.to));
  const users = sum(bar, "users");
  const failed = sum(bar, "failed");
  const isLost = bar.some((each) => each.job.status !== "completed");
  const isRetried = bar.some((each) => each.job.retries.length > 0);
  const box = (begin: number, end: number, h = height) =>
    html`x="${percent(x(begin))}" y="${y + height - h}" width="${percent(x(end) - x(begin))}" height="${h}"`;
  const failedHeight = failed === 0 ? 0 : Math.max(2, Math.round((height * failed) / users));
  return html`<g class="${isLost ? "lost" : job.kind}${isOdd ? " odd" : ""}"><title>${title(bar)}</title>${
    started > from && html`<rect class="wait" ${box(from, started)}/>`
  }<rect ${box(started, to)}/>${failedHeight > 0 && html`<rect class="bad" ${box(started, to, failedHeight)}/>`}${
    x(to) - x(started) > 12 &&
    html`<svg ${box(started, to)}><text x="8" y="50%" dy="0.34em">${count(users)} users</text></svg>`
  }${isRetried && html`<circle cx="${percent(x(started))}" cy="${y}" r="4"/>`}</g>
`;
}

/** What the pointer tells of a bar. */
function title(bar: Bar): string {
  const [{ job, from, started, to }, ...others] = bar;
  const failed = sum(bar, "failed");
  const users = `${count(sum(bar, "users"))} users${failed > 0 ? `, ${count(failed)} failed` : ""}`;
  if (others.length > 0) return `${bar.length} jobs, ${users}`;
  return [
    `${job.id} (${job.kind}, ${job.batch})`,
    job.status === "completed" ? users : `${users}: ${statusOf(job)}`,
    `${time(started)} to ${time(to)}, ${duration(to - started)}`,
    ...(started - from >= 1_000 ? [`${duration(started - from)} until Auth0 took it`] : []),
    ...(job.retries.length > 0 ? [`called again: ${retriesOf(job)}`] : []),
  ].join("\n");
}

const STATUS: Record<BatchJob["status"], string> = {
  completed: "completed",
  failed: "failed as a whole",
  expired: "timed out",
  vanished: "gone from Auth0",
};

/** How a job ended. */
export function statusOf({ status }: BatchJob): string {
  return STATUS[status];
}

/** `HTTP 502 (3 times), no answer in time`. */
export function retriesOf({ retries }: BatchJob): string {
  const times = new Map<string, number>();
  for (const reason of retries.map(mask)) times.set(reason, (times.get(reason) ?? 0) + 1);
  const told = [...times].map(([reason, n]) => (n === 1 ? reason : `${reason} (${n} times)`));
  return told.length > 3 ? `${told.slice(0, 3).join(", ")} and others` : told.join(", ");
}

function sum(bar: Bar, what: "users" | "failed"): number {
  return bar.reduce((total, { job }) => total + job[what], 0);
}

function percent(value: number): string {
  return `${Number(value.toFixed(3))}%`;
}
