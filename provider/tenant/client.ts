import { ManagementClient } from "auth0";
import pRetry from "p-retry";
import { z } from "zod";
import { jobKindOf } from "../plan/delta";
import { Connection, JobError, JobStatus, TenantUser, WholeUser } from "./answers";
import type { Credentials, TenantLimits } from "./credentials";
import { explain, NotMade, TenantError } from "./errors";
import { CALL_TIMEOUT_MS, fetchFrom } from "./fetchFrom";
import { type JobRequest, USERS_FILE } from "./importRequest";
import { Organizations } from "./organizations";
import { type ProxyServer, proxyTo } from "./proxy";
import type { RateGate } from "./rateGate";
import { type Ask, Roles } from "./roles";
import { SharedTenant, sharedTenant } from "./shared";

export type { Connection, JobError, JobStatus, TenantUser, WholeUser };
export { CALL_TIMEOUT_MS };

/** What is read of an access token; Auth0's for the Management API are JWTs. */
const Claims = z.object({ scope: z.string() });

/** How often a call is tried again that failed for no fault of its own: with the waits between, some two minutes. Tests are quicker. */
export const RETRIES = Number(process.env.USER_IMPORT_TEST_RETRIES ?? 7);
export const BACKOFF = { minTimeout: 500, maxTimeout: 30_000, randomize: true };

/** A tenant that never answered is more likely misspelt than down. */
const RETRIES_AT_FIRST = 2;

/** Told of every call that is made again, and why. */
export type OnRetry = (reason: string) => void;

/** The tenant, as far as imports need it, for one who signs in to it. Its limits are shared by all who do. */
export class Tenant {
  /** See `SharedTenant`. */
  readonly pace: SharedTenant["pace"];
  readonly turn: SharedTenant["turn"];
  readonly roles: Roles;
  readonly organizations: Organizations;
  readonly #gate: RateGate;
  readonly #proxy: ProxyServer | undefined;
  #client: ManagementClient;
  #hasAnswered = false;
  /** The header that the last call was authorised by. */
  #authorization = "";

  constructor(
    readonly credentials: Credentials,
    readonly limits: TenantLimits,
    private readonly shared: SharedTenant = new SharedTenant(limits),
    /** See `fetchFrom`. */
    private readonly assertMayChange: () => void = () => {},
  ) {
    this.pace = shared.pace;
    this.turn = shared.turn;
    this.#gate = shared.gate;
    this.#proxy = proxyTo(credentials.origin);
    const ask: Ask = (doing, shape, call, onRetry) => this.#call(doing, shape, call, onRetry, isTransient);
    this.roles = new Roles(ask);
    this.organizations = new Organizations(ask);
    this.#client = this.#signIn();
  }

  slot<T>(job: () => Promise<T>): Promise<T> {
    return this.shared.slot(job);
  }

  room(): Promise<void> {
    return this.shared.room();
  }

  /** How many requests a second may be counted on. */
  get requestsPerSecond(): number {
    return this.#gate.rate;
  }

  /** The scopes that the token of the last call grants; `undefined` where it does not tell. */
  get scopes(): ReadonlySet<string> | undefined {
    const [, claims = ""] = this.#authorization.split(".");
    try {
      // Read, not verified: that is the tenant's part.
      return new Set(Claims.parse(JSON.parse(Buffer.from(claims, "base64url").toString())).scope.split(" "));
    } catch {
      return undefined;
    }
  }

