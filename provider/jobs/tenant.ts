import { ManagementClient } from "auth0";
import pLimit, { type LimitFunction } from "p-limit";
import { z } from "zod";
import type { JobKind } from "../plan/delta";
import type { Credentials, TenantLimits } from "./credentials";
import { explain, TenantError } from "./errors";

/** What an import job is about, apart from its users. */
export interface JobRequest {
  readonly connectionId: string;
  readonly kind: JobKind;
  readonly externalId: string;
  readonly sendCompletionEmail: boolean;
}

/** A job as the service tells it. Unknown attributes are ignored: the service may add some. */
const JobStatus = z.object({
  id: z.string(),
  status: z.enum(["pending", "processing", "completed", "failed", "expired"]),
  percentage_done: z.number().optional(),
  time_left_seconds: z.number().optional(),
  status_details: z.string().optional(),
  summary: z.object({ failed: z.number(), updated: z.number(), inserted: z.number(), total: z.number() }).optional(),
});
export type JobStatus = z.infer<typeof JobStatus>;

/** One user that a job refused, as the service tells it: the user as sent (secrets masked), and why. */
const JobError = z.object({
  user: z.record(z.string(), z.unknown()),
  errors: z.array(
    z.object({
      code: z.string().optional(),
      message: z.string().optional(),
      path: z.string().optional(),
    }),
  ),
});
export type JobError = z.infer<typeof JobError>;

/** The longest that one call may take, its answer read to the end. A submission carries half a megabyte. */
const CALL_TIMEOUT_MS = 60_000;

/** The tenant, as far as imports need it. One for each origin and process, so that its limits hold across resources. */
export class Tenant {
  /** Runs a job within the tenant's limit of jobs at a time. */
  readonly slot: LimitFunction;
  readonly #client: ManagementClient;

  constructor(
    readonly credentials: Credentials,
    readonly limits: TenantLimits,
  ) {
    const { origin, auth, audience } = credentials;
    const options = {
      domain: new URL(origin).host,
      fetch: fetchFrom(origin),
      maxRetries: 0,
      ...(audience === undefined ? {} : { audience }),
    };
    this.#client = new ManagementClient(
      "apiToken" in auth
        ? { ...options, token: auth.apiToken }
        : "clientSecret" in auth
          ? { ...options, clientId: auth.clientId, clientSecret: auth.clientSecret }
          : {
              ...options,
              clientId: auth.clientId,
              clientAssertionSigningKey: auth.clientAssertionPrivateKey,
              ...(auth.clientAssertionSigningAlg === undefined
                ? {}
                : { clientAssertionSigningAlg: auth.clientAssertionSigningAlg }),
            },
    );
    this.slot = pLimit(limits.maxActiveJobs);
  }

  /**
   * Submits one import job. Never tried again here: whether a submission without an answer made a job is a question
   * that only its caller can settle.
   */
  async submit(request: JobRequest, payload: Buffer): Promise<JobStatus> {
    return this.#call("submitting an import job", JobStatus, () =>
      this.#client.jobs.usersImports.create({
        users: { data: payload, filename: USERS_FILE, contentType: "application/json" },
        connection_id: request.connectionId,
        upsert: request.kind === "upsert",
        external_id: request.externalId,
        send_completion_email: request.sendCompletionEmail,
      }),
    );
  }

  async job(id: string): Promise<JobStatus> {
    return this.#call("reading an import job", JobStatus, () => this.#client.jobs.get(id), RETRIES);
  }

  /** The users that a finished job refused. Empty where it refused none, and where the job failed as a whole. */
  async jobErrors(id: string): Promise<JobError[]> {
    const answer = await this.#call(
      "reading the errors of an import job",
      z.union([z.array(JobError), z.object({ status: z.string() }), z.undefined(), z.literal("")]),
      () => this.#client.jobs.errors.get(id),
      RETRIES,
    );
    return Array.isArray(answer) ? answer : [];
  }

  async #call<T>(doing: string, shape: z.ZodType<T>, call: () => PromiseLike<unknown>, retries = 0): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = shape.safeParse(await call());
        if (answer.success) return answer.data;
        throw new TenantError(
          `${new URL(this.credentials.origin).host} gave an answer that is not Auth0's while ${doing}.`,
        );
      } catch (error) {
        const explained = explain(error, doing, this.credentials.origin);
        if (attempt >= retries || !isTransient(explained)) throw explained;
        await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt * (1 + Math.random())));
      }
    }
  }
}

/** Reading is safe to repeat. */
const RETRIES = 5;

function isTransient({ status }: TenantError): boolean {
  return status === undefined || status === 408 || status === 429 || status >= 500;
}

/** The name of the file part: users are nowhere named in what a proxy might log. */
const USERS_FILE = "users.json";

/**
 * `fetch` for the SDK, which knows https only and limits no more than the time to an answer's first byte: speaks plain
 * http to a loopback origin that says so, and reads the answer to its end within the time of the call.
 */
function fetchFrom(origin: string): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    url.protocol = new URL(origin).protocol;
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const signal = init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
    const response = await fetch(url, { ...init, signal });
    const body = await response.arrayBuffer();
    return new Response(NO_BODY.has(response.status) ? null : body, response);
  };
}

const NO_BODY = new Set([204, 205, 304]);

/**
 * The bytes of a submission's body that are not the array of users: the other parts and the boundaries, as `FormData`
 * writes them. Measured on the real encoder, not computed: its boundary has a length of its own.
 */
export async function requestOverhead(request: JobRequest): Promise<number> {
  const form = new FormData();
  form.append("users", new Blob([], { type: "application/json" }), USERS_FILE);
  form.append("connection_id", request.connectionId);
  form.append("upsert", String(request.kind === "upsert"));
  form.append("external_id", request.externalId);
  form.append("send_completion_email", String(request.sendCompletionEmail));
  return (await new Response(form).arrayBuffer()).byteLength;
}

const tenants = new Map<string, Tenant>();

/** The one `Tenant` of this process for these credentials. */
export function tenantOf(credentials: Credentials, limits: TenantLimits): Tenant {
  const key = JSON.stringify([credentials, limits]);
  let tenant = tenants.get(key);
  if (tenant === undefined) {
    tenant = new Tenant(credentials, limits);
    tenants.set(key, tenant);
  }
  return tenant;
}
