import { z } from "zod";

/**
 * What goes wrong at which call or job. An array of faults, as JSON in a file or in a request, or as it is.
 *
 * Each fault counts the calls or jobs that it is about, and strikes those that {@link Strikes.nth} names. Faults do not
 * exclude each other: where several strike one call, the first in the plan is the outermost, so a `delay` before a
 * `reset` is a late reset. Where several end one job, the one that comes first in the job's course does.
 *
 * @example
 * ```json
 * [
 *   { "on": "submit", "nth": 3, "kind": "resetAfter" },
 *   { "on": "status", "nth": { "from": 10, "every": 5 }, "times": 4, "kind": "status", "code": 502, "body": "html" },
 *   { "on": "any", "nth": [20, 40], "kind": "rateLimit", "resetInSeconds": 2 },
 *   { "on": "job", "nth": 2, "kind": "fail", "afterPercent": 50 },
 *   { "on": "job", "kind": "poison", "email": "^jane@example\\.com$" }
 * ]
 * ```
 */
export type FaultPlan = Fault[];

export type Fault = CallFault | JobFault | ExportFault;

/**
 * `submit`: POST users-imports. `export`: POST users-exports. `status` and `errors`: of a job of either kind.
 * `download`: GET of an export's file. `token`: sign-in. `user`, `connection`, `role`, `organization`: every call about
 * users, connections, roles and who has them, organizations and their members. `any`: every call but those under `/emulator`, which no fault strikes.
 */
export type FaultyCall =
  | "submit"
  | "export"
  | "status"
  | "errors"
  | "download"
  | "token"
  | "user"
  | "connection"
  | "role"
  | "organization"
  | "any";

/** Which of the calls or jobs that a fault is about it strikes. */
export interface Strikes {
  /**
   * Counted from 1; in the range, every `every`th from `from` (1) to `to` (no end).
   * @default 1; all of them for a fault with `times` or `email`
   */
  nth?: number | number[] | { from?: number; to?: number; every?: number };
  /** How often at most. @default no limit but `nth`'s */
  times?: number;
}

/** Goes wrong between the client and the API. `ms` are real ones; seconds are by the tenant's clock. */
export type CallFault = Strikes & (({ on: FaultyCall } & CallTrouble) | ({ on: "download" } & DownloadTrouble));

export type CallTrouble =
  /** The socket is reset and nothing was done. */
  | { kind: "reset" }
  /** The request is processed, then the socket is reset: the answer is lost. */
  | { kind: "resetAfter" }
  /** Never an answer. The socket is reset after `ms`. @default processed false, until the client gives up */
  | { kind: "hang"; processed?: boolean; ms?: number }
  /**
   * The request is processed late, even if the client has given up by then; or at once, and only the answer is late.
   * @default processed false
   */
  | { kind: "delay"; ms: number; processed?: boolean }
  /** An error from 400 to 599, as of a proxy. @default processed false, body "json" */
  | { kind: "status"; code: number; processed?: boolean; body?: "json" | "html" | "empty" }
  /**
   * Processed; the JSON stops in its middle. `content-length` says so, or promises the `"whole"` and the socket is
   * closed instead. An answer without a body stays as it is. @default contentLength "cut"
   */
  | { kind: "truncatedJson"; contentLength?: "cut" | "whole" }
  /** Processed; the answer says that it is JSON and can't be parsed. An answer without a body stays as it is. */
  | { kind: "malformedJson" }
  /**
   * 429 of the rate limiter with `x-ratelimit-reset` or `retry-after` or both, or neither. With either, every call that
   * comes before that time is struck as well: a client that obeys is struck once.
   */
  | { kind: "rateLimit"; resetInSeconds?: number; retryAfterSeconds?: number }
  /** 401 as for an expired token; at sign-in as for a wrong secret. */
  | { kind: "unauthorized" }
  /**
   * Before the request is processed, somebody else's jobs take `count` of the free slots for `seconds`.
   * @default count all that are free
   */
  | { kind: "foreignJobs"; count?: number; seconds: number };

