import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { withPlainNumbers } from "../../provider/json/exactNumber";
import { openSource, SourceError } from "../../provider/source";
import { UsersFolder } from "./usersFolder";

type User = Record<string, unknown>;

interface Text {
  content: string;
  places: { line: number; user: User }[];
}

const user: fc.Arbitrary<User> = fc
  .tuple(
    fc.constantFrom("email", "user_id", "username", "phone_number"),
    fc.string({ unit: "binary" }),
    fc.dictionary(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "constructor")), fc.jsonValue()),
  )
  // Through JSON, so that only what JSON can say is left: no -0, and __proto__ is a key like any other.
  .map(([identity, value, rest]) => JSON.parse(JSON.stringify({ ...rest, [identity]: value })) as User);

const blank = fc.stringMatching(/^[ \t]{0,3}$/);
const blanks = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
const lineEnd = fc.constantFrom("\n", "\r\n");

const ndjson: fc.Arbitrary<Text> = fc
  .tuple(fc.array(fc.tuple(user, blank, blanks), { minLength: 1, maxLength: 6 }), lineEnd, blanks, fc.boolean())
  .map(([lines, end, start, endsLine]) => {
    const text = new TextBuilder().add(start);
    lines.forEach(([user, before, after], number) => {
      text.add(before).addUser(user, JSON.stringify(user));
      if (endsLine || number < lines.length - 1) {
        text.add(after + end);
      }
    });
    return text;
  });

const array: fc.Arbitrary<Text> = fc
  .tuple(
    fc.array(fc.tuple(user, blanks, blanks), { minLength: 1, maxLength: 6 }),
    fc.constantFrom("", " ", "  ", "\t"),
    lineEnd,
    blanks,
  )
  .map(([elements, indent, end, around]) => {
    const text = new TextBuilder().add(`${around}[`);
    elements.forEach(([user, before, after], number) => {
      text.add(number === 0 ? before : `${after},${before}`);
      text.addUser(user, JSON.stringify(user, null, indent).replaceAll("\n", end));
    });
    return text.add(`]${around}`);
  });

class TextBuilder implements Text {
  content = "";
  readonly places: Text["places"] = [];

  add(text: string): this {
    this.content += text;
    return this;
  }

  addUser(user: User, json: string): this {
    this.places.push({ line: this.content.split("\n").length, user });
    return this.add(json);
  }
}

const DELIMITERS = [",", ";", "\t"];

/** A cell as RFC 4180 has it: in quotes where it must be, or where `always` says so. */
function csvCell(text: string, delimiter: string, always: boolean): string {
  const must = /["\r\n]/.test(text) || text.includes(delimiter);
  return must || always ? `"${text.replaceAll('"', '""')}"` : text;
}

interface Row {
  line: number;
  cells: string[];
}

/** What RFC 4180 makes of a text, character by character, as a measure for the reader; `undefined` if malformed. */
function rowsIn(text: string, delimiter: string): Row[] | undefined {
  const rows: Row[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const start = at;
    const row: Row = { line, cells: [] };
    for (;;) {
      let cell = "";
      if (text[at] === '"') {
        for (at++; text.startsWith('""', at) || text[at] !== '"'; at++) {
          if (at >= text.length) return undefined;
          if (text[at] === '"') at++;
          if (text[at] === "\n") line++;
          cell += text[at];
        }
        at++;
        if (text.startsWith("\r", at) && (at + 1 === text.length || text[at + 1] === "\n")) at++;
        if (at < text.length && text[at] !== delimiter && text[at] !== "\n") return undefined;
      } else {
        for (; at < text.length && text[at] !== delimiter && text[at] !== "\n"; at++) {
          if (text[at] === '"') return undefined;
          cell += text[at];
        }
        if (text[at] !== delimiter) cell = cell.replace(/\r$/, "");
      }
      row.cells.push(cell);
      if (text[at] !== delimiter) break;
      at++;
    }
    if (!/^[ \t\r,;]*$/.test(text.slice(start, at))) rows.push(row);
    at++;
    line++;
  }
  return rows;
}

/** Plain, or gzipped in members that are cut anywhere. */
const packed = (text: fc.Arbitrary<Text>) =>
  fc
    .tuple(text, fc.boolean(), fc.option(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 })))
    .map(([{ content, places }, mark, cuts]) => {
      const bytes = Buffer.from((mark ? "\u{feff}" : "") + content);
      if (cuts === null) {
        return { bytes, places };
      }
      const ends = [...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b), bytes.length];
      const members = ends.map((end, number) => gzipSync(bytes.subarray(ends[number - 1] ?? 0, end)));
      return { bytes: Buffer.concat(members), places };
    });

