import { html } from "hono/html";
import { type Circumstances, sumsOf } from "../../verification/evidence";
import type { Exception, Verification, VerificationDetails, Word } from "../../verification/types";
import { mask } from "../redact";
import { VERIFICATION_CSV, VERIFICATION_JSON } from "../resultsFolder";
import { bytes, count, dateAndTime, duration, share } from "./format";
import { type Html, plural, prose } from "./markup";

/** What the report tells of a verification. */
export interface ReportVerification {
  readonly verification: Verification;
  readonly details: VerificationDetails;
  /** The first of them, those who are missing before all others. */
  readonly exceptions: readonly Exception[];
  /** SHA-256 of `verification.json`, in hex. */
  readonly evidence: string;
  /** For the auditor's page; of a verification in an earlier run that is not at hand. */
  readonly circumstances?: Circumstances;
}

/** Exceptions that are shown at once, and in all: the CSV has them all. */
const FIRST_EXCEPTIONS = 10;
export const SHOWN_EXCEPTIONS = 100;

/** Everybody is there, in one sentence; or who is not. */
export function readBackSentence({ verification }: Pick<ReportVerification, "verification">): string {
  const { expected, missing, checkedAt } = verification;
  const when = `Read back on ${dateAndTime(Date.parse(checkedAt))} UTC`;
  return missing === 0
    ? `${when}: nobody is missing of ${plural(expected, "user")}.`
    : `${when}: ${count(missing)} of ${plural(expected, "user")} ${missing === 1 ? "is" : "are"} missing.`;
}

const PARTS: readonly (readonly [
  "present" | "linked" | "missing" | "gone" | "notAsWritten" | "changedThere" | "others",
  string,
  string,
])[] = [
  ["present", "Present", "there, as users of the connection"],
  ["linked", "Linked", "there, as part of another account"],
  ["missing", "Missing", "brought, and not there"],
  ["gone", "Gone", "seen before, and deleted by somebody since"],
  ["notAsWritten", "Not as written", "present, and not what was sent"],
  ["changedThere", "Changed there", "present, and updated since"],
  ["others", "Others", "in the connection, and in no file"],
];

/** Those who make up everybody. */
const WHOLE = PARTS.slice(0, 4);

export function verificationPart(of: ReportVerification): Html {
  const { verification } = of;
  const { expected } = verification;
  const there = WHOLE.filter(([key]) => verification[key] > 0);
  // What is there is seen, however small; what is large gives way.
  const width = (users: number) => Math.max(0.6, (100 * users) / Math.max(1, expected));
  const all = there.reduce((sum, [key]) => sum + width(verification[key]), 0);
  let x = 0;
  return html`<section class="read-back">
<h2>${verification.missing === 0 ? `Read back: nobody is missing` : `Read back: ${plural(verification.missing, "user")} missing`}</h2>
<p>${prose(`The numbers are those of an export of the connection, which was compared with what was sent, at the time of the export. Everybody whom it does not have was looked up singly${notLookedUp(of.details)}.`)}</p>
<svg class="share" width="100%" height="20" role="img" aria-label="${there.map(([key, title]) => `${title} ${share(verification[key], expected)}`).join(", ")}">${there.map(
    ([key, title]) => {
      const from = x;
      x += (100 * width(verification[key])) / all;
      return html`<rect class="${key}" x="${from.toFixed(3)}%" width="${(x - from).toFixed(3)}%" height="100%"><title>${title}: ${count(verification[key])}</title></rect>`;
    },
  )}</svg>
<dl class="parts">${PARTS.map(([key, title, meaning]) => {
    const users = verification[key];
    const isPart = WHOLE.some(([name]) => name === key);
    return html`<div class="${users === 0 ? "none" : ""}"><dt><svg width="10" height="10" aria-hidden="true"><rect class="${key}" width="10" height="10" rx="2"/></svg>${title}</dt><dd><b>${count(users)}</b> <span>${isPart && users > 0 && share(users, expected)}</span><small>${meaning}</small></dd></div>`;
  })}</dl>
${remarks(of.details).map((remark) => html`<p>${prose(remark)}</p>`)}
${attributes(verification)}
${exceptions(of)}
</section>`;
}

function notLookedUp({ notLookedUp }: VerificationDetails): string {
  return notLookedUp === 0 ? "" : `, but for ${count(notLookedUp)}, who were too many`;
}

/** What else there is to say. */
export function remarks({ untold, notExported, normalised, sample }: VerificationDetails): string[] {
  return [
    ...(sample.read === 0
      ? []
      : [
          `${count(sample.read)} of those present were read singly, chosen at random: ${count(sample.there)} were there.`,
        ]),
    ...(untold === 0
      ? []
      : [
          `Of ${plural(untold, "more user")} nothing can be told: Auth0 has made their ids, or no file names them any more, and nobody is there whom they would be found by.`,
        ]),
    ...(notExported.length === 0
      ? []
      : [
          `No user of the export has ${names(notExported)}, though 100 or more should: whether that is as written can't be told.`,
        ]),
    ...(normalised.length === 0
      ? []
      : [
          `More than 1 % are not as written in ${names(normalised)}: that looks like a form of Auth0's own (normalisation).`,
        ]),
  ];
}

