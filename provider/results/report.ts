import { pipeline } from "node:stream/promises";
import { html, raw } from "hono/html";
import { explain } from "./failureCodes";
import { maskIdentity } from "./maskIdentity";
import { isOfMembership } from "./oneLine";
import { mask } from "./redact";
import { conflictsPart, type ReportConflicts } from "./report/conflicts";
import { bytes, count, dateAndTime, day, duration, share, speed, time } from "./report/format";
import { type Html, plural, prose, sample } from "./report/markup";
import { type BatchJob, type PlacedJob, placeJobs, type Span, totalMs, workSpans } from "./report/schedule";
import { meanSpeed } from "./report/speed";
import { STYLE, STYLE_DIGEST } from "./report/style";
import { throughputChart } from "./report/throughput";
import { type Interruption, retriesOf, statusOf, timeline } from "./report/timeline";
import { auditorsPage, type ReportVerification, readBackSentence, verificationPart } from "./report/verification";
import { REPORT } from "./resultsFolder";
import { type Counts, type FailedRecord, failuresIn, type Summary } from "./types";
import { writeWholeFile } from "./wholeFile";

export type { BatchJob } from "./report/schedule";
export type { Interruption } from "./report/timeline";

/** What the report tells of. */
export interface ReportData {
  /** Of the import, as the user knows it. */
  readonly name: string;
  readonly connectionId: string;
  /** When the run began and ended; where they are absent, the jobs' times are taken. */
  readonly started: Date | undefined;
  readonly finished: Date | undefined;
  readonly summary: Summary;
  readonly jobs: readonly BatchJob[];
  /** How many users failed or were found invalid with each code; `kind` where that is known. */
  readonly failures: readonly { readonly code: string; readonly users: number; readonly kind?: "insert" | "upsert" }[];
  /** In the order of the source; the first are shown. */
  readonly failedRecords: readonly FailedRecord[];
  /** What differs from the tenant and can't be sent. */
  readonly notApplied: readonly { readonly attribute: string; readonly reason: string; readonly users: number }[];
  /** What was left alone, since it was changed in the tenant, too. */
  readonly conflicts?: ReportConflicts;
  /** Users who came in without a password. */
  readonly passwordResetRequired: number;
  /** Why the run ended before all was done. */
  readonly problem?: string;
  /** Where workers wrote it, and nobody had collected yet: how many batches it tells of, and how many the import has. */
  readonly byWorkers?: { readonly batches: number; readonly of: number };
  /** Who is there, as the connection was read back. */
  readonly verification?: ReportVerification;
  /** Why it could not be verified who is there. */
  readonly unverified?: string;
  /** Earlier runs that this one went on from. */
  readonly interruptions?: readonly Interruption[];
  /** How many jobs the run might have had active at a time. */
  readonly maxActiveJobs?: number;
}

/** Failed records that are shown at once, and in all: the CSV has them all. */
const FIRST_RECORDS = 10;
const SHOWN_RECORDS = 100;

/** Jobs in the table: more would make the page large, and the output `jobs` has them all. */
const SHOWN_JOBS = 1_000;

/**
 * Writes `report.html`: one page that needs nothing else, no network and no script, and that the browser is forbidden to
 * load or run anything for. It holds no personal data: identities are masked, messages of the service left out.
 */
export async function writeReport(directory: string, data: ReportData): Promise<void> {
  const text = String(await page(data)).replace(UNPRINTABLE, "\ufffd");
  await writeWholeFile(directory, REPORT, (file) => pipeline([text], file));
}

/** What HTML forbids in a page, escaped or not. */
const UNPRINTABLE = /(?![\n\t])[\p{Cc}\p{Noncharacter_Code_Point}]/gu;

