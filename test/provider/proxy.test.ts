import assert from "node:assert/strict";
import type { Summary } from "../../provider";
import { proxyTo } from "../../provider/tenant/proxy";
import { BatchTest } from "../support/batch";
import { type Properties, ProviderProcess } from "../support/providerProcess";
import { CERTIFICATE, TENANT, TestProxy } from "../support/proxy";

describe("a proxy on the way to Auth0", () => {
  const at = BatchTest.forEach();
  let proxy: TestProxy;
  let provider: ProviderProcess | undefined;

  beforeEach(async () => {
    proxy = await TestProxy.start(at.emulator.port);
    at.writeUsers([{ email: "jane@example.com", email_verified: true }]);
  });
  afterEach(async () => {
    await provider?.stop();
    provider = undefined;
    proxy.stop();
  });

  /** The outputs of an import, in a process with these environment variables. */
  async function create(env: Record<string, string>, domain = TENANT): Promise<Properties> {
    const config = { "auth0:domain": domain, "auth0:clientId": "emulator", "auth0:clientSecret": "emulator" };
    provider = await ProviderProcess.start(config, at.provider.folder, {
      ...{ NODE_EXTRA_CA_CERTS: CERTIFICATE, USER_IMPORT_TEST_RETRIES: "0" },
      ...env,
    });
    const { inputs, failures } = await provider.check("UserBatch", {}, at.inputs());
    assert.deepEqual(failures, []);
    return (await provider.create("UserBatch", inputs)).outputs;
  }

  const hosts = () => new Set(proxy.asked.map(({ host }) => host));

  for (const variable of ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]) {
    it(`is the one of ${variable}, for every call and nothing else`, async () => {
      // Half of them without `http://`, as curl and Go take it.
      const address = `user:p%40ss@${proxy.address}`;
      const { summary } = await create({ [variable]: variable.startsWith("HTTPS") ? address : `http://${address}` });
      assert.equal((summary as Summary).inserted, 1);
      assert.deepEqual([...hosts()], [`${TENANT}:443`]);
      const authorization = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;
      assert.ok(proxy.asked.every((each) => each.authorization === authorization));
      assert.match(provider?.logs.map(({ message }) => message).join("\n") ?? "", /1 of 1 users/);
    });
  }

  it("is passed by to reach this machine, and hosts in NO_PROXY", async () => {
    const { summary } = await create({ HTTPS_PROXY: proxy.address, HTTP_PROXY: proxy.address }, at.emulator.url);
    assert.equal((summary as Summary).inserted, 1);
    await provider?.stop();
    at.writeUsers([{ email: "joe@example.com", email_verified: true }]);
    await assert.rejects(
      create({ HTTPS_PROXY: proxy.address, NO_PROXY: "other.example, .tenant.example" }),
      /tenant\.example could not be reached while .*: (ENOTFOUND|EAI_AGAIN)\. Check auth0:domain and the network/,
    );
    assert.deepEqual(proxy.asked, []);
  });

  it("is named, without its credentials, where the tenant can't be reached through it", async () => {
    proxy.refusal = 407;
    const way = `through the proxy ${proxy.address} \\(HTTPS_PROXY\\) while reading the connection`;
    const HTTPS_PROXY = `http://user:s3cret@${proxy.address}`;
    const refused = await create({ HTTPS_PROXY }).then(
      () => assert.fail("was imported"),
      (error: Error) => error.message,
    );
    assert.match(
      refused,
      new RegExp(
        `tenant\\.example could not be reached ${way}: the proxy answered 407, it wants a user name and password\\. Check HTTPS_PROXY`,
      ),
    );
    await provider?.stop();
    proxy.stop();
    const gone = await create({ HTTPS_PROXY }).then(
      () => assert.fail("was imported"),
      (error: Error) => error.message,
    );
    assert.match(gone, new RegExp(`${way}: ECONNREFUSED\\. Check auth0:domain, HTTPS_PROXY and the network`));
    assert.doesNotMatch(refused + gone + provider?.output, /s3cret/);
  });

  it("that is no address is told before anything is sent, without its value", async () => {
    const config = { "auth0:domain": TENANT, "auth0:clientId": "emulator", "auth0:clientSecret": "emulator" };
    provider = await ProviderProcess.start(config, at.provider.folder, { https_proxy: "ftp://user:s3cret@proxy" });
    const { failures } = await provider.check("UserBatch", {}, at.inputs());
    assert.deepEqual(failures, [
      "The environment variable https_proxy is not the address of a proxy. Give one such as http://proxy.example.com:3128, or unset it.",
    ]);
  });

  it("is chosen as everything else in a run of Pulumi chooses it", () => {
    const chosen = (environment: Record<string, string>, origin = "https://shop.eu.auth0.com") =>
      proxyTo(origin, environment)?.url.origin;
    const [one, other] = ["http://one.example:3128", "http://other.example:3128"];
    assert.equal(chosen({}), undefined);
    assert.equal(chosen({ HTTPS_PROXY: "", https_proxy: " " }), undefined);
    assert.equal(chosen({ HTTPS_PROXY: one, HTTP_PROXY: other }), one);
    assert.equal(chosen({ HTTPS_PROXY: other, https_proxy: one }), one);
    assert.equal(chosen({ HTTPS_PROXY: "one.example:3128" }), one);
    for (const entry of ["*", "auth0.com", ".auth0.com", "*.auth0.com", "SHOP.eu.auth0.com", "shop.eu.auth0.com:443"]) {
      assert.equal(chosen({ HTTPS_PROXY: one, NO_PROXY: `localhost,${entry}` }), undefined, entry);
      assert.equal(chosen({ HTTPS_PROXY: one, no_proxy: entry }), undefined, entry);
    }
    for (const entry of ["", "auth0", "0.com", "op.eu.auth0.com", "shop.eu.auth0.com:80", "a.shop.eu.auth0.com"]) {
      assert.equal(chosen({ HTTPS_PROXY: one, NO_PROXY: entry }), one, entry);
    }
    for (const origin of ["http://127.0.0.1:4010", "http://localhost:4010", "https://[::1]"]) {
      assert.equal(chosen({ HTTPS_PROXY: one, HTTP_PROXY: one }, origin), undefined, origin);
    }
  });
});
