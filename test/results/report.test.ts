import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { type DefaultTreeAdapterTypes, parse } from "parse5";
import { type BatchJob, type ReportData, writeReport } from "../../provider/results/report";
import { placeJobs, workSpans } from "../../provider/results/report/schedule";
import { toSteps } from "../../provider/results/report/speed";
import type { ReportVerification } from "../../provider/results/report/verification";
import { REPORT } from "../../provider/results/resultsFolder";
import { EMPTY_SUMMARY } from "../../provider/results/types";
import type { Verification } from "../../provider/verification/types";

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

const START = Date.UTC(2025, 10, 23, 21, 4, 13);

/** The second from the start, as a time. */
const at = (second: number) => new Date(START + 1_000 * second).toISOString();

function job(from: number, to: number, more: Partial<BatchJob> = {}): BatchJob {
  return {
    id: `job_${from}_${to}`,
    kind: "insert",
    users: 1_000,
    bytes: 500_000,
    failed: 0,
    status: "completed",
    started: at(from),
    finished: at(to),
    retries: [],
    batch: "everyone-00",
    ...more,
  };
}

const DATA: ReportData = {
  name: "everyone",
  connectionId: "con_0000000000000001",
  started: undefined,
  finished: undefined,
  summary: { ...EMPTY_SUMMARY, total: 1_000, inserted: 1_000 },
  jobs: [job(0, 18)],
  failures: [],
  failedRecords: [],
  notApplied: [],
  passwordResetRequired: 0,
};

/** What a verification of a thousand users tells. */
function readBack(words: Partial<Verification> = {}): ReportVerification {
  const none = { linked: 0, missing: 0, gone: 0, notAsWritten: 0, changedThere: 0, others: 3, attributes: [] };
  const verification = { checkedAt: "2025-11-23T21:04:13.000Z", expected: 1_000, present: 1_000, ...none, ...words };
  return {
    verification,
    details: {
      ...{ connection: "customers", job: "job_0000000000000001", lines: 1_003, sha256: "e".repeat(64), tookMs: 1_000 },
      ...{ linkedTo: 0, untold: 0, notLookedUp: 0, foundSingly: 0, vanished: 0, notExported: [], normalised: [] },
      sample: { read: 200, there: 200 },
    },
    exceptions: [{ what: "missing", file: "a.json", line: 3, identity: "user_id:5f***", attributes: [] }],
    evidence: "f".repeat(64),
    circumstances: {
      ...{ tenant: "example.eu.auth0.com", connectionId: "con_0000000000000001", project: "p", stack: "dev" },
      ...{ name: "everyone", arguments: { maxMissing: 0 }, ranBy: { user: "runner" } },
      versions: { package: "1.0.0", node: "20.19.0" },
      files: [{ name: "a.json", sha256: "a".repeat(64), bytes: 1_000, records: 1_000 }],
    },
  };
}

/** So many jobs on so many slots, 18 seconds each, one after the other. */
function manyJobs(count: number, slots: number): BatchJob[] {
  return Array.from({ length: count }, (_, i) => {
    const from = 19 * Math.floor(i / slots);
    return job(from, from + 18, { id: `job_number${i}`, failed: i % 7 });
  });
}

