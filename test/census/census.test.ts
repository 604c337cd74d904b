import assert from "node:assert/strict";
import fc from "fast-check";
import { CensusIndex, isUsed } from "../../provider/census/census";
import { compareUser } from "../../provider/census/equal";
import { IdentifierTable } from "../../provider/census/identifierTable";
import { ReadBudget } from "../../provider/census/readBudget";
import { SingleReads } from "../../provider/census/singleReads";
import { Census, FRESH_MS, SharedCensus, takeCensus } from "../../provider/census/takeCensus";
import { UnlikeCounts } from "../../provider/census/unlikeCounts";
import { Tenant } from "../../provider/tenant/client";
import type { ExportedUsers } from "../../provider/tenant/exportedUsers";
import { EXPORT_FIELDS } from "../../provider/tenant/exports";
import { ExportServer, exported, ndjson } from "../support/exportServer";
import { asKept, changed, habits, type Json, record } from "./anyUser";

function indexOf(lines: readonly Json[], connection?: string): CensusIndex {
  const census = new CensusIndex(async (line) => lines[line] as Json, connection);
  for (const line of lines) census.add(line);
  return census;
}

const numbers = (census: CensusIndex, ...[by, value]: Parameters<CensusIndex["find"]>) =>
  census.find(by, value).map(({ line, isLinked }) => (isLinked ? `linked ${line}` : line));

