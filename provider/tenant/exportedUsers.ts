import { createHash } from "node:crypto";
import { isObject } from "../source/jsonFormat";
import { parseJson } from "../source/parseJson";
import { decodeUtf8 } from "../source/recordFormat";
import { SourceError } from "../source/sourceError";
import { READ_BYTES, SourceFile } from "../source/sourceFile";
import { RecordSplitter } from "../source/splitRecords";
import type { TextPosition } from "../source/textWindow";
import { ExportError, type ExportFile } from "./exports";

/*
 * The lines of an export, read to its end. A file that is cut off, a line that is broken, or one that lacks what every
 * user has, would look like people who are not there: each of these is an error, and nothing is concluded.
 */

/** A user on a line of an export, under Auth0's names of attributes. */
export type ExportedUser = Readonly<Record<string, unknown>>;

/** Where a user's line lies in the unpacked text: the byte at which it begins, and its length. */
export interface LinePlace {
  readonly offset: number;
  readonly bytes: number;
}

/** All users of a connection, as an export has them; on the disk, and not in memory. To be closed. */
export interface ExportedUsers extends Omit<ExportFile, "spool" | "connection"> {
  readonly connection: string;
  /** How many users. */
  readonly lines: number;
  /** Of the file as it was fetched, in hex. */
  readonly sha256: string;
  /** A user again, by the place of the line. */
  read(place: LinePlace): Promise<ExportedUser>;
  close(): Promise<void>;
}

/** A line is longer only where something is wrong: a user has some kilobytes. */
const LONGEST_LINE = 64 * 2 ** 20;

/**
 * Reads an export to its end, and shows each user once, in the order of the file. Takes over the file, and closes it where
 * this fails.
 *
 * @param connection its name, of which every user has to have an identity.
 * @param onUser is called while the file is read; what it throws ends the reading.
 * @throws ExportError when the file is not whole, or not what an export of this connection is.
 */
export async function readExport(
  { spool, job, started }: ExportFile,
  connection: string,
  onUser: (user: ExportedUser, place: LinePlace) => void,
): Promise<ExportedUsers> {
  const name = `the export ${job}`;
  const file = await SourceFile.of(name, spool.handle);
  const close = async () => {
    await file.close();
    await spool.close();
  };
  try {
    const hash = createHash("sha256");
    const lines = new Lines(connection, onUser);
    const splitter = new RecordSplitter(lines, LONGEST_LINE);
    for await (const chunk of file.textChunks(READ_BYTES, hash)) splitter.push(chunk);
    splitter.end();
    const read = async ({ offset, bytes }: LinePlace): Promise<ExportedUser> => {
      const buffer = Buffer.allocUnsafe(bytes);
      await file.readText(buffer, offset);
      return parse(buffer, 0, bytes) as ExportedUser;
    };
    return { job, started, connection, lines: lines.count, sha256: hash.digest("hex"), read, close };
  } catch (error) {
    await close();
    if (error instanceof BrokenExport) throw unusable(name, error.message);
    if (error instanceof SourceError) throw unusable(name, error.problems[0]?.message ?? error.message);
    throw error;
  }
}

/** What is wrong with an export, in words that quote nothing of it. */
class BrokenExport extends Error {}

function unusable(name: string, reason: string): ExportError {
  return new ExportError(
    `${name[0]?.toUpperCase()}${name.slice(1)} can't be used: ${reason}. Nothing is concluded from it. Run again.`,
  );
}

class Lines {
  count = 0;

  constructor(
    private readonly connection: string,
    private readonly onUser: (user: ExportedUser, place: LinePlace) => void,
  ) {}

  onRecord(text: Buffer, start: number, end: number, at: TextPosition): "sound" {
    const user = parse(text, start, end);
    if (user === undefined) throw new BrokenExport(`line ${at.line} is not whole`);
    if (!isWhole(user)) {
      throw new BrokenExport(`line ${at.line} lacks ${lackingOf(user).join(", ")}, which every user has`);
    }
    if (!user.identities.some((each) => isObject(each) && each.connection === this.connection)) {
      throw new BrokenExport(`the user of line ${at.line} is not of the connection "${this.connection}"`);
    }
    this.count++;
    this.onUser(user, { offset: at.offset, bytes: end - start });
    return "sound";
  }

  /** Its lines may hold arrays of objects: the identities. */
  onEnvelope(): boolean {
    return false;
  }

  onHeader(): never {
    throw new BrokenExport("it is not JSON");
  }

  onUnfinishedRecord(): boolean {
    throw new BrokenExport("it is cut off");
  }

  onProblem(message: string): void {
    throw new BrokenExport(message);
  }
}

/** Asked of every line: makes no array. */
function isWhole(user: ExportedUser): user is ExportedUser & { readonly identities: readonly unknown[] } {
  const { user_id, created_at, identities } = user;
  return isText(user_id) && isText(created_at) && Array.isArray(identities) && identities.length > 0;
}

function lackingOf(user: ExportedUser): string[] {
  const lacking = ["user_id", "created_at"].filter((name) => !isText(user[name]));
  const { identities } = user;
  return Array.isArray(identities) && identities.length > 0 ? lacking : [...lacking, "identities"];
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function parse(text: Buffer, start: number, end: number): ExportedUser | undefined {
  const value = parseJson(decodeUtf8(text.subarray(start, end)) ?? "");
  return isObject(value) ? value : undefined;
}
