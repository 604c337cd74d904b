import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { writeWholeFile } from "../provider/results/wholeFile";
import { giveKnownPassword, type KnownPassword, toCsv } from "./knownPasswords";

export interface GeneratorOptions {
  /** How many records, wrong ones among them. */
  users: number;
  /**
   * The same seed makes the same users, and the same first users however many are asked for.
   *
   * @default 1
   */
  seed?: number;
  /**
   * Makes one record wrong in each way of {@link WRONG}, evenly spread; there must be room for them.
   *
   * @default false
   */
  wrong?: boolean;
}

/** A user as Auth0 exports it, with the password hash that its support adds on request. */
export interface GeneratedUser {
  user_id: string;
  email?: string;
  email_verified: boolean;
  given_name: string;
  family_name: string;
  name: string;
  nickname: string;
  user_metadata: Record<string, unknown>;
  app_metadata: Record<string, unknown>;
  password_hash?: string;
  custom_password_hash?: {
    algorithm: string;
    hash: { value: string; [member: string]: unknown };
    [member: string]: unknown;
  };
}

/** What makes a good record wrong, so that the import service refuses it. `first` is the first user of the file. */
export const WRONG = {
  /** The email of another user, in other letters: the service keeps emails in lower case. */
  duplicate(user, first) {
    user.email = first.email?.toUpperCase() ?? "";
  },
  /** The prefix that PHP writes; the service takes `$2a$` and `$2b$`. */
  badHash(user) {
    delete user.custom_password_hash;
    user.password_hash = `$2y$10$${"a".repeat(53)}`;
  },
  missingIdentifier(user) {
    delete user.email;
  },
  /** More than a whole request to the service may hold, which is 512,000 bytes. */
  oversized(user) {
    user.user_metadata.notes = "Called about the invoice. ".repeat(20_000);
  },
  /** Longer than 150 characters. */
  longName(user) {
    user.name = `${user.given_name} ${"von und zu ".repeat(15)}${user.family_name}`;
  },
} satisfies Record<string, (user: GeneratedUser, first: GeneratedUser) => void>;

// Each with its spelling in an email address.
const GIVEN_NAMES: [name: string, ascii: string][] = [
  ["Aisha", "aisha"],
  ["Amélie", "amelie"],
  ["Antoinette", "antoinette"],
  ["Björn", "bjorn"],
  ["Carlos", "carlos"],
  ["Chloe", "chloe"],
  ["Daniel", "daniel"],
  ["Elif", "elif"],
  ["Emma", "emma"],
  ["Fatima", "fatima"],
  ["François", "francois"],
  ["Grace", "grace"],
  ["Haruto", "haruto"],
  ["Ines", "ines"],
  ["Jane", "jane"],
  ["José", "jose"],
  ["Kwame", "kwame"],
  ["Lars", "lars"],
  ["Łukasz", "lukasz"],
  ["Mei", "mei"],
  ["Mohamed", "mohamed"],
  ["Nadia", "nadia"],
  ["Noah", "noah"],
  ["Olga", "olga"],
  ["Priya", "priya"],
  ["Rafael", "rafael"],
  ["Siobhán", "siobhan"],
  ["Sofia", "sofia"],
  ["Thabo", "thabo"],
  ["Wei", "wei"],
  ["Zoë", "zoe"],
  ["美咲", "misaki"],
];
const FAMILY_NAMES: [name: string, ascii: string][] = [
  ["Andersen", "andersen"],
  ["Bianchi", "bianchi"],
  ["Chen", "chen"],
  ["Da Silva", "dasilva"],
  ["Diallo", "diallo"],
  ["Dubois", "dubois"],
  ["Fernández", "fernandez"],
  ["García", "garcia"],
  ["Haddad", "haddad"],
  ["Ivanova", "ivanova"],
  ["Johnson", "johnson"],
  ["Kim", "kim"],
  ["Kowalska", "kowalska"],
  ["Lindqvist", "lindqvist"],
  ["Martin", "martin"],
  ["Müller", "mueller"],
  ["Mwangi", "mwangi"],
  ["Nguyen", "nguyen"],
  ["O'Brien", "obrien"],
  ["Okafor", "okafor"],
  ["Patel", "patel"],
  ["Popescu", "popescu"],
  ["Rossi", "rossi"],
  ["Santos", "santos"],
  ["Schneider", "schneider"],
  ["Silva", "silva"],
  ["Smith", "smith"],
  ["Tanaka", "tanaka"],
  ["van Dijk", "vandijk"],
  ["Yılmaz", "yilmaz"],
  ["Zhang", "zhang"],
  ["佐藤", "sato"],
];
const EMAIL_DOMAINS = ["example.com", "example.org"];
const PLANS = ["free", "free", "free", "team", "team", "enterprise"];
const LOCALES = ["en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT", "ja-JP", "nl-NL", "pl-PL", "pt-BR"];
const SOURCES = ["checkout", "invitation", "newsletter", "partner", "signup"];
const ROLES = [["customer"], ["customer"], ["customer", "billing"], ["customer", "admin"]];