describe("a census", () => {
  it("finds a user of the connection by every identifier", () => {
    const census = indexOf(
      [
        exported("1", { email: "Jane@Example.com", username: "Jane", phone_number: "+1" }),
        exported("2", { email: "john@example.com" }),
        exported("3|4", { email: "jane@example.com", username: null, phone_number: "" }),
      ],
      "customers",
    );
    assert.equal(census.lines, 3);
    assert.deepEqual(numbers(census, "user_id", "2"), [1]);
    assert.deepEqual(numbers(census, "user_id", "3|4"), [2]);
    assert.deepEqual(numbers(census, "user_id", "auth0|2"), []);
    assert.deepEqual(numbers(census, "email", "JANE@example.com"), [0, 2], "where emails are not one user's alone");
    assert.deepEqual(numbers(census, "username", "jANE"), [0]);
    assert.deepEqual(numbers(census, "phone_number", "+1"), [0]);
    assert.deepEqual(numbers(census, "phone_number", ""), []);
    assert.deepEqual(numbers(census, "email", "+1"), [], "each kind by itself");
  });

  it("knows who is linked to another account, and by which email", () => {
    const google = { provider: "google-oauth2", connection: "google-oauth2", user_id: 117 };
    const own = { provider: "auth0", connection: "customers", user_id: "1" };
    const other = { provider: "auth0", connection: "employees", user_id: "2" };
    const profileData = { email: "work@example.com" };
    const census = indexOf(
      [
        { ...exported("x", { email: "home@example.com" }), identities: [google, { ...own, profileData }] },
        { ...exported("3"), identities: [{ ...own, user_id: "3" }, other] },
      ],
      "customers",
    );
    assert.deepEqual(numbers(census, "user_id", "1"), ["linked 0"]);
    assert.deepEqual(numbers(census, "email", "work@example.com"), ["linked 0"]);
    assert.deepEqual(numbers(census, "email", "home@example.com"), ["linked 0"]);
    assert.deepEqual(numbers(census, "user_id", "117"), []);
    assert.deepEqual(numbers(census, "user_id", "2"), [], "the id of another connection is another id");
    assert.deepEqual(numbers(census, "user_id", "3"), [1]);
  });

  it("takes lines without identities by their user_id, and without one for the connection's", () => {
    const census = indexOf([
      { user_id: "auth0|1", email: "a@example.com" },
      { user_id: "google-oauth2|2", email: "b@example.com" },
      { email: "c@example.com" },
      { user_id: "4", identities: "customers", email: "d@example.com" },
    ]);
    assert.deepEqual(numbers(census, "user_id", "1"), [0]);
    assert.deepEqual(numbers(census, "user_id", "2"), []);
    assert.deepEqual(numbers(census, "email", "b@example.com"), [], "a social user with that email is somebody else");
    assert.deepEqual(numbers(census, "email", "c@example.com"), [2]);
    assert.deepEqual(numbers(census, "user_id", "4"), [3]);
  });

  it("says of a record that it is as it says, or reads the line and compares", async () => {
    const edit = fc.option(fc.tuple(fc.nat(), fc.nat()), { freq: 1 });
    await fc.assert(
      fc.asyncProperty(record, habits, edit, async (said: Json, habit, change) => {
        const there = asKept(said, habit);
        const names = Object.keys(said).filter((name) => said[name] !== "");
        const name = change === null ? undefined : names[change[0] % names.length];
        if (name !== undefined && change !== null) there[name] = changed(there[name] ?? false, change[1]);
        const census = indexOf([exported("0"), there]);
        const expected = compareUser(said, there);
        if (census.isAs(1, said)) assert.deepEqual(expected, []);
        // Unless the same URL is written in two ways.
        else if (expected.length === 0) assert.notEqual(said.picture, there.picture);
        assert.deepEqual(await census.compare(1, said), expected);
      }),
      { numRuns: 1_500 },
    );
  });

  it("does not take for the same what can't be compared", async () => {
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
    const lines = [
      exported("1", { app_metadata: { id: 2 ** 60 } }),
      exported("2", { user_metadata: { x: deep(2_000) } }),
      exported("3", { app_metadata: { id: 1 } }),
    ];
    const census = indexOf(lines, "customers");
    for (const [line, said] of [
      [0, { app_metadata: { id: 2 ** 60 } }],
      [1, { user_metadata: { x: 1 } }],
      [2, { app_metadata: { id: Number.POSITIVE_INFINITY } }],
    ] as const) {
      assert.equal(census.isAs(line, said), false);
      assert.deepEqual(
        (await census.compare(line, said)).map(({ likeness }) => likeness),
        ["unknown"],
      );
    }
    assert.deepEqual([census.having("app_metadata"), census.having("user_metadata")], [2, 1]);
    assert.ok(!census.isAs(2, { app_metadata: { id: 1 }, user_metadata: { id: 2 ** 60 } }));
  });

  it("knows who has signed in or set a password", () => {
    const used = (attributes: Json) => isUsed(exported("1", attributes));
    assert.deepEqual([used({}), used({ logins_count: 0, last_login: null })], [false, false]);
    assert.ok(used({ logins_count: 2 }));
    assert.ok(used({ last_password_reset: "2026-01-02T00:00:00.000Z" }));
    assert.ok(used({ last_login: "2026-01-02T00:00:00.000Z" }));
  });
});

describe("the table of identifiers", () => {
  it("does what a Map of lists does, however many there are of one", () => {
    const text = fc.oneof(fc.nat(50).map(String), fc.string());
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), text), { maxLength: 300 }), (entries) => {
        const table = new IdentifierTable();
        const map = new Map<string, number[]>();
        for (const [i, [kind, each]] of entries.entries()) {
          table.add(kind, each, i);
          map.set(`${kind} ${each}`, [...(map.get(`${kind} ${each}`) ?? []), i]);
        }
        for (const [kind, each] of entries) assert.deepEqual(table.find(kind, each), map.get(`${kind} ${each}`));
        assert.deepEqual(table.find(4, "0"), []);
      }),
      { numRuns: 200 },
    );
    const table = new IdentifierTable();
    for (let i = 0; i < 100_000; i++) table.add(1, i % 2 ? "same" : `user ${i}`, i);
    assert.equal(table.find(1, "same").length, 50_000);
    assert.deepEqual(table.find(1, "user 99998"), [99_998]);
  });
});

