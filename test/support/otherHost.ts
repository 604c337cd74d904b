import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A call to {@link OtherHost}. */
export interface Call {
  readonly path: string;
  readonly form: URLSearchParams;
}

/** What it answers, in place of the emulator. */
export interface OwnAnswer {
  /** 0: none, the connection is reset. */
  readonly status: number;
  readonly body?: string | object;
  readonly headers?: Record<string, string>;
}

/** A host that is not the emulator: it passes all on to one, but denies that it is one. */
export class OtherHost {
  readonly calls: Call[] = [];
  /** Answers where it returns something. */
  answers: (call: Call) => OwnAnswer | undefined = () => undefined;

  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async before(emulator: string): Promise<OtherHost> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const host = new OtherHost(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
    server.on("request", async (request, response) => {
      const text = await textOf(request);
      const call = { path: request.url ?? "", form: new URLSearchParams(text) };
      if (call.path.startsWith("/emulator")) return response.writeHead(404).end();
      host.calls.push(call);
      const own = host.answers(call);
      if (own?.status === 0) return request.socket.resetAndDestroy();
      if (own) {
        const body = typeof own.body === "object" ? JSON.stringify(own.body) : own.body;
        return response.writeHead(own.status, own.headers).end(body);
      }
      const { method = "GET", headers } = request;
      const forwarded = await fetch(emulator + call.path, {
        method,
        headers: Object.entries(headers).flatMap(([name, value]) =>
          ["authorization", "content-type", "host"].includes(name) ? [[name, String(value)] as [string, string]] : [],
        ),
        ...(method === "POST" && { body: text }),
      });
      return response.writeHead(forwarded.status).end(await forwarded.text());
    });
    return host;
  }

  /** The sign-ins of users, without those of programs. */
  get signIns(): URLSearchParams[] {
    return this.calls.map(({ form }) => form).filter((form) => form.has("realm"));
  }

  stop(): Promise<unknown> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
