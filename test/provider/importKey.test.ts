import assert from "node:assert/strict";
import { BatchTest } from "../support/batch";
import { ProviderProcess, UNKNOWN } from "../support/providerProcess";

describe("an import's key, in the provider process", () => {
  const at = BatchTest.forEach();
  const URN = "urn:pulumi:dev::test::pulumi-nodejs:dynamic/auth0import:ImportKey::everyone-key";

  it("is made once, and remembers when", async () => {
    const before = Date.now();
    const { outputs } = await at.provider.create("ImportKey", { resourceUrn: URN });
    assert.match(String(outputs.key), /^[0-9a-f]{64}$/);
    const created = Date.parse(String(outputs.created));
    assert.ok(created >= before && created <= Date.now());
    assert.equal(new Date(created).toISOString(), outputs.created);
    assert.equal((await at.provider.diff("ImportKey", outputs, { resourceUrn: URN })).changes, false);
    assert.deepEqual(await at.provider.update("ImportKey", outputs, { resourceUrn: URN }), outputs);
  });

  for (const [value, isTruthy] of [
    ["1", true],
    ["true", true],
    ["True", true],
    ["0", false],
    ["yes", false],
    ["", false],
  ] as const) {
    it(`is ${isTruthy ? "refused" : "made"} where PULUMI_SKIP_CHECKPOINTS is "${value}", and kept once it is there`, async () => {
      const provider = await ProviderProcess.start({}, at.provider.folder, { PULUMI_SKIP_CHECKPOINTS: value });
      try {
        const { failures } = await provider.check("ImportKey", {}, { resourceUrn: URN });
        assert.equal(failures.length, isTruthy ? 1 : 0);
        if (isTruthy) assert.match(String(failures[0]), /first run.*Nothing was sent\. Unset the variable/);
        assert.deepEqual((await provider.check("ImportKey", { resourceUrn: URN }, { resourceUrn: URN })).failures, []);
        assert.equal(provider.output, "");
      } finally {
        await provider.stop();
      }
    });
  }

  describe("tells batches since when", () => {
    const check = (inputs: object) => at.provider.check("UserBatch", {}, at.inputs({ ...inputs }));
    beforeEach(() => at.writeUsers([{ email: "jane@example.com" }]));

    it("which is in their inputs, and no difference", async () => {
      const created = "2026-01-02T03:04:05.678Z";
      const old = await at.create({ created });
      assert.equal(await at.update(old, { created }), old);
      assert.equal(await at.update(old, { created: "2026-01-03T03:04:05.678Z" }), old);
      assert.equal(await at.update(old), old);
    });

    it("unless the key is of a version that did not note it: Pulumi's SDK takes that for unknown in a preview", async () => {
      assert.equal("created" in (await check({ created: UNKNOWN })).inputs, false);
      assert.equal((await check({ created: UNKNOWN, key: UNKNOWN })).inputs.created, UNKNOWN);
    });

    it("and nothing else is taken for that", async () => {
      assert.match(String((await check({ created: "yesterday" })).failures), /created must be the time/);
    });
  });
});