function page(data: ReportData): Html {
  const placed = placeJobs(data.jobs);
  const spans = workSpans(placed);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${STYLE_DIGEST}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>User import ${data.name}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
${PATTERNS}
<main>
${header(data, spans)}
${verdict(data)}
${data.verification !== undefined && verificationPart(data.verification)}
${totals(data)}
${failures(data)}
${failedRecords(data)}
${data.conflicts !== undefined && conflictsPart(data.conflicts)}
${notApplied(data)}
${placed.length > 0 && work(data, placed, spans)}
${data.verification !== undefined && auditorsPage(data.verification)}
<footer>Times are UTC. Identities are masked: a record is found by its file and line.</footer>
</main>
</body>
</html>
`;
}

/** Hatchings, which the style refers to. */
const PATTERNS = html`<svg class="patterns" width="0" height="0" aria-hidden="true"><defs>${["wait", "lost"].map(
  (id) =>
    html`<pattern id="${id}" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="5"/><line y2="5"/></pattern>`,
)}</defs></svg>`;

function header({ name, connectionId, started, finished }: ReportData, spans: readonly Span[]): Html {
  const from = started?.getTime() ?? spans[0]?.from;
  const to = finished?.getTime() ?? spans.at(-1)?.to;
  return html`<header>
<p class="kind">User import</p>
<h1>${name}</h1>
<p>into connection <code>${connectionId}</code>${
    from !== undefined &&
    to !== undefined &&
    html` · <span class="nowrap">${dateAndTime(from)}</span> to <span class="nowrap">${day(from) === day(to) ? time(to) : dateAndTime(to)} UTC</span>`
  }</p>
</header>`;
}

function verdict(data: ReportData): Html {
  const { summary, problem, verification, unverified, interruptions = [], notApplied, conflicts, byWorkers } = data;
  const { total } = summary;
  const bad = failuresIn(summary);
  const { missing = 0, gone: goneThere = 0 } = verification?.verification ?? {};
  const gone = Math.max(goneThere, conflicts?.deleted ?? 0);
  const blocks = [...notApplied, ...(conflicts?.differences ?? [])]
    .filter(({ attribute, reason }) => attribute === "blocked" && !reason.startsWith("it is no longer"))
    .reduce((sum, { users }) => sum + users, 0);
  const state = problem !== undefined ? "early" : bad > 0 ? "failed" : unverified === undefined ? "good" : "unverified";
  const title = {
    early: "The run ended before all was done",
    failed:
      bad > missing
        ? `${count(bad)} of ${plural(total, "user")} failed`
        : `${count(missing)} of ${plural(total, "user")} ${missing === 1 ? "is" : "are"} missing`,
    unverified: "Everybody was sent, and nobody has verified who is there",
    good: `Every user of ${theFiles(data)} is in Auth0${gone > 0 ? `, but for ${count(gone)} who ${gone === 1 ? "was" : "were"} deleted there since` : ""}`,
  }[state];
  return html`<section class="verdict ${state === "unverified" ? "early" : state}">
<h2>${title}</h2>
${blocks > 0 && html`<p>${prose(`The files say something else of \`blocked\` than Auth0 has, of ${plural(blocks, "user")}: somebody who should be locked out may sign in. No import job can change that of who is there.`)}</p>`}
${problem !== undefined && html`<p>${prose(mask(problem))}</p>`}
${byWorkers !== undefined && html`<p>${prose(workersSentence(byWorkers))}</p>`}
${unverified !== undefined && html`<p>${prose(mask(unverified))}</p>`}
${verification !== undefined && html`<p>${readBackSentence(verification)}</p>`}
${missing > 0 && html`<p>${prose("Change `triggers` and run `pulumi up`: who is missing is looked up once more, and sent again.")}</p>`}
${conflicts !== undefined && conflicts.users > 0 && html`<p>${prose(`Of ${plural(conflicts.users, "user")}, changes of the files were not sent, since Auth0 has changed the same or has the user no more: see the conflicts below.`)}</p>`}
${bad > missing && html`<p>${prose("The records that failed are, whole, in `failed-records.json`, which can itself be imported, and line by line in `failed-records.csv`. Correct them and run `pulumi up`: only they are sent.")}</p>`}
${
  interruptions.length > 0 &&
  html`<p>Earlier runs of this import ended before all was done:</p>
