/** A queue that can't be used as it is given, or that does not answer. The message never holds the URL's password. */
export class QueueError extends Error {
  override readonly name = "QueueError";
}

/** Where a queue is kept. */
export interface QueueUrl {
  readonly kind: "redis" | "postgres";
  /** With user and password: for the driver alone. */
  readonly href: string;
  /** For people: `redis://queue.internal:6379`. */
  readonly place: string;
}

const KINDS: Readonly<Record<string, QueueUrl["kind"]>> = {
  "redis:": "redis",
  "rediss:": "redis",
  "postgres:": "postgres",
  "postgresql:": "postgres",
};

/** @throws {@link QueueError} */
export function parseQueueUrl(text: string): QueueUrl {
  const refusal = "The queue must be a URL: redis://HOST:PORT, rediss://HOST:PORT or postgres://HOST:PORT/DATABASE.";
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new QueueError(refusal);
  }
  const kind = KINDS[url.protocol];
  if (kind === undefined || url.host === "") throw new QueueError(refusal);
  return { kind, href: text, place: `${url.protocol}//${url.host}` };
}

/** One queue for each tenant, so that its slots are shared by all stacks and workers: `user-import-example-eu-auth0-com`. */
export function queueNameOf(origin: string): string {
  return `user-import-${new URL(origin).host.replace(/[^A-Za-z0-9]+/g, "-")}`;
}
