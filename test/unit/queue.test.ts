import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { CensusIndex } from "../../provider/census/census";
import { Census, SharedCensus } from "../../provider/census/takeCensus";
import type { ExportedUsers } from "../../provider/tenant/exportedUsers";
import { askWorkers } from "../../queue";
import { Fence } from "../../queue/fence";
import { queueProblem } from "../../queue/problem";
import { parseQueueUrl, queueNameOf } from "../../queue/queueUrl";
import { Seal } from "../../queue/seal";
import { Blobs, type PieceStore, StopMarks } from "../../queue/store";
import { baseOf, importOf, jobIdOf, wantedOf } from "../../queue/task";
import { readFor } from "../../queue/workerReadings";

const URN = "urn:pulumi:dev::shop::auth0import:UserImport$pulumi-nodejs:dynamic/auth0import:UserBatch::everyone-03";
const CLIENT = { origin: "https://example.eu.auth0.com", auth: { clientId: "id", clientSecret: "a client's secret" } };

/** Pieces in memory. */
class Pieces implements PieceStore {
  readonly all = new Map<string, readonly Buffer[]>();
  put = async (name: string, pieces: readonly Buffer[]) => void this.all.set(name, pieces);
  get = async (name: string) => [...(this.all.get(name) ?? [])];
  keepFor = async (name: string, _pieces: number, seconds: number) => {
    if (seconds === 0) this.all.delete(name);
  };
  close = async () => {};
}

describe("what crosses a queue", () => {
  const seal = (secret: string, queue = "user-import-a") => new Seal(secret, queue);

  it("is opened by the key that sealed it, for the job that it was sealed for, and by nothing else", async () => {
    const value = { ledger: ["x".repeat(1_000)], n: 1 };
    const sealed = await seal("secret").close(value, "job");
    assert.deepEqual(await seal("secret").open(sealed, "job"), value);
    const wrong = /sealed by another key/;
    await assert.rejects(seal("another").open(sealed, "job"), wrong);
    await assert.rejects(seal("secret", "user-import-b").open(sealed, "job"), wrong);
    await assert.rejects(seal("secret").open(sealed, "another job"), wrong);
    sealed[40] = (sealed[40] as number) ^ 1;
    await assert.rejects(seal("secret").open(sealed, "job"), wrong);
    assert.ok(!sealed.includes("ledger"));
  });

  it("is in pieces of at most 1 MB, and is nothing where one of them is lost", async () => {
    const store = new Pieces();
    const blobs = new Blobs(store, seal("secret"));
    // Random, so that it can't be compressed.
    const text = Buffer.from(Array.from({ length: 2_500_000 }, () => Math.random() * 256)).toString("base64");
    const ref = await blobs.put({ text }, "job");
    const pieces = store.all.get(ref.digest) ?? [];
    assert.equal(ref.pieces, pieces.length);
    assert.ok(pieces.length > 2 && pieces.every(({ length }) => length <= 1_000_000));
    assert.deepEqual(await blobs.get(ref, "job"), { text });
    store.all.set(ref.digest, pieces.slice(1));
    assert.equal(await blobs.get(ref, "job"), undefined);
    await blobs.drop(ref);
    assert.equal(await blobs.get(ref, "job"), undefined);
  });

  it("is known by what is wanted of a batch and by the state it began with, in whatever order the engine tells", () => {
    const share = { index: 3, count: 16 };
    const source = { digest: "d", users: 1, bytes: 2, share: "s" };
    const inputs = { resourceUrn: URN, connectionId: "con_1", key: "secret", share, source, triggers: [] } as never;
    const id = jobIdOf(inputs);
    assert.match(id, /^shop-dev-everyone-03-[0-9a-f]{10}$/);
    assert.ok(!id.includes(":"), "BullMQ takes no colon");
    const { id: importId, name } = importOf(inputs);
    assert.match(importId, /^shop-dev-everyone-[0-9a-f]{10}$/);
    assert.equal(name, "shop/dev/everyone");
    assert.equal(importOf({ ...(inputs as object), resourceUrn: URN.replace("03", "04") } as never).id, importId);
    assert.notEqual(importOf({ ...(inputs as object), key: "another" } as never).id, importId);
    const reordered = { triggers: [], source: { ...source, digest: "of a later edit", bytes: 9 }, share } as object;
    const same = { ...reordered, key: "secret", connectionId: "con_1", resourceUrn: URN, deadline: "5h" } as never;
    assert.equal(wantedOf(same), wantedOf(inputs));
    const edited = { ...(inputs as object), source: { ...source, share: "other" } } as never;
    assert.notEqual(wantedOf(edited), wantedOf(inputs));
    assert.equal(jobIdOf(edited), id);
    const state = { run: "a", runNumber: 1, journalEntries: 2, complete: true, ledger: ["l"] } as never;
    assert.notEqual(baseOf(state), baseOf(undefined));
    assert.notEqual(baseOf(state), baseOf({ ...(state as object), journalEntries: 3 } as never));
  });
});

describe("an import that is asked to stop by the queue", () => {
  it("is so until the next run says otherwise, and no other import is", async () => {
    const stops = new StopMarks(new Pieces());
    await stops.set("shop-dev-everyone-1");
    await stops.set("shop-dev-everyone-1");
    assert.deepEqual(
      [await stops.isSet("shop-dev-everyone-1"), await stops.isSet("shop-dev-everyone-2")],
      [true, false],
    );
    await stops.clear("shop-dev-everyone-1");
    assert.equal(await stops.isSet("shop-dev-everyone-1"), false);
  });
});