describe("report.html", () => {
  let folder: string;
  beforeEach(() => {
    folder = path.join(mkdtempSync(path.join(tmpdir(), "user-import-report-")), "results");
  });
  afterEach(() => rmSync(path.dirname(folder), { recursive: true }));

  /** Writes the report and reads it as a browser does; there must be nothing that a browser would have to mend. */
  async function report(data: Partial<ReportData>): Promise<Page> {
    await writeReport(folder, { ...DATA, ...data });
    return new Page(readFileSync(path.join(folder, REPORT), "utf8"));
  }

  it("needs nothing else: no script, no address, no style but its own", async () => {
    const page = await report({});
    const policy = page.one("meta", (each) => attribute(each, "http-equiv") === "Content-Security-Policy");
    const digest = createHash("sha256").update(page.one("style").text).digest("base64");
    assert.equal(
      attribute(policy.element, "content"),
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`,
    );
    const names = new Set(page.elements.flatMap(({ attrs }) => attrs.map(({ name }) => name)));
    for (const name of ["style", "src", "href", "xlink:href", "onload", "onclick"]) assert.ok(!names.has(name), name);
    assert.deepEqual(page.all("script"), []);
    assert.doesNotMatch(page.source, /https?:|url\((?!#)|@import/);
  });

  it("is for its owner only, and whole", async () => {
    await report({});
    assert.equal(statSync(path.join(folder, REPORT)).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(folder), [REPORT]);
  });

  it("says first how it ended", async () => {
    const verdict = async (data: Partial<ReportData>) => (await report(data)).one("h2").text;
    assert.equal(await verdict({}), "Every user of the files is in Auth0");
    const summary = { ...EMPTY_SUMMARY, total: 1_000, inserted: 994, failed: 5, invalid: 1 };
    assert.equal(await verdict({ summary }), "6 of 1,000 users failed");
    assert.equal(await verdict({ summary, problem: "The deadline is near" }), "The run ended before all was done");
  });

  it("says whether everybody is in, as the connection was read back, and has a page for the auditor", async () => {
    const parts = async (data: Partial<ReportData>) => (await report(data)).all("h2").map(({ text }) => text);
    const good = await parts({ verification: readBack() });
    assert.equal(good[0], "Every user of the files is in Auth0");
    assert.ok(good.includes("Read back: nobody is missing"));
    assert.equal(good.at(-1), "Verification, for the auditor");

    const summary = { ...EMPTY_SUMMARY, total: 1_000, inserted: 998, failed: 2 };
    const page = await report({ summary, verification: readBack({ present: 998, missing: 2 }) });
    const titles = page.all("h2").map(({ text }) => text);
    assert.equal(titles[0], "2 of 1,000 users are missing");
    assert.ok(titles.includes("Read back: 2 users missing"));
    assert.match(page.text, /a\.json:3\s*user_id:5f\*\*\*\s*missing/);
    for (const told of ["998 present + 0 linked + 2 missing + 0 gone = 1,000 expected", "f".repeat(64), "Checked by"]) {
      assert.ok(page.text.includes(told), told);
    }

    const gone = await parts({ verification: readBack({ present: 999, gone: 1 }) });
    assert.equal(gone[0], "Every user of the files is in Auth0, but for 1 who was deleted there since");
    const unverified = await parts({ unverified: "The export job failed." });
    assert.equal(unverified[0], "Everybody was sent, and nobody has verified who is there");
  });

  it("says that a worker wrote it, and of how many batches it tells", async () => {
    const all = (await report({ byWorkers: { batches: 16, of: 16 } })).one("body").text;
    assert.match(all, /Every user of the files is in Auth0/);
    assert.match(all, /A worker wrote this page when its last batch was done\. pulumi up collects the batches/);
    assert.doesNotMatch(all, /It tells of/);
    const some = (await report({ byWorkers: { batches: 3, of: 16 } })).one("body").text;
    assert.match(some, /Every user of these batches is in Auth0/);
    assert.match(some, /It tells of 3 of 16 batches: the others had nothing to do/);
    assert.match(some, /1,000 users in these batches/);
  });

  it("tells of conflicts: how many, why, and the first hundred, masked; and who is not there any more", async () => {
    const reason = "it was changed in Auth0, too";
    const first = Array.from({ length: 120 }, (_, i) => ({
      ...{ identity: `email:someone${i}@example.com`, attributes: ["name", "user_metadata"] },
      ...{ reason, file: "users.ndjson", line: i + 1 },
    }));
    const differences = [
      { attribute: "user_metadata", reason, users: 1_200 },
      { attribute: "name", reason: "the user was deleted in Auth0 since", users: 3 },
    ];
    const { text } = await report({
      summary: { ...EMPTY_SUMMARY, total: 9_000, unchanged: 7_797, conflicts: 1_203 },
      conflicts: { users: 1_203, deleted: 3, differences, first },
    });
    for (const told of [
      /Every user of the files is in Auth0, but for 3 who were deleted there since/,
      /Of 1,203 users, changes of the files were not sent/,
      /Conflicts\s*1,203\s*13\.4%/,
      /1,203 conflicts/,
      /user_metadata\s*1,200\s*it was changed in Auth0, too/,
      /The first of 1,203/,
      /users\.ndjson:100\s*email:so\*\*\*@ex\*\*\*\s*name, user_metadata/,
      /90 more/,
    ]) {
      assert.match(text, told);
    }
    assert.doesNotMatch(text, /users\.ndjson:101|someone\d/);
  });

  it("counts each kind of user, and says what each code means and what to do", async () => {
    const { text } = await report({
      summary: {
        total: 9_000,
        inserted: 8_000,
        updated: 100,
        unchanged: 200,
        adopted: 300,
        conflicts: 0,
        outdated: 0,
        notApplied: 31,
        failed: 349,
        invalid: 20,
        removed: 7,
        memberships: { given: 1_234, taken: 5 },
      },
      failures: [
        { code: "FORMAT", users: 20 },
        { code: "DUPLICATED_USER", users: 345, kind: "upsert" },
        { code: "MFA_FACTORS_FAILED", users: 4 },
        { code: "UNKNOWN_ROLE", users: 2 },
      ],
      notApplied: [{ attribute: "username", reason: "An upsert can't set it", users: 31 }],
      passwordResetRequired: 17,
    });
    for (const told of [
      /Inserted\s*8,000\s*88\.9%/,
      /Adopted\s*300/,
      /No longer in the files\s*7/,
      /345\s*93\.5%.*DUPLICATED_USER upsert jobs.*left over.*DELETE \/api\/v2.*20\s*5\.4%.*FORMAT/s,
      /MFA_FACTORS_FAILED sending it again may help/,
      /username\s*31\s*An upsert can't set it/,
      /17 users came in without a password/,
      /Roles and memberships of organizations: 1,234 given, 5 taken; 2 users lack some/,
    ]) {
      assert.match(text, told);
    }
  });

  it("shows when each job had its slot, how long it waited, what failed in it, and where a call was made again", async () => {
    const page = await report({
      jobs: [
        job(0, 18),
        job(1, 20, { submitted: at(-9), failed: 500 }),
        job(21, 40, { kind: "upsert", retries: ["HTTP 502", "HTTP 502", "no answer in time"] }),
        job(22, 25, { status: "vanished" }),
      ],
      maxActiveJobs: 5,
    });
    const bars = page.all("g", (each) => /^(insert|upsert|lost)( odd)?$/.test(attribute(each, "class") ?? ""));
    const drawn = bars
      .filter(({ element }) => element.childNodes.some(({ nodeName }) => nodeName === "title"))
      .map(({ element, text }) => ({
        kind: attribute(element, "class")?.split(" ")[0],
        parts: element.childNodes.map((each) => ("attrs" in each ? (attribute(each, "class") ?? each.nodeName) : "")),
        text,
      }));
    assert.deepEqual(drawn.map(({ kind }) => kind).sort(), ["insert", "insert", "lost", "upsert"]);
    const waited = drawn.find(({ text }) => text.includes("job_1_20"));
    assert.match(waited?.text ?? "", /1,000 users, 500 failed\n21:04:14 to 21:04:33, 19 s\n10 s until Auth0 took it/);
    assert.ok(waited?.parts.includes("wait") && waited.parts.includes("bad"));
    const again = drawn.find(({ kind }) => kind === "upsert");
    assert.match(again?.text ?? "", /called again: HTTP 502 \(2 times\), no answer in time/);
    assert.ok(again?.parts.includes("circle"));
    assert.match(drawn.find(({ kind }) => kind === "lost")?.text ?? "", /gone from Auth0/);
    assert.match(page.text, /Slots\s*2 of 5 used/);
    assert.match(page.text, /Calls made again\s*3/);
  });

  it("cuts out the night between two runs, and tells why the first of them ended", async () => {
    const night = 8 * 3_600;
    const page = await report({
      jobs: [
        ...manyJobs(40, 2),
        ...manyJobs(40, 2).map((each, i) => ({ ...each, ...job(night + 19 * i, night + 19 * i + 18) })),
      ],
      interruptions: [{ at: new Date(START + 60_000), reason: "Pulumi has ended." }],
    });
    assert.match(page.text, /7 h 54 min without a job/);
    assert.match(page.text, /pauses are cut out/);
    assert.match(
      page.text,
      /Earlier runs of this import ended before all was done:\s*23 Nov 2025, 21:05:13: Pulumi has ended\./,
    );
    assert.equal(page.all("line", (each) => attribute(each, "class") === "interruption").length, 1 + 1);
  });

  it("draws every one of a thousand jobs, in less than a megabyte", async () => {
    for (const slots of [2, 20]) {
      const page = await report({ jobs: manyJobs(1_000, slots) });
      const told = new Set(page.all("title").map(({ text }) => /^job_number\d+/.exec(text)?.[0]));
      assert.equal([...told].filter((each) => each !== undefined).length, 1_000);
      assert.ok(page.source.length < 1_000_000, `${page.source.length} characters`);
      assert.equal(page.all("tr").length, 1 + 1_000);
    }
  });

  it("does not grow without end: jobs that are too many to see share a bar", async () => {
    const page = await report({ jobs: manyJobs(10_000, 2) });
    assert.ok(page.source.length < 1_500_000, `${page.source.length} characters`);
    assert.match(page.text, /\d jobs, \d,000 users/);
    assert.match(page.text, /The first 1,000 of 10,000 jobs as a table/);
    const shared = page
      .all("title")
      .flatMap(({ text }) => /^(\d+) jobs/.exec(text)?.[1] ?? (/^job_/.test(text) ? "1" : []));
    const drawn = shared.reduce((sum, jobs) => sum + Number(jobs), 0);
    // A job at the end of a line is drawn on the next one, too.
    assert.ok(drawn >= 10_000 && drawn < 10_100, `${drawn} jobs`);
  });

  it("is a page at any time and size of jobs, without a number that is none", async () => {
    const second = fc.integer({ min: 0, max: 10_000 });
    const length = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 0, max: 30 }),
      fc.double({ min: 0, max: 7_200, noNaN: true }),
    );
    const anyJob = fc
      .tuple(second, length, length, fc.boolean(), fc.nat(2_000), fc.nat(2_000))
      .map(([from, wait, took, isUpsert, users, failed]) =>
        job(from + wait, from + wait + took, {
          submitted: at(from),
          kind: isUpsert ? "upsert" : "insert",
          users,
          failed: Math.min(users, failed),
        }),
      );
    await fc.assert(
      fc.asyncProperty(fc.array(anyJob, { maxLength: 30 }), async (jobs) => {
        const page = await report({ jobs });
        assert.doesNotMatch(page.source.replace(/<style>.*<\/style>/s, ""), /NaN|undefined|Infinity|="-|%%/);
      }),
      { numRuns: 60 },
    );
  });

  it("shows every text as a text, whatever it holds", async () => {
    const hostile = fc.oneof(
      fc.constantFrom(
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</style></title>",
        "<!--",
        "]]>",
        "&lt;",
      ),
      fc.string({ unit: fc.constantFrom(..."<>&\"'`/=!-- \n\u0000\u0085\uffff\ud800ab") }),
      fc.string({ unit: "binary" }),
    );
    const shapeOf = async (text: string) => {
      const page = await report(withText(text));
      return page.elements.map(({ nodeName, attrs }) => `${nodeName} ${attrs.map(({ name }) => name).join(" ")}`);
    };
    const expected = await shapeOf("harmless");
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        // Backticks make code of what is between them, in texts that are ours.
        assert.deepEqual(await shapeOf(text.replaceAll("`", "")), expected);
      }),
    );
    assert.match((await report(withText("<b>Tom & Jerry</b>"))).text, /<b>Tom & Jerry<\/b>/);
  });

  it("holds no e-mail address, phone number or hash of any record", async () => {
    const secret = "jane.quimby@example.com +12125550001 $2b$10$abcdefghijklmnopqrstuv";
    const page = await report({
      ...withText("jane.quimby@example.com +12125550001"),
      name: "everyone",
      connectionId: DATA.connectionId,
      jobs: [job(0, 18, { retries: ["jane.quimby@example.com"] })],
      failedRecords: [
        "email:jane.quimby@example.com",
        "phone_number:+12125550001",
        "username:janequimby1",
        undefined,
      ].map((identity) => ({
        ...(identity === undefined ? {} : { identity }),
        code: "FORMAT",
        message: secret,
        path: "user_metadata.jane.quimby@example.com",
        file: "a.json",
        line: 3,
      })),
    });
    for (const part of ["jane", "quimby", "example.com", "2125550001", "$2b$", "abcdef"]) {
      assert.ok(!page.source.includes(part), part);
    }
    assert.match(page.text, /a\.json:3\s*email:ja\*\*\*@ex\*\*\*/);
    assert.match(page.text, /a\.json:3\s*no identifier/);
  });
});

