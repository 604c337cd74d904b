import pLimit from "p-limit";
import { TenantUser } from "../tenant/answers";
import { TenantError } from "../tenant/errors";
import type { Course } from "./course";
import type { Readings } from "./readings";
import type { ImportTenant } from "./types";
import { Works } from "./works";

/** Questions at a time, and how many may wait. */
const ACTIVE = 4;
const PENDING = 64;

/** How long after a question something is done with whom it has found. */
const TIME_TO_USE_MS = 5 * 60_000;

/** Asks the tenant about single users, a few at a time: each costs a call. */
export class Lookups {
  readonly #limit = pLimit(ACTIVE);
  readonly #asking: Works;

  constructor(
    private readonly tenant: ImportTenant,
    private readonly course: Course,
    private readonly readings: Pick<Readings, "census">,
  ) {
    this.#asking = new Works((error) => course.fail(error));
  }

  /** How many of `later` are not done. */
  get pending(): number {
    return this.#asking.size;
  }

  ended(): Promise<void> {
    return this.#asking.ended();
  }

  /**
   * Looks for the connection's user with this email, then goes on. Returns when not too many are being looked for; at once,
   * where it is asked for by what is done here already, which would wait for itself.
   */
  async later(email: string, then: (found: TenantUser | undefined) => Promise<void>, isWithin = false): Promise<void> {
    const lookUp = async () => {
      await this.course.mayBegin();
      const found = await this.oneOfFew(async () => (this.course.isStopped ? undefined : this.byEmail(email)));
      if (!this.course.isStopped) await then(found);
    };
    if (isWithin) this.#asking.add(lookUp());
    else await this.doing(lookUp);
  }

  /** Does this meanwhile. Returns when not too much is being done. */
  async doing(work: () => Promise<void>): Promise<void> {
    this.#asking.add(work());
    await this.#asking.fewerThan(PENDING);
  }

  /** Does this when few others are being done. */
  oneOfFew<T>(work: () => Promise<T>): Promise<T> {
    return this.#limit(work);
  }

  /**
   * The connection's user with this id, without prefix. The same id can be in two connections, and a question by id is
   * answered with the first that is found: then the email leads to ours.
   */
  async byId(id: string, email: string | undefined): Promise<TenantUser | undefined> {
    const read = await this.#inCensus(id);
    if (read !== undefined) return read;
    const isMeant = (user: TenantUser) => this.#isOfConnection(user, id);
    const found = await this.tenant.user(`auth0|${id}`, () => {});
    if (found === undefined || isMeant(found)) return found;
    if (email === undefined) return undefined;
    return (await this.tenant.usersByEmail(email, () => {})).find(isMeant);
  }

  /** Where all were read back, for whatever reason: who was there then is answered without a call. */
  async #inCensus(id: string): Promise<TenantUser | undefined> {
    const users = this.readings.census?.users;
    const found = users?.find("user_id", id).find(({ isLinked }) => !isLinked);
    return found === undefined ? undefined : TenantUser.parse(await users?.read(found.line));
  }

  /** The connection's user with this email: without a call, where all were read back a moment ago. */
  async byEmailAsRead(email: string): Promise<TenantUser | undefined> {
    const { census } = this.readings;
    const isFresh = census?.isFresh(Date.now() + TIME_TO_USE_MS) === true;
    const [found, ...others] = isFresh ? census.users.find("email", email) : [];
    // What several have, or a user who is linked to another, is a question for the store.
    if (found === undefined || found.isLinked || others.length > 0) return this.byEmail(email);
    return TenantUser.parse(await census?.users.read(found.line));
  }

  /** The connection's user with this email. */
  async byEmail(email: string): Promise<TenantUser | undefined> {
    try {
      const users = await this.tenant.usersByEmail(email.toLowerCase(), () => {});
      return users.find((user) => this.#isOfConnection(user));
    } catch (error) {
      if (!(error instanceof TenantError) || error.status !== 403) throw error;
      throw new Error(
        "The scope read:users is missing: without it there is no telling what a change would write over (docs/operations.md). What was sent is saved. Grant the application read:users, and run `pulumi up` again.",
      );
    }
  }

  /** @param id what the user's id there has to be, where that is known. */
  #isOfConnection({ user_id, identities }: TenantUser, id?: string): boolean {
    const { connection } = this.course;
    if (connection === undefined || identities === undefined) return user_id.startsWith("auth0|");
    const isMeant = (told: string | undefined) => id === undefined || told === undefined || told === id;
    return identities.some((each) => each.connection === connection && isMeant(each.user_id));
  }
}
