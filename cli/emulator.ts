import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { type Assumptions, assumptionTable, parseAssumptions } from "../emulator/assumptions";
import type { FaultPlan } from "../emulator/faultPlan";
import { type Plan, ratePlans } from "../emulator/ratePlans";
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
  exportUsersPerSecond: number;
  plan?: Plan;
  requestsPerSecond: number;
  burst: number;
  signInsPerMinute: number;
  maxFailedSignIns: number;
  scryptMemory: number;
  assume: Partial<Assumptions>;
  faults?: string;
  virtualClock?: true;
  verbose?: true;
}

/** `emulator`: runs until SIGINT or SIGTERM. Prints one line when it listens, and no other on stdout. */
export function emulatorCommand(): Command {
  const defaults = defaultSettings;
  return new Command("emulator")
    .description(
      "Run a local Auth0 tenant: the part of the Management API that user imports need, and sign-in by password.",
    )
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
      "--export-users-per-second <count>",
      "users that each export job reads in a second, 0 for no time at all",
      integer(0),
      defaults.exportUsersPerSecond,
    )
    .addOption(
      new Option(
        "--plan <plan>",
        "rate limits of the Management API as Auth0 has them on this plan, by groups of calls",
      )
        .choices(Object.keys(ratePlans))
        .conflicts(["requestsPerSecond", "burst"]),
    )
    .option(
      "--requests-per-second <count>",
      "rate limit of the Management API, 0 for none",
      integer(0),
      defaults.requestsPerSecond,
    )
    .option("--burst <count>", "requests that the rate limit takes at once", integer(1), defaults.burst)
    .option(
      "--sign-ins-per-minute <count>",
      "sign-ins of one user in a minute, half as many in each that follows, 0 for no limit",
      integer(0),
      defaults.signInsPerMinute,
    )
    .option(
      "--max-failed-sign-ins <count>",
      "wrong passwords before a user is locked out, 0 for any number",
      integer(0),
      defaults.maxFailedSignIns,
    )
    .option(
      "--scrypt-memory <MiB>",
      "memory that an scrypt hash may take to be verified, 0 for any; 32 is Node's own limit",
      integer(0),
      defaults.scryptMemory,
    )
    .addOption(
      new Option("--assume <name=value>", "what Auth0 leaves open, see below; more than once for several")
        .argParser(assumption)
        .default({}, "as listed first"),
    )
    .option("--faults <file>", "what goes wrong when: a fault plan (JSON), see below")
    .option("--virtual-clock", "let POST /emulator/clock move the tenant's time on; it starts at the real one")
    .option("--verbose", "a line on stderr for each request, and for each fault that strikes")
    .addHelpText("after", () => `${faultHelp}\n\n${assumptionHelp()}`)
    .action(run);
}

const faultHelp = `
Fault plan, for --faults and POST /emulator/faults: an array of faults
  { "on": WHICH, "nth": N, "times": T, "kind": KIND, ...options }
  nth    which of the matching calls or jobs, from 1: 3, [3, 5] or {"from": 3, "to": 9, "every": 2}
         (default: the first; all for a fault with "times" or "email")
  times  how often at most

on "submit", "export", "status", "errors", "download", "token", "user", "connection", "role",
   "organization" or "any" call:
  reset                                     the socket is reset, nothing was done
  resetAfter                                processed, but the answer is lost
  hang           processed, ms              no answer until the client gives up, or for ms
  delay          ms, processed              processed late, or (true) only answered late
  status         code, processed, body      400 to 599 as "json", "html" or "empty"
  truncatedJson  contentLength              "cut" like the JSON, or of the "whole"
  malformedJson                             processed, but the answer can't be parsed
  rateLimit      resetInSeconds, retryAfterSeconds
                                            429, and for all that come too early
  unauthorized                              401 of an expired token
  foreignJobs    seconds, count             before it, other people's jobs take slots
on "download", of an export's file:
  linkExpired                               403, as if its 60 seconds were over
  cutFile        percent, contentLength     stops there (default 50); "cut" or "whole" is told
on "exportJob":
  fail, vanish, stall                       fail: details
  slow           seconds                    takes so much longer
  stale          seconds                    shows what was there before, as far as it was after this plan was set
on "job", of those that fit "external_id" and "email" (regular expressions):
  fail, expire, vanish, stall  afterPercent (of its users; default 0); fail: details
  poison         email, at, details         fails as a whole, at the "start" or at the "user"
  unlistedErrors listed                     its errors list only the first few (default 0)
  error          email, code, message, path each such user fails with this;
                 applied                    (true) but is imported all the same

  [{ "on": "submit", "nth": 3, "kind": "resetAfter" },
   { "on": "job", "nth": 2, "kind": "fail", "afterPercent": 50 },
   { "on": "job", "kind": "poison", "email": "^jane@" }]

Control: GET, POST, DELETE /emulator/faults              the plan and how often each fault has struck
         POST /emulator/foreign-jobs {count, seconds}    take slots; DELETE gives them back
         GET, PATCH /emulator/assumptions                what Auth0 leaves open, see below
         GET /emulator/clock, POST {advanceSeconds}      with --virtual-clock
         GET /emulator/stats, ?users=1                   jobs and calls; how often each user was sent
         POST /emulator/users {connection, user_id, …}   a first sign-in, such as of a social user
         POST /emulator/users/{id}/sign-in               a sign-in without a password
         POST /emulator/reset                            forget users, jobs and counts`;

function assumptionHelp(): string {
  const lines = Object.entries(assumptionTable).map(([name, { values, initial, about }]) => {
    const [first = initial, ...others] = values ?? [];
    return `  ${[`${name}=${first}`, ...others].join("|").padEnd(38)} ${about}`;
  });
  return ["What Auth0's documents leave open, or say in two ways; the default first:", ...lines].join("\n");
}

async function run(flags: Flags): Promise<void> {
  const { port, host, data, tokenLifetime, clientPublicKey, faults, virtualClock, verbose, ...settings } = flags;
  // Loaded here, so that the other commands don't pay for a web server.
  const { startEmulator, VirtualClock } = await import("../emulator/index.js");
  const emulator = await startEmulator({
    ...settings,
    port,
    host,
    tokenLifetimeSeconds: tokenLifetime,
    ...(clientPublicKey !== undefined && { clientPublicKey: await readPublicKey(clientPublicKey) }),
    ...(data !== undefined && { dataFile: data }),
    ...(faults !== undefined && { faults: await readFaults(faults) }),
    ...(virtualClock && { clock: new VirtualClock() }),
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

async function readFaults(path: string): Promise<FaultPlan> {
  const text = await readFile(path, "utf8");
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch {
    throw new Error(`${path} is not valid JSON.`);
  }
  // The emulator checks it.
  return plan as FaultPlan;
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

function assumption(text: string, others: Partial<Assumptions>): Partial<Assumptions> {
  const [name = "", ...rest] = text.split("=");
  const value = rest.join("=");
  try {
    const isText = typeof assumptionTable[name as keyof Assumptions]?.initial === "string";
    return { ...others, ...parseAssumptions({ [name]: isText ? value : JSON.parse(value) }) };
  } catch (error) {
    throw new InvalidArgumentError(
      error instanceof SyntaxError ? "Expected NAME=VALUE." : `${(error as Error).message}.`,
    );
  }
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}