describe("jobs on slots", () => {
  const jobs = fc.array(
    fc
      .tuple(fc.nat(1_000), fc.nat(20), fc.nat(100))
      .map(([from, wait, took]) => job(from + wait, from + wait + took, { submitted: at(from) })),
    { maxLength: 60 },
  );

  it("never overlap on one, and take no more slots than jobs were active at once", () => {
    fc.assert(
      fc.property(jobs, (all) => {
        const placed = placeJobs(all);
        assert.equal(placed.length, all.length);
        for (const a of placed) {
          const others = placed.filter((b) => b !== a && b.slot === a.slot);
          assert.ok(others.every((b) => b.to <= a.from || b.from >= a.to));
        }
        const active = placed.map((a) => placed.filter((b) => b.from <= a.from && b.to > a.from).length);
        assert.equal(new Set(placed.map(({ slot }) => slot)).size, Math.max(0, ...active));
      }),
    );
  });

  it("lie within the times of work, which are apart", () => {
    fc.assert(
      fc.property(jobs, (all) => {
        const placed = placeJobs(all);
        const spans = workSpans(placed);
        for (const { from, to } of placed) assert.ok(spans.some((span) => span.from <= from && to <= span.to));
        for (const [i, { from }] of spans.slice(1).entries()) assert.ok(from - (spans[i]?.to ?? from) > 60_000);
      }),
    );
  });

  it("make a throughput in which every user counts once", () => {
    fc.assert(
      fc.property(jobs, fc.integer({ min: 1_000, max: 100_000 }), (all, lengthMs) => {
        const placed = placeJobs(all);
        const counted = workSpans(placed)
          .flatMap((span) => toSteps(span, placed, lengthMs))
          .reduce((sum, { from, to, rate }) => sum + (rate.insert * (to - from)) / 1_000, 0);
        assert.ok(Math.abs(counted - 1_000 * all.length) < 0.01, `${counted}`);
      }),
    );
  });
});

