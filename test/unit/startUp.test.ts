import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";

const PROVIDER = path.resolve("dist/provider/dynamic.js");

describe("what a provider process loads at its start", () => {
  it("is not Auth0's SDK, which takes longer than a preview of files that did not change", () => {
    const code = `require(${JSON.stringify(PROVIDER)}); console.log(JSON.stringify(Object.keys(require.cache)))`;
    const loaded = JSON.parse(execFileSync(process.execPath, ["-e", code], { encoding: "utf8" })) as string[];
    assert.ok(loaded.includes(PROVIDER));
    const ofTheSdk = loaded.filter((file) => file.includes(path.join("node_modules", "auth0", path.sep)));
    assert.deepEqual(ofTheSdk, []);
  });
});
