import type { Identity } from "./profile";

/** A profile as the search sees it. */
export type Profile = Record<string, unknown>;

export interface UserQuery {
  fits(profile: Profile): boolean;
  /**
   * Where everybody who fits has one of these values, so that nobody else has to be looked at: ids of identities,
   * whole user ids, or emails.
   */
  keys: readonly { field: "identities.user_id" | "user_id" | "email"; value: string }[] | undefined;
}

/**
 * The part of Lucene's language that looking users up takes: `field:"value"`, `field:(a OR b)`, `field:[from TO to]`,
 * `_exists_:field`, `field:start*`, with `AND`, `OR`, `NOT` and parentheses.
 *
 * @throws Error that says what is not understood
 */
export function parseQuery(text: string): UserQuery {
  const parser = new Parser(tokensOf(text));
  const query = parser.either();
  parser.end();
  return query;
}

const token = /\s*([()]|"(?:[^"\\]|\\.)*"|\[[^\]]+ TO [^\]]+\]|[^\s()":[]+(?=:)|:|[^\s()":]+)/y;

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.trimEnd().length) {
    const at = token.lastIndex;
    const [, found] = token.exec(text) ?? [];
    if (found === undefined) throw new Error(`Unexpected input at ${at}`);
    tokens.push(found);
  }
  return tokens;
}

class Parser {
  private at = 0;

  constructor(private readonly tokens: readonly string[]) {}

  either(): UserQuery {
    let query = this.both();
    while (this.skip("OR")) query = or(query, this.both());
    return query;
  }

  end(): void {
    if (this.at < this.tokens.length) throw new Error(`Unexpected ${this.tokens[this.at]}`);
  }

  private both(): UserQuery {
    let query = this.term();
    while (this.skip("AND")) query = and(query, this.term());
    return query;
  }

  private term(): UserQuery {
    if (this.skip("NOT")) return not(this.term());
    if (this.skip("(")) {
      const query = this.either();
      this.expect(")");
      return query;
    }
    const field = this.next();
    this.expect(":");
    if (!this.skip("(")) return clause(field, this.next());
    let query = clause(field, this.next());
    while (this.skip("OR")) query = or(query, clause(field, this.next()));
    this.expect(")");
    return query;
  }

  private skip(wanted: string): boolean {
    if (this.tokens[this.at] !== wanted) return false;
    this.at += 1;
    return true;
  }

  private expect(wanted: string): void {
    if (!this.skip(wanted)) throw new Error(`Expected ${wanted}`);
  }

  private next(): string {
    const found = this.tokens[this.at];
    if (found === undefined) throw new Error("Unexpected end");
    this.at += 1;
    return found;
  }
}

function clause(field: string, value: string): UserQuery {
  if (field === "_exists_") return { fits: (profile) => valuesOf(profile, value).length > 0, keys: undefined };
  const range = /^\[(.+) TO (.+)\]$/.exec(value);
  if (range) {
    const [from = "*", to = "*"] = range.slice(1);
    return { fits: (profile) => valuesOf(profile, field).some((each) => isWithin(each, from, to)), keys: undefined };
  }
  const wanted = value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value;
  if (value.endsWith("*")) {
    if (field.startsWith("user_metadata")) throw new Error("user_metadata takes no wildcards");
    const start = wanted.slice(0, -1).toLowerCase();
    const fits = (profile: Profile) =>
      valuesOf(profile, field).some((each) => `${each}`.toLowerCase().startsWith(start));
    return { fits, keys: undefined };
  }
  const isId = field.endsWith("user_id");
  const fold = (each: unknown) => (isId ? `${each}` : `${each}`.toLowerCase());
  return {
    fits: (profile) => valuesOf(profile, field).some((each) => fold(each) === fold(wanted)),
    keys:
      field === "identities.user_id" || field === "user_id" || field === "email"
        ? [{ field, value: fold(wanted) }]
        : undefined,
  };
}

function or(one: UserQuery, other: UserQuery): UserQuery {
  return {
    fits: (profile) => one.fits(profile) || other.fits(profile),
    keys: one.keys && other.keys && [...one.keys, ...other.keys],
  };
}

function and(one: UserQuery, other: UserQuery): UserQuery {
  return { fits: (profile) => one.fits(profile) && other.fits(profile), keys: one.keys ?? other.keys };
}

function not(query: UserQuery): UserQuery {
  return { fits: (profile) => !query.fits(profile), keys: undefined };
}

/** Null, empty objects and empty lists are not indexed. */
function valuesOf(profile: Profile, field: string): unknown[] {
  if (field === "email.domain") return valuesOf(profile, "email").map((email) => String(email).replace(/^.*@/, ""));
  const steps = field.split(".");
  let values: unknown[] = [profile];
  for (const step of steps) {
    values = values.flatMap((value) => {
      if (typeof value !== "object" || value === null) return [];
      const inside = (value as Profile)[step];
      return Array.isArray(inside) ? (inside as Identity[]) : [inside];
    });
  }
  return values.filter((value) => value !== undefined && value !== null && !isEmptyObject(value));
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Numbers as such, all else (dates, too) as text. */
function isWithin(value: unknown, from: string, to: string): boolean {
  const compare = (bound: string) =>
    typeof value === "number" ? value - Number(bound) : `${value}` < bound ? -1 : `${value}` > bound ? 1 : 0;
  return (from === "*" || compare(from) >= 0) && (to === "*" || compare(to) <= 0);
}
