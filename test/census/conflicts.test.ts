import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isUpdatedSince,
  type KnownGroup,
  type OnConflict,
  type Question,
  type Settlement,
  settleGroup,
} from "../../provider/census/conflicts";
import { changedFields } from "../../provider/census/mixtures";
import { settleTruth, settleVerification } from "../../provider/census/truths";
import { groupPrint, PROFILE } from "../../provider/ledger/attributes";
import type { Fingerprint } from "../../provider/ledger/fingerprint";

type Json = Record<string, unknown>;

const WHOSE = { key: "0123456789abcdef".repeat(4), whose: "user_id:1" };

/** What the ledger knows of a group that was this. */
function knownOf(group: Question["group"], user: Json): KnownGroup {
  const value = group === "profile" ? user : user[group];
  const of = group === "profile" ? PROFILE.filter((name) => user[name] !== undefined) : [];
  return { print: groupPrint(WHOSE.key, WHOSE.whose, group, value), of };
}

interface Case {
  readonly group: Question["group"];
  /** F, S and T. */
  readonly before: Json;
  readonly user: Json;
  readonly there: Json;
  readonly onConflict?: OnConflict;
  readonly updatedSince?: boolean;
  readonly said?: KnownGroup;
  readonly had?: KnownGroup;
}

function settle({ group, before, user, there, onConflict = "keep", updatedSince = true, said, had }: Case): Settlement {
  const known = said ?? knownOf(group, before);
  return settleGroup({ group, user, there, said: known, had: had ?? known, onConflict, updatedSince, ...WHOSE });
}

/** As it travels: without what JSON does not keep. */
const json = (value: unknown) => JSON.parse(JSON.stringify(value ?? null));

/** What the tenant has after a `PATCH`, which merges metadata at the first level. */
function patched(there: Json, { send }: Settlement): Json {
  const result: Json = { ...there };
  for (const [name, value] of Object.entries(json(send?.patch ?? {}) as Json)) {
    if (!name.endsWith("_metadata")) result[name] = value;
    else {
      const merged = { ...(there[name] as Json | undefined), ...(value as Json) };
      result[name] = Object.fromEntries(Object.entries(merged).filter(([, each]) => each !== null));
    }
  }
  return result;
}

/** And after an upsert, which replaces it. */
const upserted = (there: Json, { send }: Settlement): Json => ({ ...there, ...json(send?.attributes ?? {}) });

const metadata = (before: Json, user: Json, there: Json, more: Partial<Case> = {}) =>
  settle({
    ...more,
    ...{ group: "user_metadata", before: { user_metadata: before } },
    ...{ user: { user_metadata: user }, there: { user_metadata: there } },
  });
const metadataOf = ({ send }: Settlement) => json(send?.attributes.user_metadata);