describe("reading a connection back", () => {
  let server: ExportServer;
  beforeEach(async () => {
    server = await ExportServer.start(ndjson([...Array(2_000).keys()].map((i) => exported(String(i)))));
  });
  afterEach(() => server.stop());

  const tenant = () => new Tenant({ origin: server.origin, auth: { apiToken: "token" } }, { maxActiveJobs: 2 });
  const options = (lines: (string | undefined)[], expected = 2_000) => ({
    expected,
    onProgress: (line: string | undefined) => lines.push(line),
    onRetry: () => {},
    stop: new AbortController().signal,
  });

  it("tells how far it is, and how old it is from the start of the job", async () => {
    server.jobs = [{ status: "processing", percentage_done: 40 }, { status: "completed" }];
    const lines: (string | undefined)[] = [];
    const before = Date.now();
    const census = await takeCensus(tenant(), "con_0000000000000001", options(lines));
    assert.equal(census.users.lines, 2_000);
    assert.equal((await census.users.read(1_234)).user_id, "auth0|1234");
    assert.deepEqual([census.connection, census.job], ["customers", "job_1"]);
    assert.ok(lines.includes("reading 2,000 users back, 34 %"), lines.join("; "));
    assert.equal(lines.at(-1), undefined);
    const percentages = lines.flatMap((line) => /(\d+) %/.exec(line ?? "")?.[1] ?? []).map(Number);
    assert.deepEqual(
      percentages,
      [...percentages].sort((a, b) => a - b),
    );
    const started = census.started.getTime();
    assert.ok(started >= before && started <= Date.now());
    assert.ok(census.isFresh(started + FRESH_MS) && !census.isFresh(started + FRESH_MS + 1));
    assert.equal(census.isSlow, false);
    await census.close();
  });

  it("fails as the export does, and holds nothing then", async () => {
    server.jobs = [{ status: "failed" }];
    const lines: (string | undefined)[] = [];
    await assert.rejects(takeCensus(tenant(), "con_0000000000000001", options(lines)), /^ExportError: /);
    assert.equal(lines.at(-1), undefined);
  });

  function fake(closed: string[], name: string, started = new Date()): Census {
    const file = { started, close: async () => void closed.push(name) } as unknown as ExportedUsers;
    return new Census(indexOf([]), file, 0);
  }

  it("is shared, and done again for who needs a fresh one", async () => {
    const closed: string[] = [];
    let taken = 0;
    const shared = new SharedCensus(async () => fake(closed, `census ${++taken}`));
    const fresh = (census: Census) => census.isFresh();
    const both = await Promise.all([
      shared.use(fresh, async (each) => each),
      shared.use(
        () => false,
        async (each) => each,
      ),
    ]);
    assert.equal(taken, 1, "who waited for it takes it as it is");
    assert.equal(both[0], both[1]);
    let release = () => {};
    const using = shared.use(fresh, () => new Promise<void>((resolve) => (release = resolve)));
    const newer = await shared.use(
      () => false,
      async (each) => each,
    );
    assert.notEqual(newer, both[0]);
    assert.deepEqual([taken, closed.length], [2, 0], "somebody still reads from the first one");
    release();
    await using;
    assert.deepEqual(closed, ["census 1"]);
    assert.equal(await shared.use(fresh, async (each) => each), newer);
    await shared.close();
    await shared.close();
    assert.deepEqual(closed, ["census 1", "census 2"]);
  });

  it("is tried again after a failure, by the next who asks", async () => {
    const closed: string[] = [];
    let taken = 0;
    const shared = new SharedCensus(async () => {
      if (++taken === 1) throw new Error("no export");
      return fake(closed, "census");
    });
    const asked = [1, 2].map(() =>
      shared.use(
        () => true,
        async () => "there",
      ),
    );
    assert.deepEqual(
      (await Promise.allSettled(asked)).map(({ status }) => status),
      ["rejected", "rejected"],
    );
    assert.equal(
      await shared.use(
        () => true,
        async () => "there",
      ),
      "there",
    );
    assert.equal(taken, 2);
  });
});

