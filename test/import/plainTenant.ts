import pLimit from "p-limit";
import type { ImportTenant } from "../../provider/import/types";
import type { ChunkKind } from "../../provider/plan/delta";
import type { User } from "../../provider/schema/identity";
import type { JobError, JobStatus, TenantUser } from "../../provider/tenant/client";
import { TenantError } from "../../provider/tenant/errors";
import { Pace, type Watch } from "../../provider/tenant/pace";

/** The name of the connection. */
export const CONNECTION_NAME = "users";

/** A job that a run sent, as the tenant got it. */
export interface SentJob {
  readonly kind: ChunkKind;
  readonly users: readonly User[];
  /** From 1, in the order of the submissions. */
  readonly number: number;
}

/** What the tenant does with a job; by default it takes it, and applies it whole. */
export type Fate =
  /** Takes it, applies so many of its users, and says that it failed, or knows it no more. */
  | { readonly ends: "failed" | "vanished"; readonly applied?: number; readonly details?: string }
  /** Refuses these users; where it says so, after it has applied all but their factors. */
  | { readonly refuses: (user: User) => string | undefined; readonly applied?: boolean }
  /** Says that more users failed than it names. */
  | { readonly hides: number }
  /** Refuses the submission. */
  | { readonly status: number }
  /** Takes it, or not, and the answer is lost. */
  | { readonly lost: "taken" | "not taken" };

export interface StoredUser extends TenantUser {
  readonly updated_at?: string;
  readonly attributes: User;
}

/** The users of a tenant and the jobs that it got. */
export interface PlainTenant extends ImportTenant {
  /** By id, without prefix. */
  readonly users: Map<string, StoredUser>;
  readonly jobs: SentJob[];
  /** Decides about each job. */
  fate: (job: SentJob) => Fate | undefined;
  /** What is done to the tenant before a job is applied that it takes, and before a single user is changed. */
  beforeJob: (job: SentJob) => void;
  beforePatch: (id: string) => void;
  /** The changes of single users. */
  readonly patches: { readonly id: string; readonly patch: User }[];
  /** Set, every call fails and changes nothing: the process that makes it is dead. */
  isCut: boolean;
}

