import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";

const PROVIDER = path.resolve("dist/provider/dynamic.js");

describe("what a provider process loads at its start", () => {
  const loadedBy = (file: string) => {
    const code = `require(${JSON.stringify(file)}); console.log(JSON.stringify(Object.keys(require.cache)))`;
    const loaded = JSON.parse(execFileSync(process.execPath, ["-e", code], { encoding: "utf8" })) as string[];
    assert.ok(loaded.includes(file));
    return (...folder: string[]) => loaded.filter((each) => each.includes(path.join(...folder, path.sep)));
  };

  it("is not Auth0's SDK, which takes longer than a preview of files that did not change", () => {
    assert.deepEqual(loadedBy(PROVIDER)("node_modules", "auth0"), []);
  });

  it("is nothing of a queue, nor when it sends", () => {
    for (const file of [PROVIDER, path.resolve("dist/provider/lifecycle/applyBatch.js")]) {
      const loaded = loadedBy(file);
      assert.deepEqual([...loaded("dist", "queue"), ...loaded("node_modules", "bullmq")], []);
    }
  });

  it("and what a worker does is nothing of Pulumi's", () => {
    assert.deepEqual(loadedBy(path.resolve("dist/queue/worker.js"))("node_modules", "@pulumi"), []);
  });
});