<ul>${interruptions.map(({ at, reason }) => html`<li><span class="nowrap">${dateAndTime(at.getTime())}</span>: ${prose(mask(reason))}</li>`)}</ul>`
}
</section>`;
}

function workersSentence({ batches, of }: NonNullable<ReportData["byWorkers"]>): string {
  const written = "A worker wrote this page when its last batch was done.";
  if (batches === of) return `${written} \`pulumi up\` collects the batches, and writes it again.`;
  return `${written} It tells of ${count(batches)} of ${plural(of, "batch", "batches")}: the others had nothing to do, or the queue has their results no more. \`pulumi up\` collects, and writes it again for all of them.`;
}

/** What the users are in whom the page is about. */
function theFiles({ byWorkers }: ReportData): string {
  return byWorkers === undefined || byWorkers.batches === byWorkers.of ? "the files" : "these batches";
}

const PARTS: readonly (readonly [keyof Counts, string, string])[] = [
  ["inserted", "Inserted", "new in Auth0"],
  ["updated", "Updated", "what changed was sent"],
  ["unchanged", "Unchanged", "nothing was sent"],
  ["adopted", "Adopted", "there before, taken as they are"],
  ["conflicts", "Conflicts", "left as it is in Auth0: see below"],
  ["notApplied", "Not applied", "changed, but can't be sent"],
  ["outdated", "Outdated", "in Auth0, but a change or a role failed"],
  ["failed", "Failed", "not in Auth0: refused, or missing"],
  ["invalid", "Invalid", "not sent: Auth0 would refuse them"],
  ["removed", "No longer in the files", "imported before, and not deleted"],
];

/** What came of roles and organizations; nothing where there were none. */
function memberships({ memberships }: Summary, failures: ReportData["failures"]): Html {
  const failed = failures.filter(isOfMembership).reduce((sum, { users }) => sum + users, 0);
  if (memberships === undefined && failed === 0) return html``;
  const { given, taken } = memberships ?? { given: 0, taken: 0 };
  return html`<p>Roles and memberships of organizations: ${count(given)} given, ${count(taken)} taken${failed > 0 && html`; ${plural(failed, "user")} ${failed === 1 ? "lacks" : "lack"} some`}.</p>`;
}

function totals(data: ReportData): Html {
  const { summary, failures, passwordResetRequired } = data;
  const { total } = summary;
  const parts = PARTS.map(([key, title, meaning]) => ({ key, title, meaning, users: summary[key] ?? 0 }));
  const there = parts.filter(({ key, users }) => users > 0 && key !== "removed");
  // What is there is seen, however small; what is large gives way.
  const width = (users: number) => Math.max(0.6, (100 * users) / total);
  const all = there.reduce((sum, { users }) => sum + width(users), 0);
  let x = 0;
  return html`<section>
<h2>${plural(total, "user")} in ${theFiles(data)}</h2>
<svg class="share" width="100%" height="20" role="img" aria-label="${there.map(({ title, users }) => `${title} ${share(users, total)}`).join(", ")}">${there.map(
    ({ key, title, users }) => {
      const from = x;
      x += (100 * width(users)) / all;
      return html`<rect class="${key}" x="${from.toFixed(3)}%" width="${(x - from).toFixed(3)}%" height="100%"><title>${title}: ${count(users)}</title></rect>`;
    },
  )}</svg>
<dl class="parts">${parts.map(
    ({ key, title, meaning, users }) =>
      html`<div class="${users === 0 ? "none" : ""}"><dt><svg width="10" height="10" aria-hidden="true"><rect class="${key}" width="10" height="10" rx="2"/></svg>${title}</dt><dd><b>${count(users)}</b> <span>${users > 0 && key !== "removed" && share(users, total)}</span><small>${meaning}</small></dd></div>`,
  )}</dl>
${memberships(summary, failures)}
${passwordResetRequired > 0 && html`<p>${plural(passwordResetRequired, "user")} came in without a password and ${passwordResetRequired === 1 ? "has" : "have"} to reset it at the first sign-in.</p>`}
</section>`;
}