describe("what is done where file and tenant have changed", () => {
  const lang = { plan: "a", lang: "de" };

  it("is nothing where the file did not change, whatever the tenant has", () => {
    const outcome = metadata(lang, lang, { cart: 1 });
    assert.deepEqual(outcome, { said: outcome.said, had: outcome.had });
    assert.deepEqual(outcome.said, knownOf("user_metadata", { user_metadata: lang }));
    // Nor where the record says nothing of it any more.
    const silent = settle({
      ...{ group: "user_metadata", before: { user_metadata: lang }, user: {} },
      there: { user_metadata: { cart: 1 } },
    });
    assert.equal(silent.send ?? silent.conflict, undefined);
    assert.deepEqual(silent.said, outcome.said);
  });

  it("is nothing where the tenant has what the file says", () => {
    const now = { plan: "b", lang: "de" };
    const outcome = metadata(lang, now, { lang: "de", plan: "b", cart: null });
    assert.equal(outcome.send ?? outcome.conflict, undefined);
    assert.deepEqual(outcome.said, knownOf("user_metadata", { user_metadata: now }));
    assert.deepEqual(outcome.had, outcome.said);
  });

  it("is what the file says where the tenant has what it said before, in however many keys", () => {
    const many = (version: number) => Object.fromEntries([...Array(20).keys()].map((i) => [`key${i}`, version]));
    const outcome = metadata(many(1), many(2), many(1));
    assert.deepEqual(metadataOf(outcome), many(2));
    assert.equal(outcome.send?.because, "unchangedThere");
    assert.deepEqual(outcome.had, outcome.said);
  });

  it("is both where they changed different keys", () => {
    const outcome = metadata(lang, { plan: "b", lang: "de" }, { ...lang, cart: 1 });
    assert.deepEqual(metadataOf(outcome), { plan: "b", lang: "de", cart: 1 });
    assert.deepEqual(json(outcome.send?.patch), { user_metadata: { plan: "b" } });
    assert.equal(outcome.send?.because, "merged");
    assert.deepEqual(outcome.had, knownOf("user_metadata", { user_metadata: { plan: "b", lang: "de", cart: 1 } }));
    assert.deepEqual(outcome.said, knownOf("user_metadata", { user_metadata: { plan: "b", lang: "de" } }));
  });

  it("removes a key that the file removed, and leaves the tenant's", () => {
    const outcome = metadata(lang, { lang: "de" }, { ...lang, cart: 1 });
    assert.deepEqual(metadataOf(outcome), { lang: "de", cart: 1 });
    assert.deepEqual(json(outcome.send?.patch), { user_metadata: { plan: null } });
    const emptied = metadata(lang, {}, { ...lang, cart: 1 });
    assert.deepEqual(metadataOf(emptied), { cart: 1 });
  });

  it("goes by onConflict where both changed the same key", () => {
    const both = (onConflict: OnConflict) => metadata(lang, { plan: "b" }, { plan: "c", cart: 1 }, { onConflict });
    const kept = both("keep");
    assert.deepEqual(kept.conflict, { attributes: ["user_metadata"], reason: "changedThere" });
    assert.deepEqual(kept.said, knownOf("user_metadata", { user_metadata: lang }), "F stays");
    const merged = both("merge");
    assert.deepEqual(metadataOf(merged), { plan: "b", cart: 1 });
    assert.deepEqual(merged.had, knownOf("user_metadata", { user_metadata: { plan: "b", cart: 1 } }));
    const overwritten = both("overwrite");
    assert.deepEqual(metadataOf(overwritten), { plan: "b" });
    assert.deepEqual(json(overwritten.send?.patch), { user_metadata: { plan: "b", cart: null } });
    assert.deepEqual(overwritten.had, overwritten.said);
  });

  it("goes by when the user was updated, where a lost answer left F unknown", () => {
    const said: KnownGroup = { print: "unknown", of: [] };
    const lost = (more: Partial<Case>) => metadata(lang, { plan: "b" }, { plan: "c" }, { said, ...more });
    assert.deepEqual(metadataOf(lost({ updatedSince: false })), { plan: "b" });
    const had: KnownGroup = { print: "unknown", of: [] };
    assert.equal(
      lost({ updatedSince: false, had }).conflict?.reason,
      "unknown",
      "what was not the file's would be lost",
    );
    assert.equal(lost({ updatedSince: true }).conflict?.reason, "unknown");
    assert.deepEqual(lost({}).said, said);
    assert.deepEqual(metadataOf(lost({ onConflict: "overwrite" })), { plan: "b" });
    assert.deepEqual(metadataOf(lost({ onConflict: "merge" })), { plan: "b" });
    assert.equal(metadata(lang, { plan: "b" }, { plan: "b" }, { said }).send, undefined, "T = S");
  });

  it("knows when a user was updated since our last write", () => {
    const ended = new Date("2026-08-01T12:00:00.000Z");
    const since = (updated_at: unknown, end: Date | undefined = ended) => isUpdatedSince({ updated_at }, end);
    assert.equal(since("2026-08-01T12:09:59.000Z"), false);
    assert.equal(since("2026-08-01T12:10:01.000Z"), true);
    assert.equal(isUpdatedSince({ created_at: "2026-08-01T11:00:00.000Z" }, ended), false);
    assert.equal(isUpdatedSince({}, ended), true, "where it can't be told");
    assert.equal(isUpdatedSince({ updated_at: "2026-08-01T11:00:00.000Z" }, undefined), true);
  });

  it("adopts, and then brings a column that was added, and nothing else", () => {
    const file = { plan: "a" };
    const tenant = { lang: "de", plan: "their own" };
    const outcome = settle({
      ...{ group: "app_metadata", before: { app_metadata: file }, user: { app_metadata: { ...file, since: 2019 } } },
      there: { app_metadata: tenant },
    });
    assert.deepEqual(json(outcome.send?.attributes), { app_metadata: { ...tenant, since: 2019 } });
    const none = settle({
      ...{ group: "app_metadata", before: {}, user: { app_metadata: { since: 2019 } } },
      there: { app_metadata: tenant },
    });
    assert.deepEqual(json(none.send?.attributes), { app_metadata: { ...tenant, since: 2019 } }, "a group of its own");
  });

  it("does not touch a merged group when another one changes", () => {
    const user = { user_metadata: { plan: "b", lang: "de" }, name: "Jane" };
    const first = metadata(lang, user.user_metadata, { ...lang, cart: 1 });
    const there = upserted({ user_metadata: { ...lang, cart: 1 }, name: "Jane" }, first);
    const question = { there, onConflict: "keep", updatedSince: true, ...WHOSE } as const;
    const edited = { ...user, name: "Janet" };
    const { said, had } = first;
    const again = settleGroup({ ...question, group: "user_metadata", user: edited, said, had });
    assert.equal(again.send ?? again.conflict, undefined);
    const name = knownOf("profile", user);
    const profile = settleGroup({ ...question, group: "profile", user: edited, said: name, had: name });
    assert.deepEqual(profile.send?.attributes, { name: "Janet" });
  });

  it("knows which attributes of the profile the file has said, on whichever side they are gone", () => {
    const profile = (before: Json, user: Json, there: Json) => settle({ group: "profile", before, user, there });
    // Gone in the tenant, and the file changed another one.
    const there = { name: "Jane" };
    const gone = profile({ name: "Jane", nickname: "j" }, { name: "Janet", nickname: "j" }, there);
    assert.deepEqual(gone.send?.attributes, { name: "Janet" });
    assert.deepEqual(gone.had, knownOf("profile", { name: "Janet" }));
    // Gone from the file: nothing can remove it, and it stays known as something that the tenant has.
    const removed = profile({ name: "Jane", nickname: "j" }, { name: "Jane" }, { name: "Jane", nickname: "j" });
    assert.equal(removed.send ?? removed.conflict, undefined);
    assert.deepEqual(removed.said, knownOf("profile", { name: "Jane" }));
    assert.deepEqual(removed.had.of, ["name", "nickname"]);
    const both = profile({ name: "Jane", nickname: "j" }, { name: "Jane" }, { name: "Theirs", nickname: "j" });
    assert.equal(both.send ?? both.conflict, undefined);
    assert.deepEqual(both.had, knownOf("profile", { name: "Theirs", nickname: "j" }));
  });

  it("takes what Auth0 fills in for nothing, unless the file has said it", () => {
    const email = "jane@example.com";
    const there = { email, name: email, nickname: "jane", picture: "https://s.gravatar.com/avatar/1", given_name: "J" };
    const profile = (before: Json, user: Json) => settle({ group: "profile", before, user, there });
    const added = { given_name: "J", name: "Jane", nickname: "jd", picture: "https://example.com/j.png" };
    const { given_name: _, ...news } = added;
    assert.deepEqual(profile({ given_name: "J" }, added).send?.attributes, news);
    // The application's own is not written over.
    assert.deepEqual(profile({ name: email }, { name: email, given_name: "Jane" }).conflict, {
      attributes: ["given_name"],
      reason: "changedThere",
    });
    assert.equal(profile({ name: "Jane" }, { name: "Janet" }).conflict?.reason, "changedThere", "now it is theirs");
  });

  it("does not compare numbers above 2^53 with the tenant's", () => {
    const ids = (text: string) => JSON.parse(`{"id":${text}}`) as Json;
    const lossy = (more: Partial<Case>) =>
      metadata({ plan: "a" }, { ...ids("441319831392747531"), plan: "b" }, ids("441319831392747530"), more);
    assert.equal(lossy({}).conflict?.reason, "unknown");
    assert.equal(lossy({ onConflict: "merge" }).conflict?.reason, "unknown", "the tenant's number would be rounded");
    const sent = lossy({ updatedSince: false });
    assert.deepEqual(Object.keys(sent.send?.patch.user_metadata as Json), ["id", "plan"], "whole");
    assert.deepEqual(lossy({ onConflict: "overwrite" }).had, sent.said);
  });

  it("settles attributes that change as a whole", () => {
    const phone = (before: string | undefined, user: string, there: string | undefined) =>
      settle({
        group: "phone_number",
        ...{ before: { phone_number: before }, user: { phone_number: user }, there: { phone_number: there } },
      });
    assert.deepEqual(phone("+1", "+2", "+1").send?.attributes, { phone_number: "+2" });
    assert.deepEqual(phone(undefined, "+2", undefined).send?.attributes, { phone_number: "+2" });
    assert.equal(phone("+1", "+2", "+3").conflict?.reason, "changedThere");
    assert.equal(phone("+1", "+2", "+2").send, undefined);
    const email = (before: string, user: string, there: string) =>
      settle({ group: "email", before: { email: before }, user: { email: user }, there: { email: there } });
    assert.equal(email("İ@example.com", "i\u0307@example.com", "other@example.com").conflict, undefined, "S = F");
    assert.equal(email("jane@a.com", "JANE@b.com", "jane@b.com").send, undefined);
    assert.deepEqual(email("İ@a.com", "jane@b.com", "i\u0307@a.com").send?.attributes, { email: "jane@b.com" });
  });

  it("knows prints of version 0.1, which took nulls for something", () => {
    const before = { plan: "a", phone: null };
    const print = groupPrint(WHOSE.key, WHOSE.whose, "user_metadata", before, "kept");
    const said: KnownGroup = { print: print as Fingerprint, of: [] };
    assert.equal(metadata(before, before, { cart: 1 }, { said }).conflict, undefined);
    const outcome = metadata(before, { ...before, plan: "b" }, { plan: "a", cart: 1 }, { said });
    assert.deepEqual(metadataOf(outcome), { plan: "b", cart: 1 });
  });

  // Not one that a print of 24 bits could make fail one day.
  it("loses nothing of the tenant's, and brings what the file changed, in any order of edits", () => {
    const keys = ["__proto__", "constructor", "c", "d", "e"];
    const changes = fc.dictionary(fc.constantFrom(...keys), fc.constantFrom(1, 2, { x: [1] }, null), { maxKeys: 3 });
    const rounds = fc.array(fc.record({ file: changes, tenant: changes, byPatch: fc.boolean() }), { maxLength: 4 });
    const edited = (value: Json, edit: Json) => fields([...Object.entries(value), ...Object.entries(edit)]);
    const fields = (entries: [string, unknown][]): Json =>
      Object.fromEntries([...new Map(entries)].filter(([, each]) => each !== null));
    const same = (a: Json, b: Json, key: string) => JSON.stringify(at(a, key)) === JSON.stringify(at(b, key));
    const at = (value: Json, key: string) => (Object.hasOwn(value, key) ? value[key] : undefined);
    fc.assert(
      fc.property(changes, changes, rounds, (file, adopted, edits) => {
        let said = fields(Object.entries(file));
        let there = edited(said, adopted);
        let [f, w] = [said, there].map((each) => knownOf("user_metadata", { user_metadata: each })) as [
          KnownGroup,
          KnownGroup,
        ];
        let now = said;
        for (const { file, tenant, byPatch } of edits) {
          now = edited(now, file);
          there = edited(there, tenant);
          const user = { user_metadata: now };
          const question = { group: "user_metadata", user, onConflict: "keep", updatedSince: true, ...WHOSE } as const;
          const outcome = settleGroup({ ...question, there: { user_metadata: there }, said: f, had: w });
          const apply = byPatch ? patched : upserted;
          const after = apply({ user_metadata: there }, outcome).user_metadata as Json;
          const changed = keys.filter((key) => !same(said, now, key));
          const contested = changed.filter((key) => !same(said, there, key));
          for (const key of keys) {
            const isBrought = outcome.send !== undefined && changed.includes(key);
            assert.ok(same(after, isBrought ? now : there, key), key);
            assert.ok(same(after, there, key) || same(said, there, key), `${key} is lost`);
          }
          const isEqual = keys.every((key) => same(now, there, key));
          assert.equal(outcome.conflict !== undefined, contested.length > 0 && !isEqual);
          ({ said: f, had: w } = outcome);
          there = after;
          if (outcome.conflict === undefined) {
            said = now;
            const again = settleGroup({ ...question, there: { user_metadata: there }, said: f, had: w });
            assert.equal(again.send ?? again.conflict, undefined);
            assert.deepEqual(f, knownOf("user_metadata", { user_metadata: said }));
          }
          if (outcome.send !== undefined) assert.deepEqual(w, knownOf("user_metadata", { user_metadata: there }));
        }
      }),
      { numRuns: 1_500, seed: 20260801 },
    );
  });

  it("finds nothing where two mixtures have the print, or too many keys differ", () => {
    assert.deepEqual(
      changedFields({ a: 1, b: 1 }, { a: 2, b: 2 }, (mixture) => mixture.a === 2 && mixture.b === 1),
      ["a"],
    );
    assert.equal(
      changedFields({ a: 1, b: 1 }, { a: 2, b: 2 }, (mixture) => mixture.a === 2),
      undefined,
    );
    const many = Object.fromEntries([...Array(9).keys()].map((i) => [`key${i}`, 1]));
    assert.equal(
      changedFields(many, {}, () => true),
      undefined,
    );
  });
});

