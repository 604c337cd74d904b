import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import path from "node:path";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { FIXTURES } from "./stateFixture";

/** The tenant's name behind the proxy. There is no such host. */
export const TENANT = "tenant.example";

/** Of that name; signed by itself, valid until 2120. For `NODE_EXTRA_CA_CERTS`. */
export const CERTIFICATE = path.join(FIXTURES, "tls/cert.pem");

/** A proxy that leads to an emulated tenant, whatever host it is asked for, and speaks https there. */
export class TestProxy {
  /** Which hosts it was asked for, by CONNECT, and with which credentials. */
  readonly asked: { readonly host: string; readonly authorization: string | undefined }[] = [];
  /** Answers all that is asked with this status. */
  refusal: number | undefined;

  private constructor(
    private readonly proxy: Server,
    private readonly tenant: TlsServer,
  ) {}

  static async start(emulatorPort: number): Promise<TestProxy> {
    const tls = { key: readFileSync(path.join(FIXTURES, "tls/key.pem")), cert: readFileSync(CERTIFICATE) };
    const tenant = createTlsServer(tls, (socket) => join(socket, connect(emulatorPort, "127.0.0.1")));
    const proxy = createServer((_request, response) => response.writeHead(405).end());
    const started = new TestProxy(proxy, tenant);
    proxy.on("connect", (request: IncomingMessage, socket: Socket) => started.#tunnel(request, socket));
    for (const server of [proxy, tenant]) await once(server.listen(0, "127.0.0.1"), "listening");
    return started;
  }

  /** `127.0.0.1:PORT` */
  get address(): string {
    return `127.0.0.1:${portOf(this.proxy)}`;
  }

  stop(): void {
    this.proxy.close();
    this.proxy.closeAllConnections();
    this.tenant.close();
  }

  #tunnel({ url = "", headers }: IncomingMessage, socket: Socket): void {
    this.asked.push({ host: url, authorization: headers["proxy-authorization"] });
    if (this.refusal !== undefined) {
      socket.end(`HTTP/1.1 ${this.refusal} No\r\n\r\n`);
      return;
    }
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    join(socket, connect(portOf(this.tenant), "127.0.0.1"));
  }
}

function portOf(server: Server | TlsServer): number {
  return (server.address() as AddressInfo).port;
}

/** What one says goes to the other, and both end together. */
function join(one: Socket, other: Socket): void {
  one.pipe(other).pipe(one);
  for (const [socket, peer] of [
    [one, other],
    [other, one],
  ] as const) {
    socket.on("error", () => peer.destroy()).on("close", () => peer.destroy());
  }
}
