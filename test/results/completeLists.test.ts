import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { writeCompleteLists } from "../../provider/results/completeLists";
import { isPersonal } from "../../provider/results/resultsFolder";
import { openSource, type Source } from "../../provider/source";

const REASON = "an import job can't change it of a user who exists";

describe("the complete lists", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "user-import-lists-"));
    const users = Array.from({ length: 5 }, (_, i) => ({
      email: `person${i}@example.com`,
      username: i === 4 ? "=five" : undefined,
    }));
    writeFileSync(path.join(folder, "users.ndjson"), users.map((user) => JSON.stringify(user)).join("\n"));
  });
  const opened: Source[] = [];
  afterEach(async () => {
    for (const source of opened.splice(0)) await source.close();
    rmSync(folder, { recursive: true });
  });

  const open = async () => {
    const source = await openSource(["users.ndjson"], folder);
    opened.push(source);
    return source;
  };
  const lines = (name: string) =>
    readFileSync(path.join(folder, name), "utf8")
      .replace("\ufeff", "")
      .trimEnd()
      .split("\r\n")
      .map((line) => line.split(","));
  const column = (name: string, at: number) =>
    lines(name)
      .slice(1)
      .map((cells) => cells[at]);

  it("name each user and attribute that could not be applied, of all batches, masked", async () => {
    await writeCompleteLists(
      folder,
      [
        { notAppliedAt: [{ attribute: "username", reason: REASON, at: "0-1,4" }], passwordResetsAt: "" },
        { notAppliedAt: [{ attribute: "blocked", reason: REASON, at: "1" }], passwordResetsAt: "" },
      ],
      open,
    );
    assert.deepEqual(column("not-applied.csv", 1), ['"1"', '"2"', '"2"', '"5"']);
    assert.deepEqual(column("not-applied.csv", 3), ['"username"', '"username"', '"blocked"', '"username"']);
    assert.doesNotMatch(readFileSync(path.join(folder, "not-applied.csv"), "utf8"), /person|example/);
    assert.equal(existsSync(path.join(folder, "password-reset-required.csv")), false);
  });

  it("have conflicts apart from what can't be applied, for their owner alone", async () => {
    const conflict = true as const;
    await writeCompleteLists(
      folder,
      [
        {
          notAppliedAt: [
            { attribute: "username", reason: REASON, at: "1" },
            { attribute: "user_metadata", reason: "changed", conflict, at: "0-1" },
          ],
        },
        { notAppliedAt: [{ attribute: "name", reason: "deleted", conflict, at: "4" }] },
      ],
      open,
    );
    assert.deepEqual(column("not-applied.csv", 3), ['"username"']);
    assert.deepEqual(column("conflicts.csv", 1), ['"1"', '"2"', '"5"']);
    assert.deepEqual(column("conflicts.csv", 3), ['"user_metadata"', '"user_metadata"', '"name"']);
    assert.equal(statSync(path.join(folder, "conflicts.csv")).mode & 0o777, 0o600);
    assert.doesNotMatch(readFileSync(path.join(folder, "conflicts.csv"), "utf8"), /person|example/);
    assert.ok(!isPersonal("conflicts.csv"));
  });

  it("name all users without a password with their identifiers, for their owner alone, and purge takes them", async () => {
    await writeCompleteLists(folder, [{ passwordResetsAt: "1" }, { passwordResetsAt: "4" }], open);
    const name = "password-reset-required.csv";
    assert.deepEqual(column(name, 3), ['"person1@example.com"', '"person4@example.com"']);
    assert.deepEqual(column(name, 4), ['""', '"\'=five"']);
    assert.equal(statSync(path.join(folder, name)).mode & 0o777, 0o600);
    assert.ok(isPersonal(name));
    assert.ok(!isPersonal("not-applied.csv"));
  });

  it("are gone when there is nobody to list, and open no source for that", async () => {
    await writeCompleteLists(
      folder,
      [{ passwordResetsAt: "1", notAppliedAt: [{ attribute: "blocked", reason: REASON, at: "1" }] }],
      open,
    );
    await writeCompleteLists(folder, [{}], () => assert.fail("the source was opened"));
    for (const name of ["not-applied.csv", "password-reset-required.csv"]) {
      assert.equal(existsSync(path.join(folder, name)), false, name);
    }
  });
});