describe("the budget of single reads", () => {
  it("is what the rate allows in five minutes, and never less than 200", () => {
    assert.deepEqual(
      [16, 2, 0.1].map((rate) => new ReadBudget(rate).left),
      [4_800, 600, 200],
    );
  });

  it("is spent as batches come; who needs more than is left takes a census", () => {
    const budget = new ReadBudget(2);
    assert.ok(budget.spend(400));
    assert.ok(!budget.spend(201));
    assert.ok(budget.spend(200));
    assert.ok(!budget.spend(1));
    assert.ok(budget.spend(0));
  });
});

describe("what is unlike in many users", () => {
  const said = { name: "Jane", email_verified: true, user_metadata: { a: null }, blocked: false };

  it("is the export's fault where nobody has an attribute, and normalisation where more than 1 % differ", () => {
    const lines = [...Array(200).keys()].map((i) => exported(String(i), i < 5 ? { name: "J." } : { name: "Jane" }));
    const counts = new UnlikeCounts(indexOf(lines));
    for (const [line, there] of lines.entries()) counts.add(compareUser(said, there), line > 2);
    assert.deepEqual(counts.notExported, ["email_verified"]);
    assert.deepEqual([counts.normalised(200), counts.normalised(300)], [["name"], []]);
    assert.deepEqual(counts.other, [{ attribute: "name", users: 5 }]);
  });

  it("is nothing of the kind for few users", () => {
    const lines = [...Array(99).keys()].map((i) => exported(String(i), { name: "Jane" }));
    const counts = new UnlikeCounts(indexOf(lines));
    for (const there of lines) counts.add(compareUser(said, there), true);
    assert.deepEqual([counts.notExported, counts.normalised(99)], [[], []]);
    assert.deepEqual(counts.other, [{ attribute: "email_verified", users: 99 }]);
    counts.add([{ attribute: "name", likeness: "spelling" }]);
    counts.add([{ attribute: "app_metadata", likeness: "unknown" }]);
    assert.deepEqual(counts.spelling, [{ attribute: "name", users: 1 }]);
    assert.deepEqual(counts.unknown, [{ attribute: "app_metadata", users: 1 }]);
  });
});

describe("looking up who is not in an export", () => {
  let server: ExportServer;
  beforeEach(async () => {
    server = await ExportServer.start();
  });
  afterEach(() => server.stop());

  const lookUps = () => {
    const tenant = new Tenant({ origin: server.origin, auth: { apiToken: "token" } }, { maxActiveJobs: 2 });
    return new SingleReads(tenant, "customers");
  };

  it("finds them by id, by the search for linked identities, and by email", async () => {
    const google = { provider: "google-oauth2", connection: "google-oauth2", user_id: "117" };
    const own = { provider: "auth0", connection: "customers", user_id: 'quoted"1' };
    server.users = [
      exported("here"),
      { ...exported("x"), user_id: "google-oauth2|117", identities: [google, own] },
      { ...exported("elsewhere"), identities: [{ ...own, connection: "employees", user_id: "elsewhere" }] },
    ];
    const look = lookUps();
    const standing = async (sought: Parameters<SingleReads["find"]>[0]) => (await look.find(sought)).is;
    assert.equal(await standing({ id: "here" }), "present");
    assert.equal(await standing({ id: 'quoted"1' }), "linked");
    assert.equal(await standing({ id: "nobody" }), "absent");
    assert.equal(await standing({ id: "elsewhere" }), "absent", "the same id in another connection is somebody else");
    assert.equal(await standing({ email: "HERE@example.com" }), "present");
    assert.equal(await standing({ email: "nobody@example.com" }), "absent");
    assert.equal(await standing({}), "notLookedUp");
    const asked = server.requests.map((each) => decodeURIComponent(each.replaceAll("+", " ")));
    assert.ok(asked.some((each) => each.includes('q=identities.user_id:"quoted\\"1"')));
    assert.ok(asked.every((each) => each.includes(`fields=${EXPORT_FIELDS.join()}`)));
  });
});
