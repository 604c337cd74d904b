import assert from "node:assert/strict";
import path from "node:path";
import { runtimeProblem } from "../../provider/resources/runtime";

describe("a program's runtime", () => {
  const bun = { ...process.versions, bun: "1.4.5" };
  const withNode = ["/nowhere", path.dirname(process.execPath)].join(path.delimiter);

  it("is Node.js, or Bun beside a Node.js", () => {
    assert.equal(runtimeProblem(process.versions, "/nowhere"), undefined);
    assert.equal(runtimeProblem(bun, withNode), undefined);
  });

  it("is not Bun alone: the provider needs Node.js", () => {
    assert.match(runtimeProblem(bun, "/nowhere") ?? "", /Node\.js, which is not on the PATH/);
  });
});