describe("what is true or false", () => {
  it("is sent where the file changed it", () => {
    const how = { onConflict: "keep", updatedSince: true } as const;
    const blocked = (now: boolean | undefined, there: boolean | undefined, said?: boolean | "unknown", more = {}) =>
      settleTruth("blocked", { blocked: now }, { blocked: there }, said, said, { ...how, ...more });
    assert.deepEqual(blocked(true, undefined, false), { said: true, had: true, send: true });
    assert.deepEqual(blocked(false, true, true), { said: false, had: false, send: false });
    assert.deepEqual(blocked(true, true, false), { said: true, had: true });
    assert.deepEqual(blocked(false, true, undefined), { said: undefined, had: undefined }, "was never stated: false");
    assert.deepEqual(blocked(undefined, true, true), { said: true, had: true });
    assert.equal(blocked(true, false, "unknown").conflict, "unknown");
    assert.equal(blocked(true, false, "unknown", { updatedSince: false }).send, true);
    assert.equal(blocked(true, false, "unknown", { onConflict: "overwrite" }).send, true);
  });

  const email = "jane@example.com";
  const verified = (
    now: boolean | undefined,
    there: boolean | undefined,
    said: boolean | "unknown" | undefined,
    more: { readonly thereEmail?: string; readonly saidOfEmail?: boolean; readonly updatedSince?: boolean } = {},
  ) => {
    const { thereEmail = email, saidOfEmail = true, updatedSince = true } = more;
    return settleVerification(
      { email: "Jane@Example.com", email_verified: now },
      { email: thereEmail, email_verified: there },
      said,
      said,
      { saidOfEmail, onConflict: "keep", updatedSince },
    );
  };
  const stated = (...args: Parameters<typeof verified>) => {
    const { state, isChange, readAgain, conflict } = verified(...args);
    return `${state}${isChange ? " changed" : ""}${readAgain ? " read again" : ""}${conflict ? " conflict" : ""}`;
  };

  it("is the tenant's where the file did not change email_verified", () => {
    assert.equal(stated(undefined, true, undefined), "true");
    assert.equal(stated(undefined, undefined, undefined), "false read again");
    assert.equal(stated(true, true, true), "true");
    assert.equal(stated(true, false, true), "false read again", "somebody took it back");
    assert.equal(stated(false, true, false), "true", "verified since");
    assert.equal(stated(false, true, undefined), "true");
    assert.equal(stated(false, false, false), "false read again");
  });

  it("is the file's where that changed it", () => {
    assert.equal(stated(true, false, false), "true changed");
    assert.equal(stated(true, false, undefined), "true changed");
    assert.equal(stated(false, true, true), "false changed");
    assert.equal(stated(true, true, false), "true");
    assert.deepEqual(verified(true, true, false).said, true);
    assert.equal(stated(false, false, true), "false read again");
  });

  it("is the tenant's for another address, whatever the file says", () => {
    const thereEmail = "new@example.com";
    assert.equal(stated(true, false, false, { thereEmail }), "false read again conflict");
    assert.equal(stated(false, true, true, { thereEmail }), "true conflict");
    assert.equal(stated(true, false, true, { thereEmail }), "false read again", "the file did not change it");
    assert.equal(verified(true, false, false, { thereEmail }).said, false, "F stays");
  });

  it("takes nothing back that the file said of another address", () => {
    assert.equal(stated(false, true, true, { saidOfEmail: false }), "true");
    assert.equal(verified(false, true, true, { saidOfEmail: false }).said, false);
    assert.equal(stated(true, false, true, { saidOfEmail: false }), "true changed");
  });

  it("is lowered by nobody after a lost answer", () => {
    assert.equal(stated(false, true, "unknown"), "true conflict");
    assert.equal(stated(false, true, "unknown", { updatedSince: false }), "true conflict");
    assert.equal(stated(true, false, "unknown"), "false read again conflict");
    assert.equal(stated(true, false, "unknown", { updatedSince: false }), "true changed");
  });
});
