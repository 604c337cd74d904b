import {
  afterString,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  endsPlainValue,
  isBlank,
  NEWLINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from "./bytes";
import { parseJson } from "./parseJson";
import { Scanner, type Scene } from "./scanner";
import { ArrayScanner } from "./splitArray";
import { LineScanner } from "./splitLines";
import type { TextPosition } from "./textWindow";

/** A JSON object that is the whole text, with an array of objects in it: `{"users":[{…},{…}],"total":2}`. */
export interface Envelope {
  /** The name under which the array stands. */
  readonly key: string;
  /** Those of the whole object's members, as far as it was read. */
  readonly names: readonly string[];
  /** Whether the object goes over several lines, so that it is no record of NDJSON. */
  readonly spansLines: boolean;
}

/** Under this name the array is taken before all of the object was seen: it may be as large as it likes. */
const SURE_KEY = /^users$/i;

/** More names tell no more. */
const MAX_NAMES = 1000;

/** No number is longer, nor any word of JSON. */
const MAX_PLAIN_BYTES = 1000;

type Expected = "key" | "first key" | "colon" | "value" | "first value" | "comma" | "nothing";

/** Between which brackets the scanner is, and what may come next. */
interface Whereabouts {
  readonly open: number[];
  readonly expected: Expected;
}

/**
 * A text that starts with `{`: NDJSON, or one object around an array of users. Reads the first object through, and then
 * hands over to the lines or to the array. Of an envelope it goes on behind the array.
 */
export class EnvelopeScanner extends Scanner {
  readonly #start: TextPosition;
  #open: number[] = [];
  #expected: Expected = "value";
  /** The last name of a member that was read. */
  #key = "";
  readonly #names: string[] = [];
  #spansLines = false;
  /** The arrays of objects that are in the object, or in objects in it. */
  readonly #found: { readonly key: string; readonly at: TextPosition; readonly behind: Whereabouts }[] = [];
  #isBehindArray = false;

  constructor(scene: Scene) {
    super(scene);
    this.#start = this.window.position(this.window.start);
  }

  scan(text: Buffer): void {
    const { window } = this;
    let at = window.scanned;
    while (at < text.length && !this.stopped) {
      const byte = text[at] as number;
      if (byte === NEWLINE) {
        window.newLine(at++);
        this.#spansLines ||= this.#open.length > 0;
      } else if (isBlank(byte)) {
        at++;
      } else {
        const after = this.#read(text, byte, at);
        if (this.next !== undefined) return;
        // The rest of it is still to come.
        if (after === undefined) break;
        at = after;
      }
    }
    window.scanned = at;
    if (this.#isBehindArray) window.start = at;
  }

  end(text: Buffer): void {
    if (this.#isBehindArray) {
      if (this.#expected !== "nothing") {
        this.stop("cut off: the object around the array of users is not closed", this.window.position(text.length));
      }
      return;
    }
    const [found, ...others] = this.#found;
    if (found === undefined || this.#expected !== "nothing") {
      this.#readLines();
    } else if (others.length === 0 && this.sink.onEnvelope(this.#envelope(found.key))) {
      this.#readArray(found.at, found.behind);
    } else if (others.length > 0 && this.#spansLines) {
      this.stop(SEVERAL_ARRAYS, this.#start);
    } else {
      this.#readLines();
    }
  }

  override onTooLarge(text: Buffer): void {
    if (this.#isBehindArray) super.onTooLarge(text);
    else if (this.#found.length === 0) this.#readLines();
    else this.stop(`one JSON object of more than ${this.maxRecordBytes / 2 ** 20} MiB: ${TAKE_OUT}`, this.#start);
  }

  protected get recordAt(): TextPosition {
    return this.#start;
  }

  /** Reads one token. Returns from where to go on, or `undefined` where it is not complete, or another goes on. */
  #read(text: Buffer, byte: number, at: number): number | undefined {
    switch (byte) {
      case QUOTE:
        return this.#readString(text, at);
      case OPEN_BRACE:
        if (!this.#takesValue) return this.#misfit(at);
        if (this.#expected === "first value" && this.#isInObjects(1) && this.#tookArray(at)) return undefined;
        this.#open.push(OPEN_BRACE);
        this.#expected = "first key";
        break;
      case OPEN_BRACKET:
        if (!this.#takesValue) return this.#misfit(at);
        this.#open.push(OPEN_BRACKET);
        this.#expected = "first value";
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET: {
        const isEmpty = this.#expected === (byte === CLOSE_BRACE ? "first key" : "first value");
        const opened = byte === CLOSE_BRACE ? OPEN_BRACE : OPEN_BRACKET;
        if (this.#open.at(-1) !== opened || !(isEmpty || this.#expected === "comma")) return this.#misfit(at);
        this.#open.pop();
        this.#expected = this.#open.length === 0 ? "nothing" : "comma";
        break;
      }
      case COLON:
        if (this.#expected !== "colon") return this.#misfit(at);
        this.#expected = "value";
        break;
      case COMMA:
        if (this.#expected !== "comma") return this.#misfit(at);
        this.#expected = this.#open.at(-1) === OPEN_BRACE ? "key" : "value";
        break;
      default:
        return this.#readPlain(text, at);
    }
    return at + 1;
  }

  #readString(text: Buffer, at: number): number | undefined {
    const isName = this.#expected === "key" || this.#expected === "first key";
    if (!isName && !this.#takesValue) return this.#misfit(at);
    const end = afterString(text, at + 1);
    const newline = text.indexOf(NEWLINE, at);
    // No string of JSON has one.
    if (newline !== -1 && (end === -1 || newline < end)) return this.#misfit(newline);
    if (end === -1) return undefined;
    this.#expected = isName ? "colon" : "comma";
    if (isName && this.#isInObjects(0)) {
      this.#key = String(parseJson(text.toString("utf8", at, end)));
      if (this.#open.length === 1 && this.#names.length < MAX_NAMES) this.#names.push(this.#key);
    }
    return end;
  }

  #readPlain(text: Buffer, at: number): number | undefined {
    if (!this.#takesValue) return this.#misfit(at);
    let end = at;
    while (end < text.length && !endsPlainValue(text[end] as number)) end++;
    if (end - at > MAX_PLAIN_BYTES) return this.#misfit(at);
    if (end === text.length) return undefined;
    this.#expected = "comma";
    return end;
  }

  get #takesValue(): boolean {
    return this.#expected === "value" || this.#expected === "first value";
  }

  /** Whether all that is open are objects, but for so many arrays in the innermost of them. */
  #isInObjects(arrays: number): boolean {
    const objects = this.#open.length - arrays;
    return this.#open.every((bracket, i) => bracket === (i < objects ? OPEN_BRACE : OPEN_BRACKET));
  }

  /** Sees an array of objects that begin here. Returns whether they are the records for sure. */
  #tookArray(at: number): boolean {
    const isSure = SURE_KEY.test(this.#key);
    if (this.#isBehindArray) {
      if (isSure) this.stop("not a users file: a second array of users in one JSON object", this.window.position(at));
      return isSure;
    }
    const position = this.window.position(at);
    const behind: Whereabouts = { open: this.#open.slice(0, -1), expected: "comma" };
    if (isSure && this.sink.onEnvelope(this.#envelope(this.#key))) {
      this.#readArray(position, behind);
      return true;
    }
    this.#found.push({ key: this.#key, at: position, behind });
    return false;
  }

  #envelope(key: string): Envelope {
    return { key, names: this.#names, spansLines: this.#spansLines };
  }

  /** Something that is no JSON, or comes behind the first object. */
  #misfit(at: number): undefined {
    if (!this.#isBehindArray) this.#readLines();
    else if (this.#expected === "nothing") {
      this.stop("not valid JSON: more text after the end of the object", this.window.position(at));
    } else {
      this.stop("not valid JSON: behind the array of users", this.window.position(at));
    }
  }

  #readLines(): void {
    this.window.returnTo(this.#start);
    this.next = new LineScanner(this.scene);
  }

  #readArray(at: TextPosition, { open, expected }: Whereabouts): void {
    this.#open = open;
    this.#expected = expected;
    this.#isBehindArray = true;
    this.window.returnTo(at);
    this.next = new ArrayScanner(this.scene, this);
  }
}

const TAKE_OUT = "take the array with the users out of it, for example with jq -c '.NAME[]' FILE";
const SEVERAL_ARRAYS = `one JSON object with several arrays of objects, none of which is called users: ${TAKE_OUT}`;
