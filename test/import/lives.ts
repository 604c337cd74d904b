import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { groupPrint } from "../../provider/ledger/attributes";
import { identityFingerprint } from "../../provider/ledger/fingerprint";
import { Ledger } from "../../provider/ledger/ledger";
import { identityOf, type User } from "../../provider/schema/identity";
import { Clock } from "./clock";
import { type Action, type Deed, edit, type Life, NAMES } from "./deeds";
import { ImportTest, KEY, RULES, type Saved } from "./importTest";
import { CONNECTION_NAME, type StoredUser } from "./plainTenant";
import { GROUPS, type Group, type Said, type Settled, settledBy, type Values, valuesOf } from "./tableOfConflicts";

/*
 * The lives of a few users, as a file says them, as an application writes them, and as runs of the import bring the one to
 * the other; and what each run may do to each of them, by the table of conflicts in tableOfConflicts.ts.
 */

const HOUR = 3_600_000;

/** Of any group, what no file says. */
const NEVER_SAID: Values = { given_name: "?", nickname: "?", is: "?" };

/** A user of the file. */
interface Person {
  readonly name: string;
  /** In the tenant, without prefix. */
  id: string;
  readonly record: { user_id?: string; email: string; email_verified: boolean } & User;
  /** What the file may have said when each group was last settled: several where a run died. */
  said: Said;
  /** The record whose update failed, until it is another one. */
  rejected: string | undefined;
  /** Whether anything was ever done to them in the tenant. */
  isTouched: boolean;
}

