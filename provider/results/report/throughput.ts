import { scaleLinear, scaleUtc } from "d3-scale";
import { area, curveStepAfter, type SeriesPoint, stack } from "d3-shape";
import { html } from "hono/html";
import type { JobKind } from "../../plan/delta";
import { count, duration, speed } from "./format";
import { type Html, sample } from "./markup";
import { type PlacedJob, type Span, totalMs } from "./schedule";
import { meanSpeed, type Step, toSteps } from "./speed";
import { timeTicks } from "./timeTicks";

/** The areas are drawn in these units and stretched to the width of the page; texts are not. */
const WIDTH = 1_000;
const HEIGHT = 150;

/** Room above the areas for half a text, and for the time below them. */
const TOP = 8;
const BOTTOM = 18;

/** What a pause between two times of work takes, of the width. */
const PAUSE = 30;

const MOST_STEPS = 120;

const KINDS: readonly JobKind[] = ["insert", "upsert"];

/** Users a second over the time, pauses cut out. */
export function throughputChart(placed: readonly PlacedJob[], spans: readonly Span[]): Html {
  const mean = meanSpeed(placed, spans);
  const steps = spans.map((span) => toSteps(span, placed, stepMs(placed, spans)));
  const peak = steps.flat().reduce((most, { rate }) => Math.max(most, rate.insert + rate.upsert), 0);
  const [unit, seconds] = peak < 1 ? ["minute", 60] : ["second", 1];
  const x = timeScale(spans);
  const y = scaleLinear()
    .domain([0, Math.max(1, peak * seconds)])
    .nice(4)
    .range([HEIGHT, 0]);
  const levels = y.ticks(4).map((level) => ({ label: count(level), at: TOP + y(level) }));
  const shape = area<SeriesPoint<Step>>()
    .x(({ data }) => x(data.from))
    .y0(([low]) => y(low * seconds))
    .y1(([, high]) => y(high * seconds))
    .curve(curveStepAfter)
    .digits(1);
  const areas = steps.flatMap((each) =>
    stack<Step, JobKind>()
      .keys(KINDS)
      .value(({ rate }, kind) => rate[kind])(withEnd(each))
      .filter((series) => series.some(([low, high]) => high > low))
      .map((series) => html`<path class="${series.key}" d="${shape(series) ?? ""}"/>`),
  );
  const height = TOP + HEIGHT + BOTTOM;
  const meanAt = TOP + y(mean * seconds);
  const hasBoth = KINDS.every((kind) => placed.some(({ job }) => job.kind === kind));
  return html`<figure>
<figcaption>Users a ${unit}, each job's users spread evenly over its time. On average ${speed(mean)} (dotted)${spans.length > 1 && "; pauses are cut out"}.</figcaption>
${hasBoth && html`<ul class="legend">${KINDS.map((kind) => html`<li>${sample(kind)}${kind} jobs</li>`)}</ul>`}
<div class="plot">
<svg class="names" height="${height}" aria-hidden="true">${levels.map(
    ({ label, at }) => html`<text x="100%" y="${at}" dy="0.32em">${label}</text>`,
  )}</svg>
<svg height="${height}" role="img" aria-label="Throughput over time, on average ${speed(mean)}">
${levels.map(({ at }) => html`<line class="grid" x2="100%" y1="${at}" y2="${at}"/>`)}
<svg y="${TOP}" width="100%" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${areas}</svg>
<line class="mean" x2="100%" y1="${meanAt}" y2="${meanAt}"/>
${spans.flatMap((span) =>
  timeTicks(span, Math.max(1, Math.round((8 * (x(span.to) - x(span.from))) / WIDTH))).map(
    ({ at, label, isMinor }) =>
      html`<text class="tick${isMinor && " minor"}" x="${percent(x(at))}" y="${height - 4}">${label}</text>`,
  ),
)}
${spans.slice(1).map(({ from }, i) => {
  const { to } = spans[i] as Span;
  return html`<rect class="pause" x="${percent(x(to))}" y="${TOP}" width="${percent(PAUSE)}" height="${HEIGHT}"><title>No job for ${duration(from - to)}</title></rect>`;
})}
</svg>
</div>
</figure>`;
}

/** No shorter than most jobs take: steps within a job would show an evenness that nobody has measured. */
function stepMs(placed: readonly PlacedJob[], spans: readonly Span[]): number {
  const lengths = placed.map(({ started, to }) => to - started).sort((a, b) => a - b);
  const median = lengths[Math.floor(lengths.length / 2)] ?? 0;
  return Math.max(1_000, median, totalMs(spans) / MOST_STEPS);
}

/** A curve of steps ends where its last step begins, so one more is needed. */
function withEnd(steps: readonly Step[]): Step[] {
  return [...steps, ...steps.slice(-1).map((last) => ({ ...last, from: last.to }))];
}

/** One scale for all times of work: each as wide as it is long, with a narrow strip for every pause. */
function timeScale(spans: readonly Span[]) {
  const work = WIDTH - PAUSE * (spans.length - 1);
  const domain: number[] = [];
  const range: number[] = [];
  let at = 0;
  for (const { from, to } of spans) {
    const end = at + (work * (to - from)) / totalMs(spans);
    domain.push(from, to);
    range.push(at, end);
    at = end + PAUSE;
  }
  return scaleUtc().domain(domain).range(range);
}

function percent(units: number): string {
  return `${Number(((100 * units) / WIDTH).toFixed(3))}%`;
}
