import { html } from "hono/html";
import { maskIdentity } from "../maskIdentity";
import { mask } from "../redact";
import type { Conflict } from "../types";
import { count } from "./format";
import { type Html, plural, prose } from "./markup";

/** What the report tells of conflicts. */
export interface ReportConflicts {
  /** Users who have any. */
  readonly users: number;
  /** Those of them who are not in the connection any more. */
  readonly deleted: number;
  /** Users by attribute and reason. */
  readonly differences: readonly { readonly attribute: string; readonly reason: string; readonly users: number }[];
  /** The first of them; all are in `conflicts.csv`. */
  readonly first: readonly Conflict[];
}

/** Conflicts that are shown at once, and in all. */
const FIRST_CONFLICTS = 10;
const SHOWN_CONFLICTS = 100;

/** Of what was left alone, since it was changed in Auth0, too: how much, why, and of whom. */
export function conflictsPart({ users, differences, first }: ReportConflicts): Html {
  if (differences.length === 0) return html``;
  const inOrder = first.toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
  const shown = inOrder.slice(0, SHOWN_CONFLICTS);
  const more = shown.slice(FIRST_CONFLICTS);
  const table = (conflicts: readonly Conflict[]) => html`<div class="scroll"><table class="records why">
<thead><tr><th>File and line</th><th>User</th><th>Attributes</th><th>Why</th></tr></thead>
<tbody>${conflicts.map(
    ({ file, line, identity, attributes, reason }) =>
      html`<tr><td><code>${file}:${line}</code></td><td>${maskIdentity(identity)}</td><td>${attributes.map((name, i) => html`${i > 0 && ", "}<code>${mask(name)}</code>`)}</td><td>${prose(mask(reason))}</td></tr>
`,
  )}</tbody>
</table></div>`;
  return html`<section>
<h2>${plural(users, "conflict")}</h2>
<p>${prose("The files have changed these, and Auth0 has changed the same or has the user no more. Nothing of it was sent: it is in Auth0 as it was. What else changed of the users who are there was sent. Take Auth0's value over into the file; or change it in Auth0, and `triggers`, and run `pulumi up`; or set `onConflict`. All of them are in `conflicts.csv`.")}</p>
<div class="scroll"><table>
<thead><tr><th>Attribute</th><th class="number">Users</th><th>Why</th></tr></thead>
<tbody>${[...differences]
    .sort((a, b) => b.users - a.users)
    .map(
      ({ attribute, reason, users }) =>
        html`<tr><td><code>${mask(attribute)}</code></td><td class="number">${count(users)}</td><td>${prose(mask(reason))}</td></tr>
`,
    )}</tbody>
</table></div>
${shown.length > 0 && html`<h3>${users > shown.length ? `The first of ${count(users)}` : "Of whom"}</h3>${table(shown.slice(0, FIRST_CONFLICTS))}`}
${more.length > 0 && html`<details><summary>${count(more.length)} more</summary>${table(more)}</details>`}
</section>`;
}
