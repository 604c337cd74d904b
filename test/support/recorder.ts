import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An import job that was sent through the recorder. */
export interface SentJob {
  readonly upsert: boolean;
  /** The users as they were sent. */
  readonly users: readonly Record<string, unknown>[];
  /** Absent where its sender was never told. */
  readonly id?: string;
}

/** What the sender hears of a job: all; that it was taken, and no more; or nothing, though it was taken. */
export type Hears = "all" | "taken" | "nothing";

const IMPORTS = "/api/v2/jobs/users-imports";

/** Stands between a program and an emulator, keeps the jobs that are sent, and keeps back what is not to be heard. */
export class Recorder {
  readonly jobs: SentJob[] = [];
  /** Of the jobs to come, in their order; of those behind them all is heard. */
  hears: Hears[] = [];
  readonly #silent = new Set<string>();

  private constructor(
    private readonly server: Server,
    private readonly tenant: string,
  ) {}

  static async start(tenant: string): Promise<Recorder> {
    const server = createServer((request, response) => {
      recorder.#pass(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    const recorder = new Recorder(server, tenant);
    await once(server.listen(0, "127.0.0.1"), "listening");
    return recorder;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const headers = Object.fromEntries(
      ["authorization", "content-type"].flatMap((name) =>
        request.headers[name] ? [[name, request.headers[name]]] : [],
      ),
    ) as Record<string, string>;
    if ([...this.#silent].some((id) => url.includes(id))) return;
    const answer = await fetch(this.tenant + url, { method, headers, ...(body.length > 0 && { body }) });
    const text = await answer.text();
    if (method === "POST" && url === IMPORTS && answer.status === 202) {
      const { id } = JSON.parse(text) as { id: string };
      if ((await this.#keep(body, headers, id)) === "nothing") return;
    }
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "text/plain" }).end(text);
  }

  async #keep(body: Buffer, headers: Record<string, string>, id: string): Promise<Hears> {
    const form = await new Response(Uint8Array.from(body), { headers }).formData();
    const users = JSON.parse(await (form.get("users") as File).text()) as Record<string, unknown>[];
    const hears = this.hears.shift() ?? "all";
    if (hears === "taken") this.#silent.add(id);
    this.jobs.push({ upsert: form.get("upsert") === "true", users, ...(hears !== "nothing" && { id }) });
    return hears;
  }
}
