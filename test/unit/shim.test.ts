import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Kind, shim, typeToken } from "../../provider/resources/shim";
import { ProviderProcess } from "../support/providerProcess";

describe("the shim in every state", () => {
  it("is frozen: states of all versions hold this very text, and refresh and destroy run it", () => {
    const digest = (kind: Kind) => createHash("sha256").update(shim(kind)).digest("hex");
    assert.deepEqual(
      { ImportKey: digest("ImportKey"), UserBatch: digest("UserBatch"), Finalizer: digest("Finalizer") },
      {
        ImportKey: "1ef6ca08e645305d5859b102ee3106ce07372174f0d364e33d5a4dfc56290fb7",
        UserBatch: "d3b7a74b21170adf684b703d358165999162c320216c90d3936b25390d4ff7a1",
        Finalizer: "20b53c5004736d6c4bf62365e5e84a8f7e2d868221970422488d7ddc7327ba9c",
      },
    );
  });

  it("is stored under types that are frozen", () => {
    assert.equal(typeToken("UserBatch"), "pulumi-nodejs:dynamic/auth0import:UserBatch");
  });

  it("holds neither closures nor anything of the machine", () => {
    assert.doesNotMatch(shim("UserBatch"), /__f\d|\/home|\/work|node_modules/);
  });

  it("says what to do where the package can't be found, and loses no state over it", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "user-import-bare-"));
    const provider = await ProviderProcess.start({}, folder);
    try {
      const { failures } = await provider.check("UserBatch", {}, {});
      assert.match(
        failures.join(),
        /pulumi-auth0-user-import can't be loaded from .*dependency of the program's own package\.json/,
      );
      await assert.rejects(provider.update("UserBatch", {}, {}), /Nothing was sent/);
      assert.equal(provider.output, "");
    } finally {
      await provider.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
