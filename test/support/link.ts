import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import path from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { FIXTURES } from "./stateFixture";

/** Of `localhost`; signed by itself, valid until 2120. For `NODE_EXTRA_CA_CERTS`. */
export const LOCALHOST = path.join(FIXTURES, "tls/localhost-cert.pem");

/** How the network fails: it says so, or packets get lost and nobody knows. */
export type Cut = "reset" | "silent";

/** The way to a server, which can be cut. */
export class Link {
  readonly #ends = new Set<readonly [Socket, Socket]>();
  #cut: Cut | undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
    private readonly tls: boolean,
  ) {
    server.on(tls ? "secureConnection" : "connection", (socket: Socket) => this.#join(socket));
  }

  /** @param how `tls`: it speaks TLS, as `localhost`. */
  static async to(url: string, how: { readonly tls?: boolean } = {}): Promise<Link> {
    const { tls = false } = how;
    const own = () => ({
      key: readFileSync(path.join(FIXTURES, "tls/localhost-key.pem")),
      cert: readFileSync(LOCALHOST),
    });
    const link = new Link(tls ? createTlsServer(own()) : createServer(), new URL(url), tls);
    await once(link.server.listen(0, "127.0.0.1"), "listening");
    return link;
  }

  /** The server's, by way of this. */
  get url(): string {
    const url = new URL(this.target);
    url.host = `${this.tls ? "localhost" : "127.0.0.1"}:${(this.server.address() as AddressInfo).port}`;
    return this.tls ? url.href.replace(":", "s:") : url.href;
  }

  cut(how: Cut): void {
    this.#cut = how;
    for (const pair of this.#ends) for (const socket of pair) how === "silent" ? socket.pause() : socket.destroy();
  }

  restore(): void {
    this.#cut = undefined;
    for (const pair of this.#ends) for (const socket of pair) socket.resume();
  }

  async stop(): Promise<void> {
    this.cut("reset");
    this.server.close();
    await once(this.server, "close");
  }

  #join(socket: Socket): void {
    if (this.#cut === "reset") {
      socket.on("error", () => {}).destroy();
      return;
    }
    const other = connect(Number(this.target.port), this.target.hostname);
    const pair = [socket, other] as const;
    this.#ends.add(pair);
    for (const [from, to] of [pair, [other, socket]] as const) {
      from
        .on("data", (data) => to.write(data))
        .on("error", () => to.destroy())
        .on("close", () => {
          to.destroy();
          this.#ends.delete(pair);
        });
      if (this.#cut === "silent") from.pause();
    }
  }
}
