import assert from "node:assert/strict";
import { Link, LOCALHOST } from "../support/link";
import { serversHere } from "../support/queueServers";
import { QueueTest, usersOf } from "../support/queueTest";

const start = serversHere.get("Redis");

if (start !== undefined) {
  describe("rediss://, with a certificate that is signed by itself", () => {
    it("is refused, and taken with NODE_EXTRA_CA_CERTS, by update and worker", async () => {
      const server = await start();
      const link = await Link.to(server.url, { tls: true });
      const at = new QueueTest(() => server);
      await at.start();
      try {
        assert.match(link.url, /^rediss:\/\/localhost:/);
        at.writeUsers(usersOf(10));
        const refused = await at.up(undefined, at.inputs(), at.provider(link.url));
        assert.match(refused.error ?? "", /The queue at rediss:.* does not answer \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
        const { code, output } = await at.workerAt(link.url).finished;
        assert.equal(code, 1);
        assert.match(output, /The queue at rediss:.* does not answer \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
        const trusting = { NODE_EXTRA_CA_CERTS: LOCALHOST };
        at.workerAt(link.url, at.folder, trusting);
        const { error, outputs } = await at.up(undefined, at.inputs(), at.provider(link.url, {}, trusting));
        assert.equal(error, undefined);
        assert.equal(outputs?.summary.inserted, 10);
      } finally {
        await at.stop();
        await link.stop();
        await server.stop();
      }
    }).timeout(60_000);
  });
}
