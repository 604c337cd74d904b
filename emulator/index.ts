import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { createApp } from "./app";
import { parseAssumptions } from "./assumptions";
import { type Clock, systemClock } from "./clock";
import { DataFile, readDataFile, restore, signingKeyOf } from "./dataFile";
import type { FaultPlan } from "./faultPlan";
import { defaultSettings, type TenantSettings } from "./settings";
import { Tenant } from "./tenant";

export type { Assumptions } from "./assumptions";
export { type Clock, VirtualClock } from "./clock";
export type { CallFault, Fault, FaultPlan, FaultReport, FaultyCall, JobFault } from "./faultPlan";
export type { JobStatus } from "./importJob";
export type { TenantSettings } from "./settings";
export type { JobStats, Tenant, TenantStats } from "./tenant";

export interface EmulatorOptions extends Partial<TenantSettings> {
  /** @default 0, any free port */
  port?: number;
  /** A loopback address or `localhost`. @default "127.0.0.1" */
  host?: string;
  /** Where the tenant's data is kept between runs. @default nowhere */
  dataFile?: string;
  /** With an `advance` of its own it can be moved through `POST /emulator/clock`. @default the system's */
  clock?: Clock;
  /** What goes wrong when; see also `tenant.faults`. @default nothing */
  faults?: FaultPlan;
  /** Gets one line for each request, and for each strike of a fault. */
  log?: (line: string) => void;
}

export interface Emulator {
  /** Such as `http://127.0.0.1:4010`. */
  url: string;
  port: number;
  tenant: Tenant;
  /** Closes all connections, saves the data file and frees the port. */
  stop(): Promise<void>;
}

/**
 * Starts a local Auth0 tenant.
 *
 * @throws Error for a host that is not loopback, a port that is taken, a data file that can't be read, or a fault plan
 * or an assumption that is not valid.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { port = 0, host = "127.0.0.1", dataFile, clock = systemClock, faults = [], log, ...settings } = options;
  if (!isLoopback(host)) throw new Error(`The emulator serves loopback only, and ${host} is not a loopback address.`);

  parseAssumptions(settings.assume ?? {});
  const { tenant, data } = await openTenant({ ...defaultSettings, ...settings }, clock, dataFile);
  tenant.faults.replace(faults);
  if (log) {
    tenant.faults.onStrike = ({ number, fault, matched }) =>
      log(`fault ${number} (${fault.kind}) strikes ${fault.on} ${matched}`);
  }
  const app = createApp(tenant, { onAnswer: () => data?.touch(), ...(log && { log }) });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await listen(server, port, host);

  const address = server.address() as AddressInfo;
  const urlHost = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `http://${urlHost}:${address.port}`,
    port: address.port,
    tenant,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      tenant.exports.clear();
      await data?.close();
    },
  };
}

async function openTenant(settings: TenantSettings, clock: Clock, path: string | undefined) {
  if (path === undefined) return { tenant: new Tenant(settings, clock), data: undefined };

  const onError = (error: unknown) => console.error(`Could not save ${path}: ${(error as Error).message}`);
  try {
    const stored = await readDataFile(path);
    const tenant = new Tenant(settings, clock, stored && signingKeyOf(stored));
    if (stored) restore(tenant, stored);
    return { tenant, data: new DataFile(path, tenant, stored && tenant.revision, onError) };
  } catch (error) {
    throw new Error(`Could not read ${path}: ${(error as Error).message}`);
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new Error(`Port ${port} is in use.`) : error),
    );
    server.listen(port, host, resolve);
  });
}
