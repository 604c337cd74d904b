import { type Assumptions, type Clock, type Emulator, type EmulatorOptions, startEmulator } from "../emulator/index";

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  constructor(private time = Date.parse("2025-01-01T00:00:00.000Z")) {}

  now(): number {
    return this.time;
  }

  advance(seconds: number): void {
    this.time += seconds * 1000;
  }
}

export const connections = {
  database: "con_0000000000000001",
  social: "con_0000000000000002",
  passwordless: "con_0000000000000003",
  customDatabase: "con_0000000000000004",
  secondDatabase: "con_0000000000000005",
  withUsernames: "con_0000000000000006",
};

export interface Answer {
  status: number;
  headers: Headers;
  body: unknown;
}

/** An emulator of the test's own and a signed-in client to it, over HTTP. */
export class TestTenant {
  private constructor(
    readonly emulator: Emulator,
    private token: string,
  ) {}

  static async start(options: EmulatorOptions = {}): Promise<TestTenant> {
    const emulator = await startEmulator({ usersPerSecond: 0, ...options });
    const tenant = new TestTenant(emulator, "");
    const { access_token } = (await tenant.signIn()).body as { access_token: string };
    tenant.token = access_token;
    return tenant;
  }

  async signIn(overrides: Record<string, string | undefined> = {}): Promise<Answer> {
    const form = {
      grant_type: "client_credentials",
      client_id: "emulator",
      client_secret: "emulator",
      audience: `${this.emulator.url}/api/v2/`,
      ...overrides,
    };
    return this.send("POST", "/oauth/token", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(form),
    });
  }

  /** Without a token, unless the headers hold one. */
  async send(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(this.emulator.url + path, { method, ...init });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** Signed in, and the answer unread: it may be no JSON, or none at all. */
  request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.emulator.url + path, { method, headers: { authorization: `Bearer ${this.token}` }, ...init });
  }

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    return this.send(method, path, {
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      ...json,
    });
  }

  /** Changes what Auth0 leaves open. */
  async assume(assumptions: Partial<Assumptions>): Promise<void> {
    const { status, body } = await this.call("PATCH", "/emulator/assumptions", assumptions);
    if (status !== 200) throw new Error(JSON.stringify(body));
  }

  /** POSTs a users file: records, or the file's text. */
  async postUsers(users: unknown[] | string, fields: Record<string, string> = {}): Promise<Answer> {
    return this.send("POST", "/api/v2/jobs/users-imports", {
      headers: { authorization: `Bearer ${this.token}` },
      body: importForm(users, fields),
    });
  }

  /** The same for a file that is accepted: its job's id. */
  async submit(users: unknown[] | string, fields: Record<string, string> = {}): Promise<string> {
    const { status, body } = await this.postUsers(users, fields);
    if (status !== 202) throw new Error(`users-imports answered ${status}`);
    return (body as { id: string }).id;
  }

  /** Imports records in a job that takes no time: its summary and, per failed record, the errors. */
  async importUsers(users: unknown[] | string, fields: Record<string, string> = {}) {
    const id = await this.submit(users, fields);
    const job = (await this.job(id)) as {
      summary: { failed: number; updated: number; inserted: number; total: number };
    };
    return { id, summary: job.summary, failed: ((await this.errors(id)).body ?? []) as FailedRecord[] };
  }

  async job(id: string): Promise<Record<string, unknown>> {
    return (await this.call("GET", `/api/v2/jobs/${id}`)).body as Record<string, unknown>;
  }

  errors(id: string): Promise<Answer> {
    return this.call("GET", `/api/v2/jobs/${id}/errors`);
  }

  async userByEmail(email: string): Promise<Record<string, unknown> | undefined> {
    const { body } = await this.call("GET", `/api/v2/users-by-email?email=${encodeURIComponent(email)}`);
    return (body as Record<string, unknown>[])[0];
  }

  /** Another emulator, called with this one's token. */
  async restart(options: EmulatorOptions): Promise<TestTenant> {
    return new TestTenant(await startEmulator({ usersPerSecond: 0, ...options }), this.token);
  }

  stop(): Promise<void> {
    return this.emulator.stop();
  }
}

/** The body of a users-imports request. */
export function importForm(users: unknown[] | string, fields: Record<string, string> = {}): FormData {
  const form = new FormData();
  const file = typeof users === "string" ? users : JSON.stringify(users);
  form.append("users", new Blob([file], { type: "application/json" }), "users.json");
  for (const [name, value] of Object.entries({ connection_id: connections.database, ...fields })) {
    form.append(name, value);
  }
  return form;
}

export interface FailedRecord {
  user: Record<string, unknown>;
  errors: { code: string; message: string; path?: string }[];
}

export function usersNamed(count: number, name = "user"): { email: string }[] {
  return Array.from({ length: count }, (_, index) => ({ email: `${name}${index}@example.com` }));
}
