import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { shareOf } from "../../provider/plan/share";
import { BatchTest, URN } from "../support/batch";
import { PartialFailure, type Properties, ProviderProcess } from "../support/providerProcess";

describe("the results of a run that fails", () => {
  const at = new BatchTest();
  afterEach(() => at.stop());

  it("hold what failed in a batch that an earlier run has finished", async () => {
    await at.start({ faults: [3, 5].map((nth) => ({ on: "submit", nth, kind: "status", code: 400 }) as const) });
    const people = Array.from({ length: 40 }, (_, i) => ({ email: `person${i}@example.com`, email_verified: true }));
    const [wrong, ...sound] = people.filter((user) => shareOf(user, 2) === 0);
    const large = people.filter((user) => shareOf(user, 2) === 1).slice(0, 4);
    at.writeUsers([
      { ...wrong, blocked: "maybe" },
      ...sound.slice(0, 2),
      // One for each job, of which the third one of the first run and the second one of the second are refused.
      ...large.map((user) => ({ ...user, user_metadata: { text: "x".repeat(300_000) } })),
    ]);
    const inputs = [0, 1].map((index) =>
      at.inputs({ resourceUrn: URN.replace(/00$/, `0${index}`), share: { index, count: 2 } }),
    ) as [Properties, Properties];
    const failedRecords = (): unknown =>
      JSON.parse(readFileSync(path.join(at.provider.folder, ".user-import/dev/everyone/failed-records.json"), "utf8"));
    const failed = [{ ...wrong, blocked: "maybe" }];

    const finished = (await at.provider.check("UserBatch", {}, inputs[0])).inputs;
    const { outputs } = await at.provider.create("UserBatch", finished);
    const stopped = (await at.provider.check("UserBatch", {}, inputs[1])).inputs;
    const failure = await partialFailure(at.provider.create("UserBatch", stopped));
    assert.deepEqual(failedRecords(), failed);

    const config = { "auth0:domain": at.emulator.url, "auth0:clientId": "emulator", "auth0:clientSecret": "emulator" };
    const next = await ProviderProcess.start(config, at.provider.folder);
    try {
      const { inputs: unchanged } = await next.check("UserBatch", finished, inputs[0]);
      assert.deepEqual(await next.diff("UserBatch", outputs, unchanged), { changes: false, replaces: [] });
      const { inputs: rest } = await next.check("UserBatch", stopped, inputs[1]);
      await partialFailure(next.update("UserBatch", failure.properties, rest));
      assert.deepEqual(failedRecords(), failed);
    } finally {
      await next.stop();
    }
  });
});

async function partialFailure(promise: Promise<unknown>): Promise<PartialFailure> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof PartialFailure, String(error));
  return error;
}
