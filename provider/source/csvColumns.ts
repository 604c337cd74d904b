import { type Flaw, keepNumbers, keysTwice, mayBeLarge, mayBeLong, mayHaveKeyTwice } from "../json/flaws";
import { parseJson } from "./parseJson";

/** The attributes of a user, by what a cell can hold for them. All are texts but for these. */
const BOOLEANS = new Set(["email_verified", "phone_verified", "blocked"]);
const INTEGERS = new Set(
  ["keylen", "cost", "blockSize", "parallelization"].map((name) => `custom_password_hash.${name}`),
);
const TEXTS = [
  ...["email", "user_id", "username", "phone_number"],
  ...["name", "given_name", "family_name", "nickname", "picture", "password_hash"],
];
/** A dot in a column's name leads into one of these: `user_metadata.plan`. */
const OBJECTS = ["user_metadata", "app_metadata", "custom_password_hash"];
/** May hold lists, objects, numbers: a cell of them may be JSON. */
const JSON_HOLDERS = new Set(["user_metadata", "app_metadata", "mfa_factors", "roles", "organizations"]);
const ATTRIBUTES = new Set([...BOOLEANS, ...TEXTS, ...OBJECTS, ...JSON_HOLDERS]);

/** Nobody nests metadata deeper by names of columns, and no name can make the stack overflow. */
const MAX_LEVELS = 20;

/** What a record is made of: each attribute with how it is read from a row's cells, or with what is inside of it. */
export type Columns = Map<string, ((cells: readonly string[], note: NoteFlaw) => unknown) | Columns>;

/** Is told what gets lost of JSON in a cell. */
export type NoteFlaw = (flaw: Flaw) => void;

/** Whether a column of this name is about an attribute of users. */
export function isAttribute(name: string): boolean {
  return ATTRIBUTES.has(name) || isNested(name);
}

function isNested(name: string): boolean {
  return OBJECTS.some((object) => name.startsWith(`${object}.`));
}

/**
 * The columns of a header; those without a name make nothing.
 * @returns or what is wrong with the names; they are not quoted, since a file without a header starts with a user
 */
export function columnsOf(names: readonly string[]): Columns | string {
  const columns: Columns = new Map();
  for (const [cell, name] of names.entries()) {
    if (name === "") continue;
    const path = isNested(name) ? name.split(".") : [name];
    if (path.includes("")) {
      return `column ${cell + 1} of the header has no name`;
    }
    if (path.length > MAX_LEVELS) {
      return `column ${cell + 1} of the header is nested more than ${MAX_LEVELS} levels deep`;
    }
    if (!addColumn(columns, path, cell, readerOf(name, path[0] as string))) {
      return `column ${cell + 1} of the header has the name of another one, or is part of it`;
    }
  }
  return columns;
}

/** @returns false where there is something already */
function addColumn(columns: Columns, [name = "", ...rest]: string[], cell: number, read: ReadText): boolean {
  const there = columns.get(name);
  if (rest.length > 0) {
    const nested = there ?? new Map();
    columns.set(name, nested);
    return nested instanceof Map && addColumn(nested, rest, cell, read);
  }
  columns.set(name, (cells, note) => {
    const text = cells[cell];
    return text === undefined || text === "" ? undefined : read(text, note);
  });
  return there === undefined;
}

type ReadText = (text: string, note: NoteFlaw) => unknown;

function readerOf(name: string, attribute: string): ReadText {
  if (BOOLEANS.has(name)) return readBoolean;
  if (INTEGERS.has(name)) return readInteger;
  return JSON_HOLDERS.has(attribute) || name === "custom_password_hash" ? jsonReader(name.split(".")) : (text) => text;
}

// What can't be read stays a text, so that validation tells of it with the rule and the place.

const TRUE = new Set(["true", "t", "1", "yes", "y"]);
const FALSE = new Set(["false", "f", "0", "no", "n"]);

function readBoolean(text: string): boolean | string {
  const word = text.toLowerCase();
  if (TRUE.has(word)) return true;
  return FALSE.has(word) ? false : text;
}

function readInteger(text: string): number | string {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

/** @param column where in the record it leads. */
function jsonReader(column: readonly string[]): ReadText {
  return (text, note) => {
    const value = text.startsWith("{") || text.startsWith("[") ? parseJson(text) : undefined;
    if (value === undefined) return text;
    const isRounded = mayBeLong(text) || mayBeLarge(text);
    const numbers = isRounded ? keepNumbers(value, text) : [];
    const flaws = mayHaveKeyTwice(text, Object(value)) ? [...numbers, ...keysTwice(text)] : numbers;
    for (const { kind, path } of flaws) note({ kind, path: [...column, ...path] });
    return value;
  };
}
