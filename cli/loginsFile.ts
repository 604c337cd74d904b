import { type FileHandle, open } from "node:fs/promises";

/** One line of a logins file. */
export interface Login {
  /** Where its record begins, 1-based. */
  readonly line: number;
  /** Email, username or phone number. */
  readonly username: string;
  readonly password: string;
}

/**
 * Reads user names and passwords from a CSV file that only its owner may read. What RFC 4180 says is all that is done
 * to it: a password may begin with a space or an apostrophe, and does so here.
 *
 * @throws Error with the file, the line and the rule, and never with what stands there
 */
export async function readLogins(file: string): Promise<Login[]> {
  const text = decode(await readPrivate(file), file);
  const wrong = (line: number, what: string) => new Error(`${file}:${line}: ${what}.`);
  const [header, ...rows] = [...records(text, wrong)];
  const columns = header?.cells ?? [];
  const [usernameAt, passwordAt] = ["username", "password"].map((name) => columns.indexOf(name)) as [number, number];
  if (usernameAt < 0 || passwordAt < 0 || new Set(columns).size < columns.length) {
    throw wrong(1, "the first line has to name the columns, each once, with username and password among them");
  }
  if (rows.length === 0) throw new Error(`${file} holds no users.`);
  return rows.map(({ line, cells }) => {
    if (cells.length !== columns.length) {
      throw wrong(line, `there are ${cells.length} cells, the first line has ${columns.length}`);
    }
    const username = cells[usernameAt] as string;
    const password = cells[passwordAt] as string;
    if (username === "" || password === "")
      throw wrong(line, `the ${username === "" ? "username" : "password"} is empty`);
    // The terminal gets to see the first of it.
    if (/[\p{Cc}\p{Cf}]/u.test(username)) throw wrong(line, "the username holds a control character");
    return { line, username, password };
  });
}

async function readPrivate(file: string): Promise<Buffer> {
  let handle: FileHandle;
  try {
    handle = await open(file);
  } catch (error) {
    throw new Error(`${file} can't be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  try {
    // Of what is open, so that nobody can put another file there in between.
    const stats = await handle.stat();
    if (!stats.isFile() && !stats.isFIFO()) throw new Error(`${file} is not a file.`);
    if ((stats.mode & 0o077) !== 0) {
      const octal = (stats.mode & 0o777).toString(8).padStart(4, "0");
      throw new Error(`${file} holds passwords, and others may read it (its mode is ${octal}): chmod 600 ${file}`);
    }
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function decode(bytes: Buffer, file: string): string {
  try {
    // Takes a byte order mark away, which some programs put in front.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${file} is not UTF-8.`);
  }
}

interface Row {
  readonly line: number;
  readonly cells: string[];
}

/** A cell in quotes, or one without any; then what ends it. */
const CELL = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n|$)/y;

/** The records as RFC 4180 has them. Their lines may end with a line feed alone, too. */
function* records(text: string, wrong: (line: number, what: string) => Error): Generator<Row> {
  let line = 1;
  let row: Row = { line, cells: [] };
  for (let at = 0; at < text.length || row.cells.length > 0; ) {
    CELL.lastIndex = at;
    const match = CELL.exec(text);
    if (!match)
      throw wrong(
        line,
        "a quote has no counterpart, or stands in a cell that is not in quotes, or a carriage return stands alone",
      );
    const [all, inQuotes, bare = "", end = ""] = match;
    row.cells.push(inQuotes === undefined ? bare : inQuotes.replaceAll('""', '"'));
    at += all.length;
    line += all.split("\n").length - 1;
    if (end === ",") continue;
    yield row;
    row = { line, cells: [] };
  }
}
