import http from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

/** A user of the connection, as an export has it. */
export function exported(id: string, more: object = {}): Record<string, unknown> {
  return {
    user_id: `auth0|${id}`,
    email: `${id}@example.com`,
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
    identities: [{ provider: "auth0", connection: "customers", user_id: id }],
    ...more,
  };
}

export const ndjson = (lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");

/** What a request for the file is answered with. */
export interface FileAnswer {
  readonly status?: number;
  readonly body?: Buffer;
  /** Instead of the body's own length. */
  readonly length?: number;
  readonly headers?: http.OutgoingHttpHeaders;
}

/** Speaks of export jobs and of reading users as Auth0 does. The file is at another origin than the tenant. */
export class ExportServer {
  /** Who can be read. */
  users: Record<string, unknown>[] = [];
  /** By the id, with its prefix. */
  userAt = (id: string): object | undefined => this.users.find(({ user_id }) => user_id === id);
  /** What it was asked: method and path, and the body of the job. */
  readonly requests: string[] = [];
  /** The headers with which the file was fetched. */
  readonly fileHeaders: http.IncomingHttpHeaders[] = [];
  /** The answers to the question about the job, one after the other; the last one stays. `location` is added. */
  jobs: object[] = [{ status: "completed" }];
  /** Answers to the start of a job before it is taken. */
  refusals: { readonly status: number; readonly body: object }[] = [];
  /** As `jobs`, for the file. */
  files: FileAnswer[] = [];
  location: (link: string) => string | undefined = (link) => link;
  #link = 0;
  readonly #tenant = http.createServer((request, response) => this.#answer(request, response));
  readonly #cdn = http.createServer((request, response) => this.#give(request, response));

  /** @param text of the file, which is gzipped. */
  static async start(text = ""): Promise<ExportServer> {
    const server = new ExportServer();
    server.files = [{ body: gzipSync(text) }];
    await Promise.all(
      [server.#tenant, server.#cdn].map((each) => new Promise<void>((done) => each.listen(0, "127.0.0.1", done))),
    );
    return server;
  }

  get origin(): string {
    return originOf(this.#tenant);
  }

  async stop(): Promise<void> {
    for (const each of [this.#tenant, this.#cdn]) {
      each.closeAllConnections();
      await new Promise((done) => each.close(done));
    }
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += chunk;
    this.requests.push(`${request.method} ${request.url} ${body}`.trim());
    const answer = (status: number, json: object) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
    };
    const url = new URL(request.url ?? "", "http://localhost");
    if (url.pathname.startsWith("/api/v2/users")) {
      const found = this.#usersOf(url);
      if (found === undefined)
        answer(404, { statusCode: 404, error: "Not Found", message: "The user does not exist." });
      else answer(200, found);
      return;
    }
    const job = { type: "users_export", id: "job_1", connection: "customers" };
    if (request.method === "POST") {
      const refusal = this.refusals.shift();
      if (refusal !== undefined) answer(refusal.status, refusal.body);
      else answer(200, { ...job, status: "pending" });
      return;
    }
    const state = (this.jobs.length > 1 ? this.jobs.shift() : this.jobs[0]) as { status?: string };
    if (state.status === undefined) answer(404, { statusCode: 404, error: "Not Found", message: "no such job" });
    else if (state.status !== "completed") answer(200, { ...job, ...state });
    else {
      const location = this.location(`${originOf(this.#cdn)}/job_1/t.json.gz?Signature=s${++this.#link}`);
      answer(200, { ...job, ...state, ...(location === undefined ? {} : { location }) });
    }
  }

  #usersOf({ pathname, searchParams }: URL): object | undefined {
    const id = /^\/api\/v2\/users\/(.+)$/.exec(pathname)?.[1];
    if (id !== undefined) return this.userAt(decodeURIComponent(id));
    const email = searchParams.get("email");
    // As the real one, it compares emails as they are kept.
    if (email !== null) return this.users.filter((user) => user.email === email);
    const [, sought] = /^identities\.user_id:"(.*)"$/.exec(searchParams.get("q") ?? "") ?? [];
    const wanted = sought?.replace(/\\(.)/g, "$1");
    const users = this.users.filter(({ identities }) =>
      (identities as { user_id: string }[]).some(({ user_id }) => user_id === wanted),
    );
    return searchParams.get("include_totals") === "true" ? { start: 0, limit: 10, total: users.length, users } : users;
  }

  #give(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.requests.push(`GET ${request.url}`);
    this.fileHeaders.push(request.headers);
    const {
      status = 200,
      body = Buffer.alloc(0),
      length = body.length,
      headers = {},
    } = (this.files.length > 1 ? this.files.shift() : this.files[0]) as FileAnswer;
    response.writeHead(status, { "content-length": length, ...headers });
    response.end(body, () => {
      if (length !== body.length) request.socket.destroy();
    });
  }
}

function originOf(server: http.Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