function names(attributes: readonly string[]): string {
  return attributes.map((attribute) => `\`${attribute}\``).join(", ");
}

function attributes({ attributes }: Verification): Html {
  if (attributes.length === 0) return html``;
  return html`<h3>In what users differ</h3>
<div class="scroll"><table>
<thead><tr><th>Attribute</th><th class="number">Users</th></tr></thead>
<tbody>${attributes.map(
    ({ attribute, users }) =>
      html`<tr><td><code>${mask(attribute)}</code></td><td class="number">${count(users)}</td></tr>
`,
  )}</tbody>
</table></div>`;
}

const WORDS: Record<Word, string> = {
  missing: "missing",
  gone: "gone",
  linked: "linked",
  notAsWritten: "not as written",
  changedThere: "changed there",
  untold: "can't be told",
};

function exceptions({ exceptions, verification, details }: ReportVerification): Html {
  if (exceptions.length === 0) return html``;
  const { linked, missing, gone, notAsWritten, changedThere } = verification;
  const all = Math.max(exceptions.length, linked + missing + gone + notAsWritten + changedThere + details.untold);
  const more = exceptions.slice(FIRST_EXCEPTIONS);
  const table = (rows: readonly Exception[]) => html`<div class="scroll"><table class="records">
<thead><tr><th>File and line</th><th>User</th><th>What</th><th>Attributes</th></tr></thead>
<tbody>${rows.map(
    ({ file, line, identity, what, attributes }) =>
      html`<tr><td><code>${file}:${line}</code></td><td>${identity}</td><td>${WORDS[what]}</td><td>${attributes.length > 0 && html`<code>${attributes.join(", ")}</code>`}</td></tr>
`,
  )}</tbody>
</table></div>`;
  return html`<h3>${all > exceptions.length ? `The first of ${count(all)} exceptions` : "Exceptions"}</h3>
<p>${prose(`All of them are in \`${VERIFICATION_CSV}\`.`)}</p>
${table(exceptions.slice(0, FIRST_EXCEPTIONS))}
${more.length > 0 && html`<details><summary>${count(more.length)} more</summary>${table(more)}</details>`}`;
}

/** The same on a page to be printed and signed. */
export function auditorsPage({ verification, details, evidence, circumstances }: ReportVerification): Html {
  if (circumstances === undefined) return html``;
  const { tenant, connectionId, project, stack, name, versions, ranBy, files, transform } = circumstances;
  const facts: readonly (readonly [string, string])[] = [
    ["Tenant", tenant],
    ["Connection", `${details.connection} (${connectionId})`],
    ["Import", `${name}, stack ${project}/${stack}`],
    ["Read back", `${dateAndTime(Date.parse(verification.checkedAt))} UTC, in ${duration(details.tookMs)}`],
    ["Export job", `${details.job}, ${plural(details.lines, "line")}`],
    ["Versions", `pulumi-auth0-user-import ${versions.package}, Node ${versions.node}`],
    ["Read singly at random", `${count(details.sample.read)}, ${count(details.sample.there)} of them there`],
  ];
  return html`<section class="audit">
<h2>Verification, for the auditor</h2>
<dl class="facts">${facts.map(([title, value]) => html`<div><dt>${title}</dt><dd>${mask(value)}</dd></div>`)}</dl>
<h3>Counts</h3>
<ul>${sumsOf(verification, details).map((sum) => html`<li>${sum}</li>`)}</ul>
<p>${PARTS.map(([key, title]) => `${title}: ${count(verification[key])}`).join("; ")}; nothing can be told of ${count(details.untold)}.</p>
<h3>What was compared</h3>
<div class="scroll"><table>
<thead><tr><th>File</th><th class="number">Records</th><th class="number">Size</th><th>SHA-256</th></tr></thead>
<tbody>${files.slice(0, SHOWN_EXCEPTIONS).map(
    ({ name, records, bytes: size, sha256 }) =>
      html`<tr><td><code>${name}</code></td><td class="number">${count(records)}</td><td class="number">${bytes(size)}</td><td><code>${sha256}</code></td></tr>
`,
  )}
${transform !== undefined && html`<tr><td><code>${transform.name}</code> (transform)</td><td></td><td></td><td><code>${transform.sha256}</code></td></tr>`}
<tr><td>the export, as it was fetched</td><td class="number">${count(details.lines)}</td><td></td><td><code>${details.sha256}</code></td></tr>
<tr><td><code>${VERIFICATION_JSON}</code>, with each exception</td><td></td><td></td><td><code>${evidence}</code></td></tr></tbody>
</table></div>
${files.length > SHOWN_EXCEPTIONS && html`<p>${prose(`${count(files.length - SHOWN_EXCEPTIONS)} more files are in \`${VERIFICATION_JSON}\`.`)}</p>`}
<h3>Arguments in force, and who ran it</h3>
<p>${Object.entries(circumstances.arguments).map(([argument, value], i) => html`${i > 0 && ", "}<code>${argument}: ${mask(JSON.stringify(value))}</code>`)}</p>
<p>${Object.entries(ranBy).map(([title, value], i) => html`${i > 0 && ", "}${title} <code>${mask(value)}</code>`)}</p>
<dl class="signatures"><div><dt>Ran by</dt><dd></dd></div><div><dt>Checked by</dt><dd></dd></div></dl>
</section>`;
}
