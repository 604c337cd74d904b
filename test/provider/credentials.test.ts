import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Summary } from "../../provider";
import { tenantOf } from "../../provider/tenant/client";
import { BatchTest, URN } from "../support/batch";
import { type Properties, ProviderProcess, UNKNOWN } from "../support/providerProcess";

const SECRET = "a-secret-out-of-a-vault";

describe("the argument credentials", () => {
  const at = new BatchTest();
  let provider: ProviderProcess | undefined;
  let credentials: Properties;

  beforeEach(async () => {
    await at.start({ clientSecret: SECRET });
    credentials = { domain: at.emulator.url, clientId: "emulator", clientSecret: SECRET };
    at.writeUsers([{ email: "jane@example.com", email_verified: true }]);
  });
  afterEach(async () => {
    await provider?.stop();
    provider = undefined;
    await at.stop();
  });

  /** A process whose stack configuration names no tenant. */
  async function start(): Promise<ProviderProcess> {
    await provider?.stop();
    provider = await ProviderProcess.start({}, at.provider.folder, { AUTH0_DOMAIN: "", AUTH0_CLIENT_ID: "" });
    return provider;
  }

  const failuresOf = async (given: unknown) =>
    (await (provider as ProviderProcess).check("UserBatch", {}, at.inputs({ credentials: given }))).failures;

  it("imports into the tenant that it names, is in no input and no output, and no difference when it changes", async () => {
    const first = await start();
    const { inputs, failures } = await first.check("UserBatch", {}, at.inputs({ credentials }));
    assert.deepEqual(failures, []);
    const { outputs } = await first.create("UserBatch", inputs);
    assert.equal((outputs.summary as Summary).inserted, 1);
    const journal = path.join(at.provider.folder, String(outputs.journalFile));
    for (const kept of [JSON.stringify(inputs), JSON.stringify(outputs), readFileSync(journal, "utf8"), first.output]) {
      assert.ok(!kept.includes(SECRET));
    }
    assert.ok(!("credentials" in inputs));

    const second = await start();
    const rotated = { ...credentials, clientSecret: "another one", audience: "another" };
    const now = (await second.check("UserBatch", inputs, at.inputs({ credentials: rotated }))).inputs;
    assert.deepEqual(now, inputs);
    assert.deepEqual(await second.diff("UserBatch", outputs, now), { changes: false, replaces: [] });
  });

  it("counts before the stack configuration, and each import has its own", async () => {
    at.writeUsers([{ email: "joe@example.com" }], "others.json");
    const config = { "auth0:domain": at.emulator.url, "auth0:clientId": "emulator", "auth0:clientSecret": "wrong" };
    provider = await ProviderProcess.start(config, at.provider.folder);
    const own = (await provider.check("UserBatch", {}, at.inputs({ credentials }))).inputs;
    const others = at.inputs({
      resourceUrn: URN.replace("everyone", "others"),
      resultsDir: "others",
      users: ["others.json"],
    });
    const ofStack = (await provider.check("UserBatch", {}, others)).inputs;
    await assert.rejects(provider.create("UserBatch", ofStack), /refused the credentials .*Check auth0:clientId/);
    assert.equal(((await provider.create("UserBatch", own)).outputs.summary as Summary).inserted, 1);
  });

  it("may be unknown at a preview: all is told that needs no tenant", async () => {
    at.writeUsers([{ email: "jane@example.com", email_verified: true }, { email: "no address" }]);
    for (const given of [UNKNOWN, { ...credentials, clientSecret: UNKNOWN }, { domain: UNKNOWN, apiToken: UNKNOWN }]) {
      const { failures } = await (await start()).check(
        "UserBatch",
        {},
        at.inputs({ credentials: given, key: UNKNOWN, preview: true }),
      );
      assert.deepEqual(failures, []);
      assert.match(provider?.logs.map(({ message }) => message).join("\n") ?? "", /1 new, 1 invalid/);
    }
  });

  it("is refused where it can't be used, before anything is sent, by the setting's name and without its value", async () => {
    await start();
    const { domain } = credentials;
    for (const [given, reason] of [
      [
        { domain },
        /^No credentials for .* Set credentials\.clientId and credentials\.clientSecret, or credentials\.apiToken\.$/,
      ],
      [{ clientId: "x" }, /^No Auth0 tenant is configured\. Set it: credentials\.domain\.$/],
      [
        { domain, clientId: "x" },
        /^credentials\.clientId is set, but no secret for it\. Set credentials\.clientSecret or/,
      ],
      [{ ...credentials, clientSecrte: SECRET }, /^credentials has no clientSecrte\. It takes domain, clientId, /],
      [{ ...credentials, clientSecret: [SECRET] }, /^credentials\.clientSecret must be a text\.$/],
      [{ ...credentials, domain: "http://example.com" }, /^credentials\.domain is "http:\/\/example\.com": plain http/],
      [SECRET, /^credentials must be an object/],
    ] as const) {
      const [told = "", ...others] = await failuresOf(given);
      assert.match(told, reason);
      assert.deepEqual(others, []);
      assert.ok(!told.includes(SECRET));
    }
    const wrong = (
      await provider?.check("UserBatch", {}, at.inputs({ credentials: { ...credentials, clientSecret: "x" } }))
    )?.inputs;
    await assert.rejects(
      (provider as ProviderProcess).create("UserBatch", wrong as Properties),
      /refused the credentials .*Check credentials\.clientId, credentials\.clientSecret and credentials\.audience/,
    );
  });

  it("is named where the stack configuration has no credentials of its own: cliLogin, a provider of its own", async () => {
    const failures = async (config: Record<string, string>) => {
      await provider?.stop();
      provider = await ProviderProcess.start(config, at.provider.folder, { AUTH0_DOMAIN: "" });
      return (await provider.check("UserBatch", {}, at.inputs())).failures.join();
    };
    assert.match(
      await failures({}),
      /No Auth0 tenant is configured.* auth0\.Provider .*argument `credentials` as well\.$/,
    );
    assert.match(
      await failures({ "auth0:domain": "example.eu.auth0.com", "auth0:cliLogin": "true" }),
      /^No credentials for .* auth0:cliLogin signs in @pulumi\/auth0 alone/,
    );
  });

  it("shares the slots, the pace and the turn of the tenant with whoever else signs in to it", () => {
    const limits = { maxActiveJobs: 2 };
    const origin = "https://example.eu.auth0.com";
    const [one, other] = ["one", "other"].map((apiToken) => tenantOf({ origin, auth: { apiToken } }, limits));
    assert.ok(one !== undefined && other !== undefined && one !== other);
    assert.equal(one.pace, other.pace);
    assert.equal(one.turn, other.turn);
    assert.equal(one, tenantOf({ origin, auth: { apiToken: "one" } }, limits));
    let running = 0;
    let most = 0;
    const job = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    };
    return Promise.all([one, other, one, other, other, one].map((tenant) => tenant.slot(job))).then(() =>
      assert.equal(most, 2),
    );
  });
});