describe("a queue that gives no answer", () => {
  it("is asked once by a process, however many batches a preview has", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      // Nor does it when whoever has asked is gone.
      socket.on("error", () => {});
      sockets.push(socket);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const inputs = { resourceUrn: URN, connectionId: "con_1", key: "secret" } as never;
      for (let i = 0; i < 16; i++) {
        await assert.rejects(askWorkers(url, CLIENT, inputs, undefined), /gave no answer within 2 s/);
      }
      assert.equal(sockets.length, 1);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});

describe("the setting of a queue", () => {
  it("is refused before anything is sent, without its password", () => {
    assert.equal(queueProblem("rediss://:pass@queue.internal:6380", CLIENT), undefined);
    assert.equal(queueProblem("postgres://u:pass@db.internal/queue", CLIENT), undefined);
    for (const wrong of ["queue.internal", "http://u:pass@queue.internal", "redis://"]) {
      const problem = queueProblem(wrong, CLIENT) ?? "";
      assert.match(problem, /^The queue must be a URL/);
      assert.ok(!problem.includes("pass"));
    }
    assert.equal(parseQueueUrl("redis://user:pass@queue.internal:6379/2").place, "redis://queue.internal:6379");
  });

  it("needs a key where there is no client secret to make it from", () => {
    const token = { origin: CLIENT.origin, auth: { apiToken: "t" } };
    assert.match(queueProblem("redis://queue", token) ?? "", /AUTH0_USER_IMPORT_QUEUE_KEY/);
    const queue = queueNameOf(CLIENT.origin);
    assert.equal(queue, "user-import-example-eu-auth0-com");
    assert.throws(() => Seal.by(token, queue, { AUTH0_USER_IMPORT_QUEUE_KEY: "short" }), /16 characters or more/);
    Seal.by(token, queue, { AUTH0_USER_IMPORT_QUEUE_KEY: "a random text of some length" });
  });
});

describe("a worker's fence", () => {
  it("holds while the queue renews it, and is lost for good by the clock or by the queue's word", () => {
    const now = Date.now;
    let time = 1_000_000;
    Date.now = () => time;
    try {
      const fence = new Fence(300_000);
      fence.assertHeld();
      time += 200_000;
      fence.renewed(time);
      time += 239_000;
      fence.assertHeld();
      time += 2_000;
      assert.throws(() => fence.assertHeld(), /to another worker/);
      fence.renewed(time);
      assert.throws(() => fence.assertHeld(), /to another worker/);
      assert.ok(fence.signal.aborted);
      fence.end();
      const second = new Fence(300_000);
      second.lose();
      assert.throws(() => second.assertHeld(), /to another worker/);
      second.end();
    } finally {
      Date.now = now;
    }
  });

  it("counts from when the queue was asked, and not from when a process that slept meanwhile has read the answer", () => {
    const now = Date.now;
    let time = 1_000_000;
    Date.now = () => time;
    try {
      const fences = [new Fence(300_000), new Fence(300_000), new Fence(300_000, time - 240_001)];
      const [slept, lost, late] = fences as [Fence, Fence, Fence];
      assert.throws(() => late.assertHeld(), /to another worker/);
      const asked = time + 60_000;
      time += 230_000;
      slept.renewed(asked);
      time = asked + 239_000;
      slept.assertHeld();
      time = asked + 241_000;
      assert.throws(() => slept.assertHeld(), /to another worker/);
      // Asked while it was held, and read when it was not.
      lost.renewed(asked + 100_000);
      assert.throws(() => lost.assertHeld(), /to another worker/);
      for (const fence of fences) fence.end();
    } finally {
      Date.now = now;
    }
  });
});

describe("what a worker reads back of a connection", () => {
  /** Readings that end when they are told to; each began when it was asked for. */
  function readings() {
    const ends: (() => void)[] = [];
    const shared = new SharedCensus(async () => {
      const file = { started: new Date(), close: async () => {} } as unknown as ExportedUsers;
      await new Promise<void>((resolve) => ends.push(resolve));
      return new Census(new CensusIndex(async () => ({}), "users"), file, 0);
    });
    return { shared, ends };
  }
  const stop = () => new AbortController();
  const itself = async (census: Census) => census;
  const any = () => true;

  it("is shared, but for a batch that was begun before: that needs what was read since", async () => {
    const { shared, ends } = readings();
    const first = readFor({ isBegun: false, stop: stop().signal }, shared).use(any, itself);
    const beside = readFor({ isBegun: false, stop: stop().signal }, shared).use(any, itself);
    await sleep(2);
    // Joins the first one while that is on its way, and can't use it.
    const begun = readFor({ isBegun: true, stop: stop().signal }, shared);
    const since = begun.use(any, itself);
    ends[0]?.();
    const [one, other] = await Promise.all([first, beside]);
    assert.equal(one, other);
    while (ends.length < 2) await sleep(1);
    ends[1]?.();
    const its = await since;
    assert.ok(its.started > one.started);
    assert.equal(await begun.use(any, itself), its, "it is read once");
    assert.equal(ends.length, 2);
  });

  it("is awaited no longer when the batch is stopped, which does nothing with it then", async () => {
    const { shared, ends } = readings();
    const asked = stop();
    let isUsed = false;
    const stopped = readFor({ isBegun: false, stop: asked.signal }, shared).use(any, async () => {
      isUsed = true;
    });
    const other = readFor({ isBegun: false, stop: stop().signal }, shared).use(any, itself);
    asked.abort(new Error("asked to stop"));
    await assert.rejects(stopped, /asked to stop/);
    ends[0]?.();
    await other;
    assert.equal(isUsed, false);
  });
});