  /**
   * Submits one import job, once. A lost answer is thrown as an error that `mayHaveBeenDone`: whether the tenant took
   * the job is a question that only the caller can settle. What can't have reached the tenant is tried again here.
   */
  async submit(request: JobRequest, payload: Buffer, onRetry: OnRetry): Promise<JobStatus> {
    return this.#call(
      "submitting an import job",
      JobStatus,
      (client) =>
        client.jobs.usersImports.create({
          users: { data: payload, filename: USERS_FILE, contentType: "application/json" },
          connection_id: request.connectionId,
          upsert: jobKindOf(request.kind) === "upsert",
          external_id: request.externalId,
          send_completion_email: request.sendCompletionEmail,
        }),
      onRetry,
      (error) => error.isTransient && !error.mayHaveBeenDone && !error.isJobLimit,
    );
  }

  /** @returns `undefined` where the tenant knows no such job: its data is deleted after 24 hours. */
  async job(id: string, onRetry: OnRetry): Promise<JobStatus | undefined> {
    return this.#orMissing(
      this.#call("reading a job", JobStatus, (client) => client.jobs.get(id), onRetry, isTransient),
    );
  }

  /** Starts an export job of these fields of a connection's users. Started twice by a lost answer, it does no harm. */
  async startExport(connectionId: string, fields: readonly string[], onRetry: OnRetry): Promise<JobStatus> {
    return this.#call(
      "starting an export job",
      JobStatus,
      (client) =>
        client.jobs.usersExports.create({
          connection_id: connectionId,
          format: "json",
          fields: fields.map((name) => ({ name })),
        }),
      onRetry,
      (error) => error.isTransient && !error.isJobLimit,
    );
  }

  /** The users that a finished job refused. `undefined` where the tenant knows no such job any more. */
  async jobErrors(id: string, onRetry: OnRetry): Promise<JobError[] | undefined> {
    const answer = await this.#orMissing(
      this.#call(
        "reading the errors of an import job",
        z.union([z.array(JobError), z.object({ status: z.string() }), z.undefined(), z.literal("")]),
        async (client) => (await client.jobs.errors.get(id)) ?? "",
        onRetry,
        isTransient,
      ),
    );
    return answer === undefined || Array.isArray(answer) ? answer : [];
  }

  /** A user by id, from the store: the search lags behind it. `undefined` where there is none. */
  async user(id: string, onRetry: OnRetry): Promise<TenantUser | undefined> {
    return this.#orMissing(
      this.#call(
        "reading a user",
        TenantUser,
        (client) => client.users.get(id, { fields: "user_id,email,identities,created_at" }),
        onRetry,
        isTransient,
      ),
    );
  }

  /** The users with this email, in any connection; from the store, which does not lag behind as the search does. */
  async usersByEmail(email: string, onRetry: OnRetry): Promise<TenantUser[]> {
    return this.#call(
      "reading a user by email",
      z.array(TenantUser),
      (client) =>
        client.users.listUsersByEmail({
          email,
          fields: "user_id,email,email_verified,identities,created_at",
          include_fields: true,
        }),
      onRetry,
      isTransient,
    );
  }

  /** A user with these attributes, from the store. `undefined` where there is none. */
  async wholeUser(id: string, fields: readonly string[], onRetry: OnRetry): Promise<WholeUser | undefined> {
    return this.#orMissing(
      this.#call(
        "reading a user",
        WholeUser,
        (client) => client.users.get(id, { fields: fields.join(), include_fields: true }),
        onRetry,
        isTransient,
      ),
    );
  }

  /** The users with this email, in any connection, with these attributes; from the store. */
  async wholeUsersByEmail(email: string, fields: readonly string[], onRetry: OnRetry): Promise<WholeUser[]> {
    return this.#call(
      "reading a user by email",
      z.array(WholeUser),
      // The service compares them as they are kept.
      (client) =>
        client.users.listUsersByEmail({ email: email.toLowerCase(), fields: fields.join(), include_fields: true }),
      onRetry,
      isTransient,
    );
  }

  /**
   * The users of whom any identity has this id, without the prefix: also those to whom it was linked. By the search, which
   * may lag behind the store by seconds.
   */
  async usersByIdentity(id: string, fields: readonly string[], onRetry: OnRetry): Promise<WholeUser[]> {
    const quoted = id.replace(/["\\]/g, "\\$&");
    return this.#call(
      "searching a user by an identity",
      z.array(WholeUser),
      async (client) => {
        const q = `identities.user_id:"${quoted}"`;
        const how = { q, search_engine: "v3", per_page: 10, fields: fields.join(), include_fields: true } as const;
        return (await client.users.list(how)).data;
      },
      onRetry,
      isTransient,
    );
  }

  /**
   * Changes a user: metadata is merged at the first level, where a key that is `null` goes. Twice it does no harm.
   *
   * @returns false where there is none with this id.
   */
  async changeUser(id: string, patch: Readonly<Record<string, unknown>>, onRetry: OnRetry): Promise<boolean> {
    const call = (client: ManagementClient) => client.users.update(id, patch);
    return (await this.#orMissing(this.#call("changing a user", WholeUser, call, onRetry, isTransient))) !== undefined;
  }

  /** @returns `undefined` where there is none. */
  async connection(id: string, onRetry: OnRetry): Promise<Connection | undefined> {
    return this.#orMissing(
      this.#call("reading the connection", Connection, (client) => client.connections.get(id), onRetry, isTransient),
    );
  }

  /** Whether users can sign in through the connection to any application. `undefined` where there is no such connection. */
  async isEnabled(connectionId: string, onRetry: OnRetry): Promise<boolean | undefined> {
    const clients = await this.#orMissing(
      this.#call(
        "reading the applications of the connection",
        z.array(z.unknown()),
        async (client) => (await client.connections.clients.get(connectionId, { take: 1 })).data,
        onRetry,
        isTransient,
      ),
    );
    return clients === undefined ? undefined : clients.length > 0;
  }

  async #orMissing<T>(call: Promise<T>): Promise<T | undefined> {
    return call.catch((error: unknown) => {
      if (error instanceof TenantError && error.status === 404) return undefined;
      throw error;
    });
  }

  #signIn(): ManagementClient {
    const { origin, auth, audience } = this.credentials;
    const options = {
      domain: new URL(origin).host,
      fetch: fetchFrom(
        origin,
        this.#proxy,
        this.shared,
        (authorization) => {
          this.#hasAnswered = true;
          if (authorization !== null) this.#authorization = authorization;
        },
        this.assertMayChange,
      ),
      // Ours know which calls may be made again, and tell of it.
      maxRetries: 0,
      ...(audience === undefined ? {} : { audience }),
    };
    if ("apiToken" in auth) return new ManagementClient({ ...options, token: auth.apiToken });
    const { clientId } = auth;
    if ("clientSecret" in auth) return new ManagementClient({ ...options, clientId, clientSecret: auth.clientSecret });
    return new ManagementClient({
      ...options,
      clientId,
      clientAssertionSigningKey: auth.clientAssertionPrivateKey,
      ...(auth.clientAssertionSigningAlg === undefined
        ? {}
        : { clientAssertionSigningAlg: auth.clientAssertionSigningAlg }),
    });
  }

  async #call<T>(
    doing: string,
    shape: z.ZodType<T>,
    call: (client: ManagementClient) => PromiseLike<unknown>,
    onRetry: OnRetry,
    mayRetry: (error: TenantError) => boolean,
  ): Promise<T> {
    const { origin, auth } = this.credentials;
    let signedInAgain = "apiToken" in auth;
    return pRetry(
      async () => {
        const client = this.#client;
        try {
          const answer = shape.safeParse(await call(client));
          if (answer.success) return answer.data;
          throw new TenantError(
            `${new URL(origin).host} gave an answer that is not Auth0's while ${doing}.`,
            undefined,
            "malformed answer",
            undefined,
            true,
          );
        } catch (error) {
          throw NotMade.in(error) ?? explain(error, doing, origin, this.#proxy, this.credentials.settings);
        }
      },
      {
        ...BACKOFF,
        retries: RETRIES,
        shouldRetry: ({ error, attemptNumber }) => {
          if (!(error instanceof TenantError)) return false;
          if (!this.#hasAnswered && attemptNumber > RETRIES_AT_FIRST) return false;
          if (error.status !== 401 || signedInAgain) return mayRetry(error);
          // The token ran out in the middle of a long run: another one, once.
          signedInAgain = true;
          this.#client = this.#signIn();
          return true;
        },
        // A rate limit that names its end is no fault: it is waited out as long as it lasts.
        shouldConsumeRetry: ({ error }) => !(error instanceof TenantError && error.isRateLimit && this.shared.isClosed),
        onFailedAttempt: ({ error }) => {
          if (error instanceof TenantError && (mayRetry(error) || error.status === 401)) onRetry(error.brief);
        },
      },
    );
  }
}

function isTransient(error: TenantError): boolean {
  return error.isTransient;
}

const tenants = new Map<string, Tenant>();

/** The one `Tenant` of this process for these credentials. */
export function tenantOf(credentials: Credentials, limits: TenantLimits): Tenant {
  const key = JSON.stringify([credentials, limits]);
  let tenant = tenants.get(key);
  if (tenant === undefined) {
    tenant = new Tenant(credentials, limits, sharedTenant(credentials.origin, limits));
    tenants.set(key, tenant);
  }
  return tenant;
}