function failures({ failures, summary }: ReportData): Html {
  if (failures.length === 0) return html``;
  const sorted = [...failures].sort((a, b) => b.users - a.users);
  const most = sorted[0]?.users ?? 1;
  const all = failuresIn(summary);
  return html`<section>
<h2>Why users failed</h2>
<div class="codes">${sorted.map(({ code, users, kind }) => {
    const { meaning, retryHelps, whatToDo } = explain(code, kind);
    return html`<article>
<div class="much"><b>${count(users)}</b> <span>${all > 0 && share(users, all)}</span>
<svg width="100%" height="6" aria-hidden="true"><rect class="lane" width="100%" height="6" rx="3"/><rect class="failed" width="${((100 * users) / Math.max(1, most)).toFixed(2)}%" height="6" rx="3"/></svg></div>
<div><h3><code>${mask(code)}</code>${kind !== undefined && html` <span class="tag">${kind} jobs</span>`} <span class="tag${retryHelps ? " helps" : ""}">${retryHelps ? "sending it again may help" : "sending it again does not help"}</span></h3>
<p>${prose(meaning)}</p>
<p><b>Do:</b> ${prose(whatToDo)}</p></div>
</article>`;
  })}</div>
</section>`;
}

function failedRecords({ failedRecords, summary }: ReportData): Html {
  if (failedRecords.length === 0) return html``;
  const shown = failedRecords.slice(0, SHOWN_RECORDS);
  const all = Math.max(failedRecords.length, failuresIn(summary));
  const more = shown.slice(FIRST_RECORDS);
  const table = (records: readonly FailedRecord[]) => html`<div class="scroll"><table class="records">
<thead><tr><th>File and line</th><th>User</th><th>Code</th><th>Attribute</th></tr></thead>
<tbody>${records.map(
    ({ file, line, identity, code, path }) =>
      html`<tr><td><code>${file}:${line}</code></td><td>${identity === undefined ? "no identifier" : maskIdentity(identity)}</td><td><code>${mask(code)}</code></td><td>${path !== undefined && html`<code>${mask(path)}</code>`}</td></tr>
`,
  )}</tbody>
</table></div>`;
  return html`<section>
<h2>${all > shown.length ? `The first of ${count(all)} records that failed` : "Records that failed"}</h2>
${table(shown.slice(0, FIRST_RECORDS))}
${more.length > 0 && html`<details><summary>${count(more.length)} more</summary>${table(more)}</details>`}
</section>`;
}

function notApplied({ notApplied }: ReportData): Html {
  if (notApplied.length === 0) return html``;
  const sorted = [...notApplied].sort((a, b) => b.users - a.users);
  return html`<section>
<h2>What was not applied</h2>
<p>These attributes differ between the files and Auth0, and an import can't change them in a user who is there.</p>
<div class="scroll"><table>
<thead><tr><th>Attribute</th><th class="number">Users</th><th>Why</th></tr></thead>
<tbody>${sorted.map(
    ({ attribute, reason, users }) =>
      html`<tr><td><code>${mask(attribute)}</code></td><td class="number">${count(users)}</td><td>${prose(mask(reason))}</td></tr>
`,
  )}</tbody>
</table></div>
</section>`;
}

