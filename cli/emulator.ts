import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { defaultSettings } from "../emulator/settings";

interface Flags {
  port: number;
  host: string;
  data?: string;
  domain: string;
  clientId: string;
  clientSecret: string;
  clientPublicKey?: string;
  scopes: string[];
  tokenLifetime: number;
  maxActiveJobs: number;
  usersPerSecond: number;
  requestsPerSecond: number;
  burst: number;
  verbose?: true;
}

/** `emulator`: runs until SIGINT or SIGTERM. Prints one line when it listens, and no other on stdout. */
export function emulatorCommand(): Command {
  const defaults = defaultSettings;
  return new Command("emulator")
    .description("Run a local Auth0 tenant: the part of the Management API that user imports need.")
    .option("--port <port>", "port to listen on, 0 for any free one", integer(0, 65_535), 4010)
    .option("--host <host>", "loopback address to listen on", "127.0.0.1")
    .option("--data <file>", "keep the tenant's data in this file between runs")
    .option("--domain <domain>", "the tenant's domain, for the audience https://DOMAIN/api/v2/", defaults.domain)
    .option("--client-id <id>", "client that may sign in", defaults.clientId)
    .option("--client-secret <secret>", "its secret", defaults.clientSecret)
    .option("--client-public-key <file>", "its public key (PEM), to sign in with a client assertion")
    .addOption(
      new Option("--scopes <scopes>", "scopes of its tokens, divided by spaces or commas")
        .argParser(words)
        .default(defaults.scopes, defaults.scopes.join(" ")),
    )
    .option("--token-lifetime <seconds>", "how long a token is valid", integer(1), defaults.tokenLifetimeSeconds)
    .option("--max-active-jobs <count>", "import jobs that may be active at once", integer(1), defaults.maxActiveJobs)
    .option(
      "--users-per-second <count>",
      "users that each job imports in a second, 0 for no time at all",
      integer(0),
      defaults.usersPerSecond,
    )
    .option(
      "--requests-per-second <count>",
      "rate limit of the Management API, 0 for none",
      integer(0),
      defaults.requestsPerSecond,
    )
    .option("--burst <count>", "requests that the rate limit takes at once", integer(1), defaults.burst)
    .option("--verbose", "a line on stderr for each request")
    .action(run);
}

async function run({ port, host, data, tokenLifetime, clientPublicKey, verbose, ...settings }: Flags): Promise<void> {
  // Loaded here, so that the other commands don't pay for a web server.
  const { startEmulator } = await import("../emulator/index.js");
  const emulator = await startEmulator({
    ...settings,
    port,
    host,
    tokenLifetimeSeconds: tokenLifetime,
    ...(clientPublicKey !== undefined && { clientPublicKey: await readPublicKey(clientPublicKey) }),
    ...(data !== undefined && { dataFile: data }),
    ...(verbose && { log: (line: string) => console.error(line) }),
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      emulator.stop().then(
        () => process.exit(0),
        (error: Error) => {
          console.error(error.message);
          process.exit(1);
        },
      );
    });
  }
  console.log(`Auth0 emulator listening on ${emulator.url}`);
}

async function readPublicKey(path: string): Promise<string> {
  const pem = await readFile(path, "utf8");
  try {
    createPublicKey(pem);
  } catch {
    throw new Error(`${path} does not hold a public key in PEM.`);
  }
  return pem;
}

function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(
        `Expected a whole number from ${min}${max < Number.MAX_SAFE_INTEGER ? ` to ${max}` : ""}.`,
      );
    }
    return value;
  };
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}
