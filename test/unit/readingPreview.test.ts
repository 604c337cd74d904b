import assert from "node:assert/strict";
import { readingLine } from "../../provider/import/readingPreview";

describe("what a preview says of readings", () => {
  const line = (changed: number, metadata = 0, added = 0, takesExisting = false) =>
    readingLine({ new: added, changed, changes: new Map([["user_metadata", metadata]]) }, takesExisting);

  it("is nothing where nobody is read", () => {
    assert.equal(line(0, 0, 1_000), undefined);
  });

  it("is how many calls it may take", () => {
    assert.equal(line(1), "Reads 1 user before it writes to them: 1 to 2 calls.");
    assert.equal(
      line(13, 2),
      "Reads 13 users before it writes to them: 13 to 26 calls. For up to 2, whose metadata an application may have changed, 2 calls more each (PATCH).",
    );
    assert.match(line(1_000) ?? "", /: 1,000 to 2,000 calls, or one export job of the connection\.$/);
  });

  it("is how long they take, where that is long", () => {
    const long = line(10_000, 9_000) ?? "";
    assert.match(long, /^Reads 10,000 users before it writes to them: one export job of the connection\./);
    assert.match(long, /For up to 2,000, .*: 4,000 calls, 4 minutes at 16 a second, 33 minutes at 2\.$/);
  });

  it("is of those, too, who may be there before the first import", () => {
    assert.match(line(0, 0, 100, true) ?? "", /^Reads 100 users before/);
  });
});
