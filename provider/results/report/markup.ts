import { html } from "hono/html";

/** A piece of the page. `html` escapes every value but pieces. */
export type Html = ReturnType<typeof html>;

/** A text of ours with `code` in backticks. */
export function prose(text: string): Html {
  const parts = text.split("`").map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part));
  return html`${parts}`;
}

/** `1 user`, `2 users`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
}

/** A sample of what a picture shows, for its legend. */
export function sample(group: string, own = ""): Html {
  return html`<svg width="16" height="12" aria-hidden="true"><g class="${group}"><rect class="${own}" width="16" height="12"/></g></svg>`;
}