/** The same text wherever the report takes one. */
function withText(text: string): ReportData {
  return {
    ...DATA,
    name: text,
    connectionId: text,
    problem: text,
    interruptions: [{ at: new Date(START + 5_000), reason: text }],
    jobs: [job(0, 18, { id: text, batch: text, retries: [text] })],
    summary: { ...DATA.summary, failed: 1 },
    failures: [{ code: text, users: 1 }],
    failedRecords: [{ identity: text, code: text, message: text, path: text, file: text, line: 1 }],
    notApplied: [{ attribute: text, reason: text, users: 1 }],
  };
}

/** A parsed page. */
class Page {
  readonly elements: readonly Element[];
  readonly text: string;

  constructor(readonly source: string) {
    const document = parse(source, {
      onParseError: ({ code, startLine, startCol }) => assert.fail(`${code} at ${startLine}:${startCol}`),
    });
    this.elements = nodesIn(document).filter((node): node is Element => "attrs" in node);
    this.text = textOf(document);
  }

  all(name: string, test: (element: Element) => boolean = () => true): { element: Element; text: string }[] {
    return this.elements
      .filter((element) => element.nodeName === name && test(element))
      .map((element) => ({ element, text: textOf(element) }));
  }

  one(name: string, test?: (element: Element) => boolean): { element: Element; text: string } {
    const [first] = this.all(name, test);
    assert.ok(first !== undefined, `there is no ${name}`);
    return first;
  }
}

function nodesIn(node: Node): Node[] {
  return [node, ...("childNodes" in node ? node.childNodes.flatMap(nodesIn) : [])];
}

function textOf(node: Node): string {
  return nodesIn(node)
    .map((each) => ("value" in each && each.nodeName === "#text" ? each.value : ""))
    .join("");
}

function attribute({ attrs }: Element, name: string): string | undefined {
  return attrs.find((each) => each.name === name)?.value;
}
