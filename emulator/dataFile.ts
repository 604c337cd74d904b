import { type FileHandle, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Client } from "./clients";
import type { ConnectionDeletion } from "./connectionDeletions";
import type { Connection } from "./connections";
import type { ImportJob } from "./importJob";
import type { Member } from "./members";
import type { Organization } from "./organizations";
import type { Role } from "./roles";
import type { Tenant } from "./tenant";
import type { User, UserStore } from "./userStore";

const format = "auth0-emulator/1";
const shortestDelay = 1000;
const chunkSize = 1 << 20;

/** The first line of a data file. */
interface Header {
  format: string;
  /** Base64; keeps tokens valid across restarts. */
  signingKey: string;
  maxActiveSeen: number;
  /** All that there are; files of earlier versions hold none, as they could only be the seeded ones. */
  connections?: Connection[];
  clients?: Client[];
  /** Of connections whose users are not all gone. */
  deletions?: ConnectionDeletion[];
  roles?: Role[];
  organizations?: Organization[];
}

type StoredJob = Omit<ImportJob, "connection" | "provided"> & {
  connectionId: string;
  /** Of one that is deleted. */
  connection?: Connection;
  provided: string[];
};

/**
 * A tenant's data between runs: NDJSON, one line each for the header, the jobs, the users and the tallies. It holds
 * password hashes and only the owner can read it. Written whole to a temporary file and renamed, so what is there is
 * always complete.
 */
export class DataFile {
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;
  private delay = shortestDelay;
  private closed = false;