function work(data: ReportData, placed: readonly PlacedJob[], spans: readonly Span[]): Html {
  const { maxActiveJobs, interruptions = [] } = data;
  const slots = new Set(placed.map(({ slot }) => slot)).size;
  const busyMs = placed.reduce((sum, { started, to }) => sum + to - started, 0);
  const waitedMs = placed.reduce((sum, { from, started }) => sum + started - from, 0);
  const retries = placed.reduce((sum, { job }) => sum + job.retries.length, 0);
  const upserts = placed.filter(({ job }) => job.kind === "upsert").length;
  const lost = placed.filter(({ job }) => job.status !== "completed").length;
  const facts: readonly (readonly [string, string])[] = [
    ["Jobs", upserts > 0 ? `${count(placed.length)}, of them ${count(upserts)} upsert` : count(placed.length)],
    ["Sent", bytes(placed.reduce((sum, { job }) => sum + job.bytes, 0))],
    ["Time of work", duration(totalMs(spans))],
    ["Average", speed(meanSpeed(placed, spans))],
    [
      "Slots",
      `${maxActiveJobs !== undefined && maxActiveJobs > slots ? `${slots} of ${maxActiveJobs} used` : `${slots}`}, ${share(busyMs, slots * totalMs(spans))} busy`,
    ],
    ["Waited for Auth0 to take a job", duration(waitedMs)],
    ["Calls made again", count(retries)],
    ["Jobs that failed as a whole", count(lost)],
  ];
  return html`<section>
<h2>How it went</h2>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<h3>Throughput</h3>
${throughputChart(placed, spans)}
<h3>Jobs on their slots</h3>
${legend(placed, interruptions)}
<figure>${timeline(placed, spans, interruptions)}</figure>
${jobs(placed)}
</section>`;
}

/** Names what is in the picture, and nothing else. */
function legend(placed: readonly PlacedJob[], interruptions: readonly Interruption[]): Html {
  const has = (test: (each: PlacedJob) => boolean) => placed.some(test);
  const entries: readonly (readonly [boolean, Html, string])[] = [
    [has(({ job }) => job.kind === "insert" && job.status === "completed"), sample("insert"), "insert job"],
    [has(({ job }) => job.kind === "upsert" && job.status === "completed"), sample("upsert"), "upsert job"],
    [has(({ job }) => job.failed > 0), sample("", "bad"), "share of its users that failed"],
    [has(({ job }) => job.status !== "completed"), sample("lost"), "failed as a whole"],
    [has(({ from, started }) => started > from), sample("", "wait"), "until Auth0 took it"],
    [
      has(({ job }) => job.retries.length > 0),
      html`<svg width="12" height="12" aria-hidden="true"><circle cx="6" cy="6" r="4"/></svg>`,
      "a call was made again",
    ],
    [
      interruptions.length > 0,
      html`<svg width="6" height="14" aria-hidden="true"><line class="interruption" x1="3" x2="3" y2="14"/></svg>`,
      "a run ended",
    ],
  ];
  return html`<ul class="legend">${entries.map(([is, sign, text]) => is && html`<li>${sign}${text}</li>`)}</ul>`;
}

function jobs(placed: readonly PlacedJob[]): Html {
  const shown = placed.slice(0, SHOWN_JOBS);
  return html`<details>
<summary>${placed.length > shown.length ? `The first ${count(shown.length)} of ${count(placed.length)} jobs` : plural(placed.length, "job")} as a table</summary>
<div class="scroll"><table class="jobs">
<thead><tr><th>Job</th><th>Batch</th><th>Kind</th><th class="number">Users</th><th class="number">Failed</th><th class="number">Size</th><th>Started</th><th class="number">Took</th><th>Status</th><th>Calls made again</th></tr></thead>
<tbody>${shown.map(
    ({ job, started, to }) =>
      html`<tr><td><code>${job.id}</code></td><td>${job.batch}</td><td>${job.kind}</td><td class="number">${count(job.users)}</td><td class="number">${count(job.failed)}</td><td class="number">${bytes(job.bytes)}</td><td>${dateAndTime(started)}</td><td class="number">${duration(to - started)}</td><td>${statusOf(job)}</td><td>${retriesOf(job)}</td></tr>
`,
  )}</tbody>
</table></div>
</details>`;
}