export type DownloadTrouble =
  /** As if the link's 60 seconds were over. */
  | { kind: "linkExpired" }
  /**
   * The file stops after a part of its bytes. `content-length` says so, or promises the `"whole"` and the socket is
   * closed instead. @default percent 50, contentLength "cut"
   */
  | { kind: "cutFile"; percent?: number; contentLength?: "cut" | "whole" }
  /** After a part of its bytes the file stops for `ms`, or until the client gives up. @default percent 50 */
  | { kind: "stuckFile"; percent?: number; ms?: number };

/** Goes wrong with an export job that was made. */
export type ExportFault = Strikes & { on: "exportJob" } & (
    | { kind: "fail"; details?: string | null }
    /** 404 when it is finished. */
    | { kind: "vanish" }
    /** Is never finished. */
    | { kind: "stall" }
    /** Takes so much longer. */
    | { kind: "slow"; seconds: number }
    /** Shows the users as they were then, as far as that was after this plan was set. */
    | { kind: "stale"; seconds: number }
    /** The file is whole, and the line in its middle stops half-way. */
    | { kind: "brokenLine" }
  );

/** Goes wrong with an import job that was made. The fault counts the jobs that fit all of its patterns. */
export type JobFault = Strikes & JobPatterns & { on: "job" } & (JobEnd | UnlistedErrors | UserError);

/** Regular expressions, matched without regard to case. */
export interface JobPatterns {
  /** Jobs with such an external id. */
  external_id?: string;
  /** Jobs with such a user. */
  email?: string;
}

/** Ends or stops a job. What it has imported by then stays. `afterPercent` is of its users. @default afterPercent 0 */
export type JobEnd =
  /** Fails as a whole. Without details (`null`) its errors answer 204. @default details some */
  | { kind: "fail"; afterPercent?: number; details?: string | null }
  | { kind: "expire"; afterPercent?: number }
  /** 404 from then on. */
  | { kind: "vanish"; afterPercent?: number }
  /** Gets no further, until it fails at the tenant's limit of 2 hours. */
  | { kind: "stall"; afterPercent?: number }
  /** Every job with such a user fails as a whole, at its start or when it comes to the user. @default at "start" */
  | { kind: "poison"; email: string; at?: "start" | "user"; details?: string | null };

/** The errors hold only the first failed records, though the summary counts all. @default listed 0 */
export interface UnlistedErrors {
  kind: "unlistedErrors";
  listed?: number;
}

/**
 * Each such user is a failed record with this error, which lacks what is left out here. With `applied` the user is
 * imported all the same but for its `mfa_factors`, as the service does at MFA_FACTORS_FAILED. @default applied false
 */
export interface UserError {
  kind: "error";
  email: string;
  code?: string;
  message?: string;
  path?: string;
  applied?: boolean;
}

/** A fault of the plan, and what came of it. */
export interface FaultReport {
  fault: Fault;
  /** Calls or jobs that it is about. */
  matched: number;
  /** How many of them it struck. */
  struck: number;
}

const ordinal = z.int().min(1);
const strikes = {
  nth: z
    .union(
      [
        ordinal,
        z.array(ordinal).min(1),
        z
          .strictObject({
            from: ordinal.exactOptional(),
            to: ordinal.exactOptional(),
            every: ordinal.exactOptional(),
          })
          .refine(({ from = 1, to = from }) => from <= to, "Expected from <= to"),
      ],
      { error: "Expected a number from 1, an array of them, or {from, to, every}" },
    )
    .exactOptional(),
  times: ordinal.exactOptional(),
};

const calls = [
  ...["submit", "status", "errors", "export", "download"],
  ...["token", "user", "connection", "role", "organization", "any"],
] as FaultyCall[];
const onCall = { on: z.enum(calls), ...strikes };
const processed = z.boolean().exactOptional();
// The longest that a timer takes.
const milliseconds = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const seconds = z.number().min(0);

const pattern = z.string().min(1).refine(isRegExp, "Not a regular expression");
const onJob = {
  on: z.literal("job"),
  ...strikes,
  external_id: pattern.exactOptional(),
  email: pattern.exactOptional(),
};
const onDownload = { on: z.literal("download"), ...strikes };
const onExportJob = { on: z.literal("exportJob"), ...strikes };
const afterPercent = z.number().min(0).max(100).exactOptional();
const details = z.string().min(1).nullable().exactOptional();

