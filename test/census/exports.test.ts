import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { Tenant } from "../../provider/tenant/client";
import { TenantError } from "../../provider/tenant/errors";
import { type ExportedUser, type ExportedUsers, type LinePlace, readExport } from "../../provider/tenant/exportedUsers";
import { EXPORT_FIELDS, ExportError, exportUsers } from "../../provider/tenant/exports";
import { ExportServer, exported, ndjson } from "../support/exportServer";

const CONNECTION = "con_0000000000000001";

describe("an export of a connection", () => {
  let server: ExportServer;
  let folder: string;
  const { TMPDIR } = process.env;
  beforeEach(async () => {
    server = await ExportServer.start();
    folder = mkdtempSync(path.join(tmpdir(), "user-import-exports-"));
    process.env.TMPDIR = folder;
  });
  afterEach(async () => {
    process.env.TMPDIR = TMPDIR;
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    rmSync(folder, { recursive: true });
    await server.stop();
  });

  interface Seen {
    readonly users: ExportedUser[];
    readonly places: LinePlace[];
    readonly told: string[];
    readonly exported: ExportedUsers;
  }

  async function run(stop = new AbortController().signal, retries = 1): Promise<Seen> {
    const tenant = new Tenant({ origin: server.origin, auth: { apiToken: "token" } }, { maxActiveJobs: 2 });
    const told: string[] = [];
    const events = {
      progress: (what: string, percentage: number) => told.push(`${what} ${Math.round(percentage)}`),
      waiting: (reason: string | undefined) => told.push(`waiting ${reason}`),
      retry: (reason: string) => told.push(`retry ${reason}`),
    };
    const file = await exportUsers(tenant, CONNECTION, events, stop, retries);
    const users: ExportedUser[] = [];
    const places: LinePlace[] = [];
    const result = await readExport(file, file.connection ?? "", (user, place) => {
      users.push(user);
      places.push(place);
    });
    return { users, places, told, exported: result };
  }

  async function text(lines: string): Promise<Seen> {
    server.files = [{ body: gzipSync(lines) }];
    const seen = await run();
    await seen.exported.close();
    return seen;
  }

  const unusable = (reason: RegExp) => (error: unknown) => {
    assert.ok(error instanceof ExportError, String(error));
    assert.match(error.message, reason);
    assert.match(error.message, /Nothing is concluded from it\. Run again\.$/);
    return true;
  };

  it("is fetched from the other host with nothing but the link, and can be read again by place", async () => {
    const lines = [exported("1"), exported("2", { name: "Zoë" }), exported("3")];
    server.files = [{ body: gzipSync(ndjson(lines)), headers: { "content-encoding": "gzip" } }];
    server.jobs = [{ status: "processing", percentage_done: 40 }, { status: "completed" }];
    const before = Date.now();
    const { users, places, told, exported: result } = await run();
    assert.deepEqual(users, lines);
    assert.deepEqual(await result.read(places[1] as LinePlace), lines[1]);
    const { lines: count, connection, job, started } = result;
    assert.deepEqual([count, connection, job], [3, "customers", "job_1"]);
    assert.ok(started.getTime() >= before && started.getTime() <= Date.now());
    assert.match(result.sha256, /^[0-9a-f]{64}$/);
    assert.deepEqual(told.slice(-2), ["exporting 40", "fetching 100"]);
    assert.equal(server.fileHeaders[0]?.authorization, undefined);
    assert.deepEqual(readdirSync(folder), [], "no name leads to it");
    await result.close();

    const [start] = server.requests;
    const body = JSON.parse((start as string).replace(/^POST \/api\/v2\/jobs\/users-exports /, ""));
    assert.deepEqual(
      { ...body, fields: body.fields.length },
      { connection_id: CONNECTION, format: "json", fields: EXPORT_FIELDS.length },
    );
    assert.ok(EXPORT_FIELDS.length <= 30, "Auth0 takes 30 at most");
    assert.ok(
      EXPORT_FIELDS.every((name) => /^\w+$/.test(name)),
      "a path would need export_as",
    );
  });

  it("may have nobody in it", async () => {
    assert.equal((await text("")).exported.lines, 0);
  });

  it("takes a fresh link where one ran out or a transfer broke off", async () => {
    const body = gzipSync(ndjson([exported("1")]));
    server.files = [{ status: 403 }, { body: body.subarray(0, 40), length: body.length }, { body }];
    const { told, exported: result } = await run(undefined, 2);
    await result.close();
    assert.equal(result.lines, 1);
    assert.equal(told.filter((each) => each.startsWith("retry")).length, 2);
    const links = server.requests.filter((each) => each.includes("Signature"));
    assert.equal(new Set(links).size, 3, "each link is used once");
  });

  it("waits where other exports are in the way", async () => {
    const body = {
      ...{ statusCode: 429, error: "Too Many Requests", errorCode: "too_many_requests" },
      message: "There are 2 active export users jobs, please wait until some of them are finished and try again",
    };
    server.refusals = [{ status: 429, body }];
    const stop = new AbortController();
    const tenant = new Tenant({ origin: server.origin, auth: { apiToken: "token" } }, { maxActiveJobs: 2 });
    const waiting = (reason: string | undefined) => {
      if (reason !== undefined) stop.abort(new Error(`waited for ${reason}`));
    };
    await assert.rejects(
      exportUsers(tenant, CONNECTION, { progress() {}, waiting, retry() {} }, stop.signal),
      /^Error: waited for other export jobs on the tenant to finish$/,
    );
  });

  it("ends with the reason of who stops it", async () => {
    server.jobs = [{ status: "processing", percentage_done: 10 }];
    const reason = new Error("censusTimeout");
    const stop = AbortSignal.timeout(600);
    const stopped = new AbortController();
    stop.addEventListener("abort", () => stopped.abort(reason));
    await assert.rejects(run(stopped.signal), reason);
  });

  it("is refused as the tenant says", async () => {
    server.refusals = [
      {
        status: 403,
        body: { statusCode: 403, error: "Forbidden", message: "Insufficient scope, expected any of: read:users" },
      },
    ];
    await assert.rejects(run(), (error) => error instanceof TenantError && /read:users/.test(error.message));
  });

  it("can't be used where its job fails or is gone", async () => {
    server.jobs = [{ status: "failed", status_details: "Export of jane@example.com failed" }];
    await assert.rejects(run(), unusable(/^The export job job_1 failed: Export of ‹email› failed\./));
    server.jobs = [{}];
    await assert.rejects(run(), unusable(/does not know the export job job_1 any more/));
    server.jobs = [{ status: "completed" }];
    server.location = () => undefined;
    await assert.rejects(run(), unusable(/has no file to fetch/));
  });

  it("is not fetched but by https", async () => {
    for (const location of ["http://user-exports.auth0.com/x?Signature=SECRET", "ftp://127.0.0.1/x", "x"]) {
      server.location = () => location;
      await assert.rejects(run(), (error) => {
        assert.doesNotMatch(String(error), /SECRET/);
        return unusable(/not https/)(error);
      });
    }
  });

  it("can't be used where fewer bytes come than were told, again and again", async () => {
    const body = gzipSync(ndjson([exported("1")]));
    server.files = [{ body: body.subarray(0, 40), length: body.length }];
    await assert.rejects(run(undefined, 1), unusable(/^The file of the export job job_1 can't be fetched: /));
    server.files = [{ body: Buffer.alloc(0) }];
    await assert.rejects(run(undefined, 0), unusable(/0 bytes came/));
    server.files = [{ status: 403 }];
    await assert.rejects(run(undefined, 0), unusable(/HTTP 403/));
  });

  it("needs room for a temporary file", async () => {
    process.env.TMPDIR = path.join(folder, "nowhere");
    await assert.rejects(run(), /^ExportError: .*temporary file \(in TMPDIR\): no such file or directory\. Set TMPDIR/);
  });

  it("can't be used where it is cut off or broken", async () => {
    const whole = ndjson([exported("1"), exported("2")]);
    const packed = gzipSync(whole);
    server.files = [{ body: packed.subarray(0, -9) }];
    await assert.rejects(run(), unusable(/^The export job_1 can't be used: gzip data is cut off\./));
    server.files = [{ body: Buffer.concat([packed, Buffer.alloc(20)]) }];
    await assert.rejects(run(), unusable(/gzip data is followed by something else|gzip data is corrupt/));
    server.files = [{ body: Buffer.from(whole.slice(0, -20)) }];
    await assert.rejects(run(), unusable(/line 2 is not whole/));
    await assert.rejects(text(`${whole}{"user_id":"SECRET}\n`), unusable(/line 3 is not whole/));
    await assert.rejects(text(`${whole}[]\n`), unusable(/line 3 is not whole/));
    await assert.rejects(text("<html>SECRET</html>"), unusable(/it is not JSON/));
    await assert.rejects(text(`[${JSON.stringify(exported("1"))}`), unusable(/cut off/));
  });

  it("can't be used where a line lacks what every user has, or is of another connection", async () => {
    const { user_id, identities, created_at, ...rest } = exported("SECRET");
    const lines = (line: object) => ndjson([exported("1"), line]);
    await assert.rejects(text(lines({ ...rest, user_id, identities })), unusable(/line 2 lacks created_at, which/));
    await assert.rejects(
      text(lines({ ...rest, created_at, user_id: "" })),
      unusable(/line 2 lacks user_id, identities/),
    );
    await assert.rejects(text(lines({ ...rest, user_id, created_at, identities: [] })), unusable(/lacks identities/));
    const other = [{ provider: "google-oauth2", connection: "google-oauth2", user_id: "SECRET" }];
    await assert.rejects(
      text(lines({ ...rest, user_id, created_at, identities: other })),
      unusable(/the user of line 2 is not of the connection "customers"/),
    );
    const linked = [...other, { provider: "auth0", connection: "customers", user_id: "1" }];
    assert.equal((await text(lines({ ...rest, user_id, created_at, identities: linked }))).exported.lines, 2);
  });
});
