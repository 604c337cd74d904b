export type User = Record<string, unknown>;

/** How the service takes a person's record: it stores it, refuses it, or stores all but the factors and says it failed. */
export type Reception = "takes" | "refuses" | "takesWithoutFactors";

/** What happens around one run, as far as it decides how the run ends. */
export interface Circumstances {
  /** Whether a record of the person that failed is to be sent once more. */
  resendsFailed(person: number): boolean;
  reception(person: number): Reception;
  /** How often records of the person reached the service; not all do where a run is interrupted. */
  sends(person: number): number;
}

/** What a run is to do. */
export interface Expectation {
  /** Whose records are sent, if nothing interrupts the run, and in how many jobs one after another. */
  readonly sent: Map<number, number>;
  readonly failed: Set<number>;
  /** Attributes of which the file says what can't be brought to the tenant. */
  readonly notApplied: Map<number, string[]>;
  readonly removed: number;
}

/** What the import knows to be in the tenant. */
interface Known {
  readonly attributes: User;
  /** What the profile was made of when it was sent last: it is compared and sent as one. */
  readonly profile: string;
  /** Whether the import brought them with a custom hash: nobody else can be given one. */
  readonly takesHash: boolean;
}

const PROFILE = ["given_name", "nickname"];
const HASH = "custom_password_hash";
const METADATA_AND_FACTORS = ["user_metadata", "app_metadata", "mfa_factors"];
const NOT_UPSERTABLE = ["email", "username", "phone_number", "password_hash"];
const SECRETS = ["password_hash", "custom_password_hash", "mfa_factors"];

/**
 * The rules of docs/semantics.md, told in plain values: what the tenant holds after any number of runs, in which the
 * file was edited and the service failed. Shares no code with the provider.
 */
export class DeltaModel {
  /** What the tenant has of each person, ids apart. */
  readonly tenant = new Map<number, User>();
  readonly #known = new Map<number, Known>();
  /** What the records said that failed. */
  readonly #failed = new Map<number, string>();

  /** A person was there before. */
  write(person: number, attributes: User): void {
    this.tenant.set(person, { ...this.tenant.get(person), ...attributes });
  }

  /** Whether the import has brought this person, or taken it over. */
  knows(person: number): boolean {
    return this.#known.has(person);
  }

  /** What a run of this file comes to. */
  run(file: ReadonlyMap<number, User>, at: Circumstances): Expectation {
    const expectation: Expectation = { sent: new Map(), failed: new Set(), notApplied: new Map(), removed: 0 };
    for (const [person, record] of file) this.#take(person, record, at, expectation);
    const gone = [...this.#known.keys()].filter((person) => !file.has(person));
    for (const person of [...this.#failed.keys()]) if (!file.has(person)) this.#failed.delete(person);
    return { ...expectation, removed: gone.length };
  }

  #take(person: number, record: User, at: Circumstances, expectation: Expectation): void {
    const said = canonical(record);
    const fails = (): void => {
      this.#failed.set(person, said);
      expectation.failed.add(person);
    };
    const failedBefore = this.#failed.get(person) === said && !at.resendsFailed(person);
    if (failedBefore) fails();
    const known = this.#known.get(person);
    if (known === undefined) {
      if (failedBefore) return;
      expectation.sent.set(person, 1);
      if (at.sends(person) < 1) return;
      this.#insert(person, record, at, fails);
      return;
    }

    const compared = compare(record, known);
    const { differences } = compared;
    // What the tenant has already is not sent: users are read first, where something else than a hash or factors changed.
    const there = this.tenant.get(person) as User;
    const has = (attribute: string) => canonical(there[attribute]) === canonical(record[attribute]);
    const isThere = (group: string) =>
      group === "profile"
        ? Object.keys(pick(record, PROFILE)).every(has)
        : group !== HASH && group !== "mfa_factors" && has(group);
    const changed = compared.changed.filter((group) => failedBefore || !isThere(group));
    if (!failedBefore) {
      for (const group of compared.changed.filter(isThere)) {
        this.#learn(person, pick(record, group === "profile" ? PROFILE : [group]));
      }
    }
    if (differences.length > 0) expectation.notApplied.set(person, differences);
    if (failedBefore) return;
    if (changed.length === 0) {
      this.#failed.delete(person);
      return;
    }
    // A hash goes alone, after the rest, and only where that was taken.
    const rest = changed.filter((group) => group !== HASH);
    const hash = changed.filter((group) => group === HASH);
    const jobs =
      rest.length === 0 ? [hash] : at.reception(person) === "takes" && hash.length > 0 ? [rest, hash] : [rest];
    expectation.sent.set(person, jobs.length);
    for (const job of jobs.slice(0, at.sends(person))) this.#update(person, record, job, at, fails, compared.isMoved);
  }

  #update(
    person: number,
    record: User,
    changed: readonly string[],
    at: Circumstances,
    fails: () => void,
    isMoved: boolean,
  ): void {
    const sent = pick(
      record,
      changed.flatMap((group) => (group === "profile" ? PROFILE : [group])),
    );
    const states = !isMoved && (record.email_verified === true || changed.includes("email_verified"));
    const email_verified = states ? record.email_verified : this.tenant.get(person)?.email_verified;
    const reception = at.reception(person);
    if (reception !== "takes") {
      fails();
      if (reception === "refuses") return;
      delete sent.mfa_factors;
    } else {
      this.#failed.delete(person);
    }
    this.#upsert(person, sent, email_verified);
    // What the file says of it was looked at, even where what the application wrote was sent.
    this.#learn(person, { ...sent, ...pick(record, isMoved ? [] : ["email_verified"]) });
  }

  #insert(person: number, record: User, at: Circumstances, fails: () => void): void {
    if (at.reception(person) !== "takes" || this.tenant.has(person)) {
      fails();
      return;
    }
    this.tenant.set(person, { email_verified: false, ...withoutId(record) });
    this.#known.set(person, knownFrom(record, record[HASH] !== undefined));
    this.#failed.delete(person);
  }

