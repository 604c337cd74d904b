import assert from "node:assert/strict";
import { firstFailures } from "../../provider/results/firstFailures";

const failed = (line: number, path?: string) => ({
  ...{ identity: "email:jane@example.com", code: "FORMAT", message: "email jane@example.com is taken" },
  ...{ file: "users.ndjson", line, ...(path === undefined ? {} : { path }) },
});

describe("the first failures, for a message", () => {
  it("stand in the order of the files, with code and attribute, and without anything of the user", () => {
    const path = 'user_metadata["jane@example.com"]';
    assert.equal(
      firstFailures([failed(12, path), failed(3)], 2),
      '\n  users.ndjson:3 FORMAT\n  users.ndjson:12 FORMAT (user_metadata["‹email›"])',
    );
  });

  it("are ten, and a sign that there are more", () => {
    const lines = firstFailures(
      Array.from({ length: 1_000 }, (_, i) => failed(i + 1)),
      4_000,
    ).split("\n");
    assert.deepEqual([lines.length, lines[10], lines[11]], [12, "  users.ndjson:10 FORMAT", "  …"]);
  });
});