const chunkBytes = fc.oneof(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 8, max: 2000 }));

/** What JSON.parse makes of the whole text, as a measure for what is found piece by piece. */
function usersIn(bytes: Uint8Array): User[] | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const isArray = text.trimStart().startsWith("[");
    const inside = isArray ? undefined : usersInside(text);
    if (inside !== undefined) return inside.some(hasIdentity) && inside.every(isUser) ? inside : undefined;
    const lines = text.split("\n").filter((line) => !/^[ \t\r]*$/.test(line));
    const records: unknown = isArray ? JSON.parse(text) : lines.map((line) => JSON.parse(line) as unknown);
    return Array.isArray(records) && records.every(isUser) && records.some(hasIdentity) ? records : undefined;
  } catch {
    return undefined;
  }
}

/** Those of a text that is one object with one array of objects in it, or one called users. */
function usersInside(text: string): User[] | undefined {
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isUser(whole) || IDENTITIES.some((name) => Object.hasOwn(whole as User, name))) return undefined;
  const arrays = Object.entries(whole).flatMap(function arraysIn([name, value]): [string, unknown[]][] {
    if (isUser(value)) return Object.entries(value).flatMap(arraysIn);
    return Array.isArray(value) && isUser(value[0]) ? [[name, value]] : [];
  });
  return arrays.length === 1 ? (arrays[0]?.[1] as User[]) : undefined;
}

const IDENTITIES = ["email", "user_id", "username", "phone_number"];
const isUser = (value: unknown): value is User => typeof value === "object" && value !== null && !Array.isArray(value);
const hasIdentity = (user: User) => IDENTITIES.some((name) => typeof user[name] === "string");