/** Lives a life, and checks it after each run. In memory, where there is a file system of that kind. */
export async function live(life: Life): Promise<void> {
  const test = new ImportTest(existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
  const clock = new Clock();
  test.mayPatch = life.mayPatch;
  try {
    await new Lived(test, life, clock).live();
  } finally {
    clock.stop();
    test.end();
  }
}

class Lived {
  readonly #people: Person[];
  readonly #file: User[];
  #before: Saved | undefined;
  #serial = 0;
  /** Addresses that somebody has verified, or that the file has called so. */
  readonly #verified = new Set<string>();
  /** Accounts that no file knows, as they were made. */
  readonly #strangers = new Map<string, string>();

  constructor(
    private readonly test: ImportTest,
    private readonly life: Life,
    private readonly clock: Clock,
  ) {
    this.#people = NAMES.map((name) => {
      const record = {
        ...(life.hasIds ? { user_id: name } : {}),
        email: `${name}@example.com`,
        email_verified: false,
        given_name: "n0",
        user_metadata: { plan: 0, lang: 0 },
        app_metadata: { tier: 0 },
      };
      return { name, id: name, record, said: new Map(), rejected: undefined, isTouched: false };
    });
    this.#file = this.#people.map(({ record }) => record);
  }

  async live(): Promise<void> {
    await this.#run({});
    for (const [email, person] of this.#people.map((each) => [each.record.email, each] as const)) {
      const [id] = [...this.#users].find(([, user]) => user.email === email) as [string, StoredUser];
      person.id = id;
    }
    for (const action of this.life.actions) {
      this.clock.now += HOUR;
      const person = this.#people[action.who] as Person;
      if (action.is === "edit") edit(person.record, action.change);
      else if (action.is === "editVerified") person.record.email_verified = !person.record.email_verified;
      else if (action.is === "act") {
        this.#act(person, action.deed);
        person.isTouched = true;
      } else await this.#run({ ...action, person });
    }
    this.clock.now += HOUR;
    await this.#run({});
    this.clock.now += HOUR;
    await this.#run({});
    const { jobs, patches } = this.test.tenant;
    const before = [jobs.length, patches.length];
    this.clock.now += HOUR;
    await this.#run({});
    assert.deepEqual([jobs.length, patches.length], before, "a run without a change sends something");
  }

  get #users(): Map<string, StoredUser> {
    return this.test.tenant.users;
  }

  #stamp(): { readonly updated_at: string } {
    return { updated_at: new Date().toISOString() };
  }

  #isFree(email: string): boolean {
    return ![...this.#users.values()].some((user) => user.email === email);
  }

  #act(person: Person, deed: Deed): void {
    const { name, id, record } = person;
    const user = this.#users.get(id);
    if (deed.does === "signUp") {
      if (!this.#isFree(record.email)) return;
      const stranger = `stranger-${++this.#serial}`;
      this.#users.set(stranger, {
        ...{ user_id: `auth0|${stranger}`, email: record.email, email_verified: false },
        ...{ created_at: this.#stamp().updated_at, ...this.#stamp() },
        identities: [{ connection: CONNECTION_NAME }],
        attributes: { user_metadata: { cart: 9 } },
      });
      this.#strangers.set(stranger, JSON.stringify(this.#users.get(stranger)));
      return;
    }
    if (user === undefined) return;
    const change = (what: Partial<StoredUser>) => this.#users.set(id, { ...user, ...this.#stamp(), ...what });
    if (deed.does === "write") {
      const attributes = structuredClone(user.attributes);
      edit(attributes, deed.change);
      change({ attributes });
    } else if (deed.does === "rename") {
      const wanted = deed.to === undefined ? undefined : `${NAMES[deed.to]}@example.com`;
      const email = wanted !== undefined && this.#isFree(wanted) ? wanted : `${name}-${++this.#serial}@example.com`;
      change({ email, email_verified: false });
    } else if (deed.does === "verify") {
      this.#verified.add(String(user.email));
      change({ email_verified: true });
    } else if (deed.does === "unverify") change({ email_verified: false });
    else if (deed.does === "delete") this.#users.delete(id);
    else {
      this.#users.delete(id);
      const primary = `primary-${++this.#serial}`;
      const identities = [{ connection: "others" }, { connection: CONNECTION_NAME, user_id: id }];
      this.#users.set(primary, {
        ...user,
        ...this.#stamp(),
        user_id: `auth0|${primary}`,
        email: `${primary}@x.com`,
        identities,
      });
      this.#strangers.set(primary, JSON.stringify(this.#users.get(primary)));
    }
  }

  async #run(run: Partial<Omit<Action & { is: "run" }, "who">> & { person?: Person }): Promise<void> {
    const { tenant } = this.test;
    const isFirst = this.#before === undefined;
    for (const { record } of this.#people) if (record.email_verified) this.#verified.add(record.email);
    const there = new Map(this.#people.map((person) => [person, structuredClone(this.#users.get(person.id))]));
    const [jobs, patches] = [tenant.jobs.length, tenant.patches.length];
    // What happens between the reading and the job does so once. A run that dies has no such luck with names.
    let left = run.dieAfterLine === undefined || run.meanwhile?.does === "write" ? run.meanwhile : undefined;
    let happened: Deed | undefined;
    const sentTo = (user: User) => run.person !== undefined && String(user.email) === there.get(run.person)?.email;
    const happens = (isTheirs: boolean) => {
      if (!isTheirs || left === undefined || run.person === undefined) return;
      happened = left;
      left = undefined;
      this.#act(run.person, happened);
    };
    tenant.beforeJob = ({ kind, users }) => happens(kind === "upsert" && users.some(sentTo));
    // Nor has one whose answer is lost: the job that is sent again finds the account that the first one made.
    if (run.loses !== undefined && left?.does !== "write") left = undefined;
    let { loses } = run;
    const notTaken = new Set<number>();
    tenant.fate = ({ kind, number }) => {
      if (kind !== "upsert" || loses === undefined) return undefined;
      const fate = { lost: loses };
      loses = undefined;
      if (fate.lost === "not taken") notTaken.add(number);
      return fate;
    };
    tenant.beforePatch = (id) => happens(id === run.person?.id);
    const { result, problem } = await this.test.run(structuredClone(this.#file), {
      ...{ reads: this.life.reads, before: this.#before, preflight: async () => RULES },
      ...(run.dieAfterLine === undefined ? {} : { dieAfterLine: run.dieAfterLine }),
      settings: { onConflict: this.life.onConflict, generateUserIds: !this.life.hasIds },
    });
    const isDead = problem?.message === "dead";
    if (problem !== undefined && !isDead) throw problem;
    if (!isDead) this.#before = result;
    if (isFirst) {
      assert.ok(!isDead);
      for (const person of this.#people)
        person.said = new Map(GROUPS.map((group) => [group, [valuesOf(person.record, group)]]));
      return;
    }
    const sent = {
      upserts: tenant.jobs.slice(jobs).flatMap(({ number, users }) => (notTaken.has(number) ? [] : users)),
      patches: tenant.patches.slice(patches),
    };
    for (const person of this.#people) {
      const isTheirs = person === run.person;
      this.#check(person, there.get(person), isTheirs ? happened : undefined, sent, isDead ? undefined : result);
    }
    this.#checkAll();
  }

  /** What a run has done to one user. @param result none of one that died. */
  #check(
    person: Person,
    there: StoredUser | undefined,
    meanwhile: Deed | undefined,
    sent: {
      readonly upserts: readonly User[];
      readonly patches: readonly { readonly id: string; readonly patch: User }[];
    },
    result: Saved | undefined,
  ): void {
    const { name, record, id } = person;
    if (there === undefined) return;
    const text = JSON.stringify(record);
    const isRejected = person.rejected === text;
    const upsert = sent.upserts.find(({ email }) => email === there.email);
    const patch = sent.patches.find((each) => each.id === id);
    if (upsert !== undefined || patch !== undefined) assert.ok(!isRejected, `${name} is sent again`);
    if (!isRejected && result !== undefined) person.rejected = undefined;
    // As they are where the import does nothing.
    const untouched = structuredClone(there);
    const expected = meanwhile === undefined ? untouched : this.#after(person, untouched, meanwhile);
    const user = this.#users.get(id);
    if (expected === undefined || (upsert !== undefined && meanwhile?.does === "rename")) {
      assert.equal(user === undefined, expected === undefined, `${name} is gone`);
      if (user !== undefined && expected !== undefined) assert.deepEqual(user.attributes, expected.attributes);
      if (upsert === undefined) return;
      // The job has made a second account, which is told, and removed by the administrator.
      const [anew] = [...this.#users].find(([, { email }]) => email === there.email) ?? [];
      assert.ok(anew !== undefined && this.#users.delete(anew));
      assert.ok(
        result?.failedRecords.some(({ code, identity }) => code === "MADE_ANEW" && identity === identityOf(record)),
        `${name} was made anew, and nobody says so`,
      );
      person.rejected = text;
      return;
    }
    assert.ok(user, `${name} is gone`);
    assert.equal(user.email, expected.email, `the email of ${name}`);
    const known =
      result === undefined
        ? undefined
        : Ledger.decode(result.ledger).get(identityFingerprint(KEY, identityOf(record) as string));
    for (const group of GROUPS) {
      const [now, read, at] = [user, there, expected].map((each) =>
        valuesOf({ ...each?.attributes, ...each }, group),
      ) as [Values, Values, Values];
      const says = valuesOf(record, group);
      const said = person.said.get(group) as readonly Values[];
      const isOfEmail = group !== "email_verified" || there.email === record.email;
      const outcomes: Settled[] =
        isRejected || !isOfEmail
          ? []
          : said.flatMap((before) => settledBy(this.life.onConflict, group, says, before, read));
      const isCertain = said.length === 1 && result !== undefined;
      // After a run that died nobody may know what the file said before, where somebody has done something, too.
      if (outcomes.length === 0 || (said.length > 1 && person.isTouched)) {
        outcomes.push({ value: read, sends: [], settles: false });
        if (!isRejected && isOfEmail) outcomes.push(settledBy(this.life.onConflict, group, says, NEVER_SAID, read));
      }
      // An upsert carries whole what it carries, and always states whether the email is verified; a PATCH carries keys.
      const values = outcomes.map(({ value, sends }) => {
        if (patch !== undefined) return group === "email_verified" ? at : withKeys(at, value, sends);
        if (group === "email_verified") return upsert === undefined ? at : value;
        if (sends.length === 0 || upsert === undefined) return at;
        return group === "profile" ? withKeys(at, value, sends) : value;
      });
      // What a job said that took place, or not.
      if (result === undefined) values.push(at);
      const found = values.findIndex((value) => JSON.stringify(value) === JSON.stringify(now));
      const told = () => JSON.stringify({ says, said, read, now, values, upsert, patch, meanwhile });
      assert.notEqual(found, -1, `${group} of ${name}: ${told()}`);
      const isToBeSent = outcomes.length === 1 && (outcomes[0] as Settled).sends.length > 0;
      if (isToBeSent && isCertain)
        assert.ok(upsert !== undefined || patch !== undefined, `${group} of ${name} is not sent: ${told()}`);
      this.#settle(person, group, says, outcomes, known, told);
    }
    person.isTouched ||= meanwhile !== undefined;
  }

  /** What the file has said by now, as the ledger has it. */
  #settle(
    person: Person,
    group: Group,
    says: Values,
    outcomes: readonly Settled[],
    known: ReturnType<Ledger["get"]>,
    told: () => string,
  ): void {
    const said = person.said.get(group) as readonly Values[];
    // A journal also keeps that file and tenant were seen to say the same.
    const mayBe = distinct([
      ...said,
      ...(outcomes.some((each) => each.settles || each.sends.length > 0) ? [says] : []),
    ]);
    if (known === undefined) {
      person.said.set(group, mayBe);
      return;
    }
    const whose = identityOf(person.record) as string;
    const candidates = distinct([...said, ...(outcomes.some(({ settles }) => settles) ? [says] : [])]);
    if (group === "email_verified") {
      const truth = known.attributes.booleans.email_verified ?? false;
      person.said.set(
        group,
        truth === "unknown" ? candidates : candidates.filter((each) => Boolean(each.is) === truth),
      );
    } else if (known.attributes.unknown?.includes(group)) person.said.set(group, candidates);
    else {
      const print = known.attributes.prints[group];
      const value = (each: Values) =>
        group !== "profile" && Object.keys(each).length === 0 && print === undefined ? undefined : each;
      person.said.set(
        group,
        candidates.filter((each) => groupPrint(KEY, whose, group, value(each)) === print),
      );
    }
    const now = person.said.get(group) as readonly Values[];
    assert.notEqual(now.length, 0, `what the ledger knows of ${group} of ${person.name}: ${told()}`);
    const [only] = outcomes;
    if (said.length > 1 || outcomes.length > 1 || only === undefined) return;
    assert.deepEqual(
      now,
      [only.settles ? says : said[0]],
      `what the ledger knows of ${group} of ${person.name}: ${told()}`,
    );
  }

  /** The user after a deed, had there been no run. */
  #after(person: Person, before: StoredUser, deed: Deed): StoredUser | undefined {
    if (deed.does === "delete" || deed.does === "link") return undefined;
    if (deed.does === "write") {
      edit(before.attributes, deed.change);
      return before;
    }
    if (deed.does === "signUp") return before;
    const email = this.#users.get(person.id)?.email;
    if (deed.does === "rename") return { ...before, ...(email === undefined ? {} : { email }), email_verified: false };
    return { ...before, email_verified: deed.does === "verify" };
  }

  #checkAll(): void {
    const known = new Set([...this.#people.map(({ id }) => id), ...this.#strangers.keys()]);
    for (const [id, user] of this.#users) {
      assert.ok(known.has(id), `${user.email} was made by the import`);
      const stranger = this.#strangers.get(id);
      if (stranger !== undefined) assert.equal(JSON.stringify(user), stranger, "somebody else was written to");
      else if (user.email_verified)
        assert.ok(this.#verified.has(String(user.email)), `${user.email}: nobody verified it`);
    }
  }
}

function withKeys(base: Values, other: Values, keys: readonly string[]): Values {
  const values = { ...base };
  for (const key of keys) {
    if (key in other) values[key] = other[key] as Values[string];
    else delete values[key];
  }
  return sorted(values);
}

function sorted(values: Values): Values {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function distinct(values: readonly Values[]): Values[] {
  return [...new Map(values.map((each) => [JSON.stringify(each), each])).values()];
}