/** A tenant that is a plain object: it speaks no HTTP, and waits for nothing. */
export function plainTenant(before: readonly Partial<StoredUser>[] = []): PlainTenant {
  const users = new Map<string, StoredUser>();
  const jobs: SentJob[] = [];
  const answers = new Map<string, { readonly status: JobStatus | undefined; readonly errors: readonly JobError[] }>();
  let ids = 0;

  const put = ({ user_id, email, email_verified, ...attributes }: User): void => {
    const id = String(user_id ?? `made-by-the-tenant-${++ids}`);
    users.set(id, {
      user_id: `auth0|${id}`,
      ...(typeof email === "string" ? { email } : {}),
      email_verified: email_verified === true,
      created_at: new Date().toISOString(),
      updated_at: new Date().toISOString(),
      identities: [{ connection: CONNECTION_NAME }],
      attributes,
    });
  };
  const byEmail = (email: unknown) =>
    [...users].find(([, user]) => user.email !== undefined && user.email === String(email).toLowerCase());
  const errorOf = (user: User, code: string): JobError => ({ user, errors: [{ code, message: `${code}!` }] });

  /** @returns why it is refused. */
  const apply = (kind: ChunkKind, user: User): string | undefined => {
    const there = byEmail(user.email);
    if (kind === "insert") {
      if (there !== undefined || users.has(String(user.user_id))) return "DUPLICATED_USER";
      put(user);
    } else if (there === undefined) {
      put(user);
    } else {
      const { email: _, email_verified, ...changed } = user;
      const [id, known] = there;
      const attributes = { ...known.attributes, ...changed };
      const updated_at = new Date().toISOString();
      users.set(id, { ...known, email_verified: email_verified === true, updated_at, attributes });
    }
    return undefined;
  };

  const alive =
    <T>(call: () => T) =>
    async (): Promise<T> => {
      if (tenant.isCut) throw new Error("dead");
      return call();
    };

  const tenant: PlainTenant = {
    users,
    jobs,
    fate: () => undefined,
    beforeJob: () => {},
    beforePatch: () => {},
    patches: [],
    isCut: false,
    limits: { maxActiveJobs: 2 },
    pace: new Impatient(),
    turn: pLimit(1),
    slot: pLimit(2),
    room: async () => {},
    submit: (request, payload) =>
      alive(() => {
        const { kind } = request;
        const job: SentJob = { kind, users: JSON.parse(payload.toString()) as User[], number: jobs.length + 1 };
        const fate = tenant.fate(job) ?? { refuses: () => undefined };
        if ("status" in fate) throw new TenantError(`refused with ${fate.status}`, fate.status);
        jobs.push(job);
        if ("lost" in fate && fate.lost === "not taken") throw lost();
        const id = `job_${job.number}`;
        tenant.beforeJob(job);
        const usersBefore = users.size;
        const applied = "ends" in fate ? job.users.slice(0, fate.applied ?? 0) : job.users;
        const errors = applied.flatMap((user) => {
          const refused = "refuses" in fate ? fate.refuses(user) : undefined;
          const { mfa_factors: _, ...others } = user;
          if (refused !== undefined && "refuses" in fate && fate.applied) apply(kind, others);
          const code = refused ?? apply(kind, user);
          return code === undefined ? [] : [errorOf(user, code)];
        });
        const failed = errors.length + ("hides" in fate ? fate.hides : 0);
        const total = job.users.length;
        const summary = { failed, total, inserted: users.size - usersBefore, updated: 0 };
        const status: JobStatus | undefined =
          "ends" in fate
            ? fate.ends === "vanished"
              ? undefined
              : { id, status: "failed", ...(fate.details === undefined ? {} : { status_details: fate.details }) }
            : { id, status: "completed", connection: CONNECTION_NAME, summary };
        answers.set(id, { status, errors });
        if ("lost" in fate) throw lost();
        return { id, status: "pending" as const };
      })(),
    job: (id) => alive(() => answers.get(id)?.status)(),
    jobErrors: (id) => alive(() => [...(answers.get(id)?.errors ?? [])])(),
    scopes: undefined,
    wholeUser: (id) => alive(() => exported(tenant).find((user) => user.user_id === id))(),
    wholeUsersByEmail: (email) => alive(() => exported(tenant).filter((user) => user.email === email))(),
    usersByIdentity: (id) =>
      alive(() =>
        exported(tenant).filter(({ identities }) => (identities as User[]).some((each) => each.user_id === id)),
      )(),
    changeUser: (id, patch) => {
      const bare = id.replace(/^auth0\|/, "");
      return alive(() => {
        tenant.beforePatch(bare);
        const known = users.get(bare);
        if (known === undefined) return false;
        tenant.patches.push({ id: bare, patch: structuredClone(patch) });
        users.set(bare, {
          ...known,
          updated_at: new Date().toISOString(),
          attributes: merged(known.attributes, patch),
        });
        return true;
      })();
    },
    user: (id) => alive(() => users.get(id.replace(/^auth0\|/, "")))(),
    usersByEmail: (email) => alive(() => [...users.values()].filter((user) => user.email === email))(),
  };
  for (const user of before) {
    const id = String(user.user_id).replace(/^auth0\|/, "");
    put({ ...user.attributes, user_id: id, email: user.email });
    users.set(id, { ...(users.get(id) as StoredUser), ...user, user_id: `auth0|${id}` });
  }
  return tenant;
}

/** As the service does: metadata at its first level, where `null` takes a key away. */
function merged(known: User, patch: User): User {
  const attributes: User = { ...known };
  for (const [name, value] of Object.entries(patch)) {
    if (!name.endsWith("_metadata")) attributes[name] = value;
    else {
      const fields = { ...(known[name] as object), ...(value as object) };
      attributes[name] = Object.fromEntries(Object.entries(fields).filter(([, each]) => each !== null));
    }
  }
  return attributes;
}

/** All users with all that can be read of them, as an export has them. */
export function exported({ users }: Pick<PlainTenant, "users">): User[] {
  return [...users].map(([id, { attributes, identities = [], ...user }]) => ({
    ...attributes,
    ...user,
    identities: identities.map((each) => ({ provider: "auth0", user_id: id, ...each })),
  }));
}

/** Looks again at once. */
class Impatient extends Pace {
  override watch(...job: Parameters<Pace["watch"]>): Watch {
    return Object.assign(super.watch(...job), { untilNextLook: () => 0 });
  }
}

function lost(): TenantError {
  return new TenantError("no answer", undefined, "ECONNRESET", undefined, true);
}