describe("openSource on any text", () => {
  let folder: UsersFolder;
  before(async () => {
    folder = await UsersFolder.create();
  });
  after(() => folder.remove());

  async function read(bytes: Uint8Array, chunkBytes: number): Promise<Text["places"]> {
    await folder.write("users", bytes);
    const source = await openSource(["users"], folder.path, { limits: { chunkBytes } });
    try {
      const places = [];
      for await (const { line, user } of source.records()) {
        // As JSON.parse has them, numbers that no double keeps are rounded.
        places.push({ line, user: withPlainNumbers(user) });
      }
      return places;
    } finally {
      await source.close();
    }
  }

  /** Says nothing of what starts like no JSON, and may be CSV. */
  async function agreesWithJsonParse(bytes: Uint8Array, chunkBytes: number): Promise<void> {
    fc.pre(/^\u{feff}?[ \t\r\n]*[[{]/u.test(Buffer.from(bytes).toString()));
    const expected = usersIn(bytes);
    try {
      const users = (await read(bytes, chunkBytes)).map(({ user }) => user);
      assert.deepEqual(users, expected);
    } catch (error) {
      if (!(error instanceof SourceError)) {
        throw error;
      }
      assert.equal(expected, undefined, `refused: ${error.message}`);
    }
  }

  it("gives back the users of an array, and their lines", async () => {
    await fc.assert(
      fc.asyncProperty(packed(array), chunkBytes, async ({ bytes, places }, chunkBytes) => {
        assert.deepEqual(await read(bytes, chunkBytes), places);
      }),
    );
  });

  it("gives back the users of NDJSON, and their lines", async () => {
    await fc.assert(
      fc.asyncProperty(packed(ndjson), chunkBytes, async ({ bytes, places }, chunkBytes) => {
        assert.deepEqual(await read(bytes, chunkBytes), places);
      }),
    );
  });

  it("takes what JSON.parse takes, of text that is made of JSON's own pieces", async () => {
    const piece = fc.constantFrom(
      ...'{ } [ ] , : " \\ 1 - é null "email" {"email":"x"} {"email":"]\\\\"} {"a":[{"b":"}"}]} {"a":[{"email":"x"}]'.split(
        " ",
      ),
      " ",
      "\n",
      "\r\n",
      "\u{feff}",
    );
    const start = fc.constantFrom("", "[", '[{"email":"x"}', '{"email":"x"}\n', '{"a":1,"b":[{"email":"x"}');
    const text = fc.tuple(start, fc.array(piece, { maxLength: 8 }), fc.constantFrom("", "]", "\n"));
    await fc.assert(
      fc.asyncProperty(text, chunkBytes, async ([start, pieces, end], chunkBytes) => {
        await agreesWithJsonParse(Buffer.from(start + pieces.join("") + end), chunkBytes);
      }),
      { numRuns: 1000 },
    );
  });

  it("takes what JSON.parse takes, of files with a few bytes changed", async () => {
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      removed: fc.integer({ min: 0, max: 2 }),
      added: fc.oneof(fc.uint8Array({ maxLength: 2 }), fc.constantFrom(...'{}[],:"\\\n'.split("")).map(Buffer.from)),
    });
    const text = fc.oneof(array, ndjson).map(({ content }) => Buffer.from(content));
    await fc.assert(
      fc.asyncProperty(text, change, chunkBytes, async (bytes, { at, removed, added }, chunkBytes) => {
        const start = Math.floor(at * bytes.length);
        const changed = Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start + removed)]);
        await agreesWithJsonParse(changed, chunkBytes);
      }),
      { numRuns: 400 },
    );
  });

  it("takes what RFC 4180 takes, of text that is made of CSV's own pieces, and forgives only cells that are blank", async () => {
    const columns = ["email", "name", "nickname"];
    const pieces = [
      '"',
      '""',
      '"x"',
      '"é\n😀"',
      "\n",
      "\r\n",
      "\r",
      ",",
      ";",
      "\t",
      "x",
      "y z",
      "0",
      " ",
      "\\N",
      "'x",
      "sep=;",
    ];
    const rows = fc.array(fc.constantFrom(...pieces, "DELIMITER", "DELIMITER", "DELIMITER"), { maxLength: 12 });
    const form = fc.record({
      delimiter: fc.constantFrom(...DELIMITERS),
      saysDelimiter: fc.boolean(),
      nameless: fc.integer({ min: 0, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(form, rows, chunkBytes, async ({ delimiter, saysDelimiter, nameless }, rows, chunkBytes) => {
        const header = `${saysDelimiter ? `sep=${delimiter}\n` : ""}${columns.join(delimiter)}${delimiter.repeat(nameless)}`;
        const text = `${header}\nx${delimiter}y${delimiter}z\n${rows.join("").replaceAll("DELIMITER", delimiter)}`;
        const expected = rowsIn(text, delimiter)?.slice(saysDelimiter ? 2 : 1);
        const isSound =
          expected?.every(({ cells }) => cells.slice(columns.length).every((cell) => cell.trim() === "")) ?? false;
        await read(Buffer.from(text), chunkBytes).then(
          (places) => {
            const users = expected?.map(({ line, cells }) => ({
              line,
              user: Object.fromEntries(
                columns.map((name, i) => [name, cells[i] ?? ""]).filter(([, value]) => value !== ""),
              ),
            }));
            assert.deepEqual(places, users);
            assert.ok(isSound);
          },
          (error: unknown) => {
            assert.ok(error instanceof SourceError && !isSound, `refused: ${String(error)}`);
          },
        );
      }),
      { numRuns: 1500 },
    );
  });

  it("finds the same users in each form of a file", async () => {
    const text = fc.oneof(fc.string({ minLength: 1 }), fc.string({ unit: "binary", minLength: 1 }));
    const user = fc.record(
      {
        email: text.map((text) => `a${text}`),
        name: text,
        email_verified: fc.boolean(),
        plan: text.filter((text) => !/^[[{]/.test(text)),
        tags: fc.array(fc.jsonValue({ maxDepth: 1 }), { maxLength: 3 }),
      },
      { requiredKeys: ["email"] },
    );
    const toJson = ({ plan, tags, ...rest }: { plan?: string; tags?: unknown[] }): User => {
      const metadata = { ...(plan === undefined ? {} : { plan }), ...(tags === undefined ? {} : { tags }) };
      return JSON.parse(
        JSON.stringify({ ...rest, ...(Object.keys(metadata).length > 0 ? { user_metadata: metadata } : {}) }),
      );
    };
    const csvLine = (texts: (string | undefined)[], delimiter: string, always: boolean) =>
      `${texts.map((text) => csvCell(text ?? "", delimiter, always)).join(delimiter)}\r\n`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(user, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...DELIMITERS),
        fc.boolean(),
        chunkBytes,
        async (users, delimiter, always, chunkBytes) => {
          const expected = users.map(toJson);
          const rows = users.map(({ email, name, email_verified, plan, tags }) =>
            csvLine([email, name, email_verified?.toString(), plan, tags && JSON.stringify(tags)], delimiter, always),
          );
          const columns = ["email", "name", "email_verified", "user_metadata.plan", "user_metadata.tags"];
          const forms = [
            JSON.stringify(expected, null, 2),
            expected.map((user) => `${JSON.stringify(user)}\n`).join(""),
            csvLine(columns, delimiter, always) + rows.join(""),
          ];
          for (const form of forms) {
            for (const bytes of [Buffer.from(form), gzipSync(form)]) {
              assert.deepEqual(
                (await read(bytes, chunkBytes)).map(({ user }) => user),
                expected,
              );
            }
          }
        },
      ),
    );
  });

  describe("throws nothing but SourceError, with the place,", () => {
    /** Where it is the file as a whole that is wrong. */
    const WHOLE = /^(not a users file|gzip data is|there (is nothing|are no users) in this file|no record has email)/;

    async function agreesOrTellsWhere(bytes: Uint8Array, chunkBytes: number): Promise<void> {
      try {
        await read(bytes, chunkBytes);
      } catch (error) {
        assert(error instanceof SourceError, `failed otherwise: ${String(error)}`);
        assert.ok(error.problems.length > 0);
        for (const { file, line = 0, column = 0, message } of error.problems) {
          assert.equal(file, "users");
          assert.ok(WHOLE.test(message) || (line > 0 && column > 0), message);
        }
      }
    }

    it("on any bytes", async () => {
      const gzip = "\u{1f}\u{8b}\b\0\0\0\0\0\0\u{3}";
      const starts = ["", "[", "{", '[{"', "\u{ef}\u{bb}\u{bf}", "\u{1f}\u{8b}", gzip, "email,name\n", 'email\n"'];
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...starts),
          fc.uint8Array({ maxLength: 200 }),
          chunkBytes,
          async (start, bytes, chunkBytes) => {
            await agreesOrTellsWhere(Buffer.concat([Buffer.from(start, "latin1"), bytes]), chunkBytes);
          },
        ),
        { numRuns: 600 },
      );
    });

    it("on sound files with bytes changed, moved and lost", async () => {
      const rows = 'email,name,user_metadata.tags\na@b.c,"Doe, J ""x""","[1,{""a"":2}]"\r\nd@e.f,é😀,\n';
      const text = fc.oneof(
        packed(fc.oneof(array, ndjson)).map(({ bytes }) => bytes),
        packed(fc.constant({ content: rows.repeat(1), places: [] })).map(({ bytes }) => bytes),
      );
      const change = fc.record({
        at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        removed: fc.integer({ min: 0, max: 20 }),
        added: fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.constantFrom(..."{}[],:\"\\\n\r;\t'").map(Buffer.from)),
      });
      await fc.assert(
        fc.asyncProperty(
          text,
          fc.array(change, { minLength: 1, maxLength: 4 }),
          chunkBytes,
          async (bytes, changes, chunkBytes) => {
            const changed = changes.reduce<Uint8Array>((bytes, { at, removed, added }) => {
              const start = Math.floor(at * bytes.length);
              return Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start + removed)]);
            }, bytes);
            await agreesOrTellsWhere(changed, chunkBytes);
          },
        ),
        { numRuns: 600 },
      );
    });
  });
});