const planSchema = z.array(
  z.discriminatedUnion("kind", [
    z.strictObject({ ...onCall, kind: z.literal("reset") }),
    z.strictObject({ ...onCall, kind: z.literal("resetAfter") }),
    z.strictObject({ ...onCall, kind: z.literal("hang"), processed, ms: milliseconds.exactOptional() }),
    z.strictObject({ ...onCall, kind: z.literal("delay"), processed, ms: milliseconds }),
    z.strictObject({
      ...onCall,
      kind: z.literal("status"),
      code: z.int().min(400).max(599),
      processed,
      body: z.enum(["json", "html", "empty"]).exactOptional(),
    }),
    z.strictObject({
      ...onCall,
      kind: z.literal("truncatedJson"),
      contentLength: z.enum(["cut", "whole"]).exactOptional(),
    }),
    z.strictObject({ ...onCall, kind: z.literal("malformedJson") }),
    z.strictObject({
      ...onCall,
      kind: z.literal("rateLimit"),
      resetInSeconds: seconds.exactOptional(),
      retryAfterSeconds: z.int().min(0).exactOptional(),
    }),
    z.strictObject({ ...onCall, kind: z.literal("unauthorized") }),
    z.strictObject({ ...onCall, kind: z.literal("foreignJobs"), count: ordinal.exactOptional(), seconds }),
    z.strictObject({ ...onDownload, kind: z.literal("linkExpired") }),
    z.strictObject({
      ...onDownload,
      kind: z.literal("cutFile"),
      percent: z.number().min(0).max(100).exactOptional(),
      contentLength: z.enum(["cut", "whole"]).exactOptional(),
    }),
    z.strictObject({
      ...onDownload,
      kind: z.literal("stuckFile"),
      percent: z.number().min(0).max(100).exactOptional(),
      ms: milliseconds.exactOptional(),
    }),
    z.discriminatedUnion("on", [
      z.strictObject({ ...onJob, kind: z.literal("fail"), afterPercent, details }),
      z.strictObject({ ...onExportJob, kind: z.literal("fail"), details }),
    ]),
    z.strictObject({ ...onJob, kind: z.literal("expire"), afterPercent }),
    z.discriminatedUnion("on", [
      z.strictObject({ ...onJob, kind: z.literal("vanish"), afterPercent }),
      z.strictObject({ ...onExportJob, kind: z.literal("vanish") }),
    ]),
    z.discriminatedUnion("on", [
      z.strictObject({ ...onJob, kind: z.literal("stall"), afterPercent }),
      z.strictObject({ ...onExportJob, kind: z.literal("stall") }),
    ]),
    z.strictObject({ ...onExportJob, kind: z.literal("slow"), seconds }),
    z.strictObject({ ...onExportJob, kind: z.literal("stale"), seconds }),
    z.strictObject({ ...onExportJob, kind: z.literal("brokenLine") }),
    z.strictObject({
      ...onJob,
      kind: z.literal("poison"),
      email: pattern,
      at: z.enum(["start", "user"]).exactOptional(),
      details,
    }),
    z.strictObject({ ...onJob, kind: z.literal("unlistedErrors"), listed: z.int().min(0).exactOptional() }),
    z.strictObject({
      ...onJob,
      kind: z.literal("error"),
      email: pattern,
      code: z.string().exactOptional(),
      message: z.string().exactOptional(),
      path: z.string().exactOptional(),
      applied: z.boolean().exactOptional(),
    }),
  ]),
) satisfies z.ZodType<FaultPlan>;

/** @throws Error that names the fault, counted from 1, and what is wrong with it. */
export function parseFaultPlan(plan: unknown): FaultPlan {
  const { data, error } = planSchema.safeParse(plan);
  if (data) return data;
  const { path = [], message = "" } = error.issues[0] ?? {};
  const [index, ...at] = path;
  const place = typeof index === "number" ? `fault ${index + 1}` : "the plan";
  throw new Error(`Invalid fault plan: ${[place, ...(at.length > 0 ? [at.join(".")] : []), message].join(": ")}`);
}

/** A pattern of a plan. */
export function toRegExp(source: string): RegExp {
  return new RegExp(source, "i");
}

function isRegExp(source: string): boolean {
  try {
    toRegExp(source);
    return true;
  } catch {
    return false;
  }
}