  #upsert(person: number, sent: User, email_verified: unknown): void {
    const { password_hash, ...others } = this.tenant.get(person) as User;
    const keepsHash = password_hash !== undefined && sent.custom_password_hash === undefined;
    this.tenant.set(person, { ...others, ...(keepsHash ? { password_hash } : {}), ...sent, email_verified });
  }

  #learn(person: number, sent: User): void {
    const { attributes, profile, takesHash } = this.#known.get(person) as Known;
    const now: User = { ...attributes, ...sent };
    if (sent.custom_password_hash !== undefined) delete now.password_hash;
    const sentProfile = pick(sent, PROFILE);
    this.#known.set(person, {
      attributes: now,
      profile: Object.keys(sentProfile).length > 0 ? canonical(sentProfile) : profile,
      takesHash,
    });
  }
}

function knownFrom(record: User, takesHash: boolean): Known {
  return { attributes: withoutId(record), profile: canonical(pick(record, PROFILE)), takesHash };
}

/** What of a record is to be sent, and what can't be. */
function compare(
  record: User,
  { attributes, profile, takesHash }: Known,
): { changed: string[]; differences: string[]; isMoved: boolean } {
  const isNew = (attribute: string) =>
    record[attribute] !== undefined && canonical(record[attribute]) !== canonical(attributes[attribute]);
  const turned = (attribute: string) =>
    record[attribute] !== undefined && record[attribute] !== (attributes[attribute] ?? false);
  // Who was blocked stays so; what was false is no other when it is not said.
  const gone = (attribute: string) =>
    record[attribute] === undefined &&
    (ONLY_TRUE.has(attribute) ? attributes[attribute] === true : attributes[attribute] !== undefined);

  const said = pick(record, PROFILE);
  const changed = [
    ...[...METADATA_AND_FACTORS, ...(takesHash ? [HASH] : [])].filter(isNew),
    ...(Object.keys(said).length > 0 && canonical(said) !== profile ? ["profile"] : []),
    ...["email_verified"].filter(turned),
  ];
  const differences = [
    ...[...NOT_UPSERTABLE, ...(takesHash ? [] : [HASH])].filter(isNew),
    ...["blocked", "phone_verified"].filter(turned),
    ...Object.keys(attributes).filter((attribute) => gone(attribute) && !IGNORED_WHERE_GONE.has(attribute)),
  ];
  if (canonical(record.email) === canonical(attributes.email)) return { changed, differences, isMoved: false };
  // They are found by their id; but no hash is sent, nor what the record says of the other address.
  const isOfId = (attribute: string) => attribute !== HASH && attribute !== "email_verified";
  return record.email === undefined
    ? { changed: [], differences: [...differences, ...changed], isMoved: false }
    : {
        changed: changed.filter(isOfId),
        differences: [...differences, ...changed.filter((attribute) => attribute === HASH)],
        isMoved: true,
      };
}

const ONLY_TRUE = new Set(["phone_verified", "blocked"]);

/** What a careful person leaves out of a file, and of which the tenant may know better. */
const IGNORED_WHERE_GONE = new Set([...SECRETS, "email_verified"]);

function withoutId({ user_id: _, ...others }: User): User {
  return others;
}

function pick(user: User, attributes: readonly string[]): User {
  return Object.fromEntries(attributes.flatMap((each) => (user[each] === undefined ? [] : [[each, user[each]]])));
}

/** JSON in which the order of attributes means nothing. */
export function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, each: unknown) =>
      typeof each === "object" && each !== null && !Array.isArray(each)
        ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
        : each,
    ) ?? "nothing"
  );
}