  constructor(
    private readonly path: string,
    private readonly tenant: Tenant,
    /** What is in the file already. */
    private savedRevision: number | undefined,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Saves soon, if there is something new. */
  touch(): void {
    if (this.closed || this.timer || this.writing || this.tenant.revision === this.savedRevision) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.save().catch(this.onError);
    }, this.delay);
    this.timer.unref();
  }

  /** Saves what is not saved yet, for the last time. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    // Should it fail, whoever started it hears of it; the file gets another chance below.
    await this.writing?.catch(() => {});
    this.tenant.advance();
    if (this.tenant.revision !== this.savedRevision) await writeAtomically(this.path, snapshot(this.tenant));
  }

  private async save(): Promise<void> {
    const began = performance.now();
    const revision = this.tenant.revision;
    this.writing = writeAtomically(this.path, snapshot(this.tenant));
    try {
      await this.writing;
      this.savedRevision = revision;
    } finally {
      this.writing = undefined;
    }
    // With a million users a save takes seconds; it should stay a small part of the time.
    this.delay = Math.max(shortestDelay, 20 * (performance.now() - began));
    this.touch();
  }
}

/** What a data file holds, or nothing when there is none. @throws Error when it is not a data file. */
export async function readDataFile(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The signing key in the data. @throws Error when this is no data file. */
export function signingKeyOf(data: Buffer): Buffer {
  const end = data.indexOf("\n");
  const header = parse<Header>(data.subarray(0, end < 0 ? data.length : end), 1);
  if (header.format !== format) throw new Error(`not a data file of this emulator (format ${format})`);
  return Buffer.from(header.signingKey, "base64");
}

const attributesKey = ',"attributes":';

/** Fills the tenant. @throws Error when a line can't be read. */
export function restore(tenant: Tenant, data: Buffer): void {
  let number = 0;
  for (const line of linesOf(data)) {
    number += 1;
    if (restoreUser(tenant.users, line, number)) continue;
    const entry = parse<Partial<Header> & { job?: StoredJob; tally?: TallyFields; member?: MemberFields }>(
      line,
      number,
    );
    for (const role of entry.roles ?? []) tenant.roles.put(role);
    for (const organization of entry.organizations ?? []) tenant.organizations.put(organization);
    if (entry.member) restoreMember(tenant, entry.member);
    for (const deletion of entry.deletions ?? []) tenant.deletions.restore(deletion);
    if (entry.connections && entry.clients) tenant.restoreConnections(entry.connections, entry.clients);
    if (entry.maxActiveSeen) tenant.jobs.maxActiveSeen = entry.maxActiveSeen;
    if (entry.job) restoreJob(tenant, entry.job);
    if (entry.tally) {
      const [connectionId, identity, sent, inserted, updated] = entry.tally;
      tenant.users.setTally(connectionId, identity, { sent, inserted, updated });
    }
  }
}

/** Whether the line is a user's. */
function restoreUser(users: UserStore, line: Buffer, number: number): boolean {
  // It ends with the attributes. They are kept as text, so most of the file is never parsed. An unescaped quote can't be
  // inside of a JSON text, so the first match is the key itself.
  const attributesAt = line.indexOf(attributesKey);
  if (attributesAt < 0 || !line.subarray(0, userPrefix.length).equals(userPrefix)) return false;
  const [id, connectionId, email, username, phoneNumber, createdAt, updatedAt, linkedTo] = parse<UserFields>(
    line.subarray(userPrefix.length, attributesAt),
    number,
  );
  const user: User = {
    id,
    connectionId,
    email: email ?? undefined,
    username: username ?? undefined,
    phoneNumber: phoneNumber ?? undefined,
    createdAt,
    updatedAt,
    attributes: line.toString("utf8", attributesAt + attributesKey.length, line.length - 1),
  };
  users.put(user);
  const primary = linkedTo && users.getIn(...linkedTo);
  if (primary) users.link(primary, user);
  return true;
}

/** Of a role, or of an organization with the roles there. */
type MemberFields = [of: string, connectionId: string, id: string, since: number, roles?: string[]];

function restoreMember({ roles, organizations }: Tenant, [of, connectionId, id, since, given]: MemberFields): void {
  if (given === undefined) roles.give(of, { connectionId, id }, since);
  else organizations.add(of, { connectionId, id }, since, given);
}

function memberFields(of: string, { connectionId, id, since, roles }: Member, hasRoles: boolean): MemberFields {
  return [of, connectionId, id, since, ...(hasRoles ? [[...roles]] : [])] as MemberFields;
}

type TallyFields = [connectionId: string, identity: string, sent: number, inserted: number, updated: number];

type UserFields = [
  id: string,
  connectionId: string,
  email: string | null,
  username: string | null,
  phoneNumber: string | null,
  createdAt: number,
  updatedAt: number,
  /** Of one who became an identity of this user. */
  linkedTo?: [connectionId: string, id: string],
];

const userPrefix = Buffer.from('{"user":');

function userLine(user: User, primary?: User): string {
  const fields: UserFields = [
    user.id,
    user.connectionId,
    user.email ?? null,
    user.username ?? null,
    user.phoneNumber ?? null,
    user.createdAt,
    user.updatedAt,
  ];
  if (primary) fields.push([primary.connectionId, primary.id]);
  return `${userPrefix}${JSON.stringify(fields)}${attributesKey}${user.attributes}}`;
}

function restoreJob(tenant: Tenant, { connectionId, provided, ...job }: StoredJob): void {
  const connection = tenant.connections.get(connectionId) ?? job.connection;
  if (!connection) throw new Error(`unknown connection ${connectionId}`);
  tenant.jobs.restore({ ...job, connection, provided: new Set(provided) });
}

/** The tenant as of now, in lines. What can change while it is written is copied at once. */
function snapshot(tenant: Tenant): Iterable<string> {
  const header: Header = {
    format,
    signingKey: tenant.signingKey.toString("base64"),
    maxActiveSeen: tenant.jobs.maxActiveSeen,
    connections: [...tenant.connections.values()],
    clients: [...tenant.clients.values()],
    deletions: tenant.deletions.all(),
    roles: tenant.roles.all(),
    organizations: tenant.organizations.all(),
  };
  const jobs = [...tenant.jobs.all()].map(({ connection, provided, ...job }) => {
    const isThere = tenant.connections.has(connection.id);
    const stored: StoredJob = {
      ...job,
      connectionId: connection.id,
      ...(!isThere && { connection }),
      provided: [...provided],
    };
    return JSON.stringify({ job: stored });
  });
  const users = [...tenant.users.all()];
  const linked = [...tenant.users.linked()];
  const members = [
    ...tenant.roles.all().flatMap(({ id }) => tenant.roles.membersOf(id).map((each) => memberFields(id, each, false))),
    ...tenant.organizations
      .all()
      .flatMap(({ id }) => tenant.organizations.membersOf(id, 0, 0).map((each) => memberFields(id, each, true))),
  ];
  const tallies = [...tenant.users.tallies()].map(([connectionId, entries]) => ({
    connectionId,
    entries: [...entries],
  }));
  return (function* () {
    yield JSON.stringify(header);
    yield* jobs;
    for (const user of users) yield userLine(user);
    // After all users: their primaries are among these.
    for (const { primary, secondary } of linked) yield userLine(secondary, primary);
    for (const member of members) yield JSON.stringify({ member });
    for (const { connectionId, entries } of tallies) {
      for (const [identity, { sent, inserted, updated }] of entries) {
        const tally: TallyFields = [connectionId, identity, sent, inserted, updated];
        yield JSON.stringify({ tally });
      }
    }
  })();
}

async function writeAtomically(path: string, lines: Iterable<string>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w", 0o600);
  try {
    await writeLines(file, lines);
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await file.close();
  await rename(temporary, path);
}

async function writeLines(file: FileHandle, lines: Iterable<string>): Promise<void> {
  let chunk: string[] = [];
  let size = 0;
  for (const line of lines) {
    chunk.push(line, "\n");
    size += line.length + 1;
    if (size < chunkSize) continue;
    await file.write(chunk.join(""));
    chunk = [];
    size = 0;
  }
  if (chunk.length > 0) await file.write(chunk.join(""));
}

function* linesOf(data: Buffer): Iterable<Buffer> {
  for (let start = 0; start < data.length; ) {
    const newline = data.indexOf("\n", start);
    const end = newline < 0 ? data.length : newline;
    yield data.subarray(start, end);
    start = end + 1;
  }
}

function parse<T>(text: Buffer, line: number): T {
  try {
    return JSON.parse(text.toString()) as T;
  } catch {
    // Node's own message quotes the text, which is somebody's data.
    throw new Error(`line ${line} is not valid JSON`);
  }
}