/** The records of an Auth0 export, in order. No two share an email, except where one is made wrong so. */
export function* generateUsers({ users, seed = 1, wrong = false }: GeneratorOptions): Generator<GeneratedUser> {
  const ways = wrong ? Object.values(WRONG) : [];
  if (users < ways.length * 2) throw new Error(`${users} users leave no room for ${ways.length} wrong ones`);
  const wayAt = new Map(ways.map((way, index) => [Math.floor((users * (index + 1)) / (ways.length + 1)), way]));

  const random = mulberry32(seed);
  let first: GeneratedUser | undefined;
  for (let index = 0; index < users; index++) {
    const user = generateUser(index, random);
    first ??= user;
    wayAt.get(index)?.(user, first);
    yield user;
  }
}

/**
 * Writes NDJSON, as Auth0 exports it. The file appears when it is complete.
 *
 * @throws NodeJS.ErrnoException when it can't be written
 */
export async function writeUsers(file: string, options: GeneratorOptions): Promise<void> {
  await writeNdjson(file, generateUsers(options));
}

/**
 * Writes users as {@link writeUsers} does, but with passwords that are known, by every algorithm that Auth0 takes; and
 * these into a table for its owner alone, as `sign-in` takes it.
 *
 * @throws NodeJS.ErrnoException when one of them can't be written
 */
export async function writeUsersWithPasswords(file: string, key: string, options: GeneratorOptions): Promise<void> {
  const users = [...generateUsers(options)];
  const random = mulberry32(~(options.seed ?? 1));
  const passwords: KnownPassword[] = [];
  for (const [index, user] of users.entries()) passwords.push(await giveKnownPassword(user, index, random));
  await writeWholeFile(dirname(key), basename(key), async (stream) => {
    await pipeline([toCsv(passwords)], stream);
  });
  await writeNdjson(file, users);
}

/**
 * Writes any records as NDJSON. The file appears when it is complete.
 *
 * @throws NodeJS.ErrnoException when it can't be written
 */
export async function writeNdjson(file: string, records: Iterable<object>): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const partial = `${file}.partial`;
  try {
    await pipeline(Readable.from(ndjson(records)), createWriteStream(partial));
    await rename(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
}

/** Some hundred records at a time: a stream's own cost for each of a million lines would be most of the work. */
function* ndjson(records: Iterable<object>): Generator<Buffer> {
  let chunk = "";
  for (const record of records) {
    chunk += `${JSON.stringify(record)}\n`;
    if (chunk.length < 256 * 1024) continue;
    yield Buffer.from(chunk);
    chunk = "";
  }
  yield Buffer.from(chunk);
}

function generateUser(index: number, random: () => number): GeneratedUser {
  const pick = <T>(choices: readonly T[]): T => choices[random() % choices.length] as T;
  const [givenName, givenAscii] = pick(GIVEN_NAMES);
  const [familyName, familyAscii] = pick(FAMILY_NAMES);
  // Auth0's own ids are 24 hex digits of which the first eight are the time in seconds: one user a minute since 2021.
  const createdAt = 1_609_459_200 + index * 60;
  const user: GeneratedUser = {
    user_id: `auth0|${hex(createdAt)}${hex(random())}${hex(random())}`,
    email: `${givenAscii}.${familyAscii}.${index + 1}@${pick(EMAIL_DOMAINS)}`,
    email_verified: random() % 10 > 0,
    given_name: givenName,
    family_name: familyName,
    name: `${givenName} ${familyName}`,
    nickname: `${givenAscii}.${familyAscii}`,
    user_metadata: {
      plan: pick(PLANS),
      locale: pick(LOCALES),
      newsletter: random() % 3 === 0,
      source: pick(SOURCES),
      customer_since: new Date(createdAt * 1000).toISOString().slice(0, 10),
    },
    app_metadata: { roles: pick(ROLES), crm_id: `C-${String(index + 1).padStart(8, "0")}` },
  };
  const hash = bcryptHash(random);
  // Some came from a system before Auth0, and their hashes with them.
  if (random() % 8 === 0) user.custom_password_hash = { algorithm: "bcrypt", hash: { value: hash } };
  else user.password_hash = hash;
  return user;
}

const BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** The form of a bcrypt hash with 10 rounds; no password has it. */
function bcryptHash(random: () => number): string {
  let hash = "$2b$10$";
  for (let length = 0; length < 53; length++) {
    let value = random() % 64;
    // 16 bytes of salt and 23 of hash leave bits of their last digits unused, and these are zero.
    if (length === 21) value &= 0b110000;
    if (length === 52) value &= 0b111100;
    hash += BCRYPT_ALPHABET[value];
  }
  return hash;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** A small generator of pseudo-random 32-bit numbers (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return (value ^ (value >>> 14)) >>> 0;
  };
}
