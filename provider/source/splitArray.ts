import {
  afterString,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  endsPlainValue,
  isBlank,
  NEWLINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from "./bytes";
import { Scanner, type Scene } from "./scanner";
import type { TextPosition } from "./textWindow";

type State =
  /** After `[`: an element or `]`. */
  | "first element"
  /** After `,`: an element. */
  | "next element"
  | "in element"
  /** `,` or `]`. */
  | "after element"
  | "after array";

/** The elements of a JSON array. Begins behind its opening bracket. */
export class ArrayScanner extends Scanner {
  #state: State = "first element";
  /** Of brackets in the element. */
  #depth = 0;
  /** Of the element, up to where it is scanned. */
  #inQuotes = false;
  protected recordAt: TextPosition;

  /** @param around what goes on behind the array, where that is not the whole text. */
  constructor(
    scene: Scene,
    private readonly around?: Scanner,
  ) {
    super(scene);
    this.recordAt = this.window.position(this.window.start);
  }

  scan(text: Buffer): void {
    const { window } = this;
    let at = window.scanned;
    while (at < text.length && !this.stopped && this.next === undefined) {
      if (this.#state === "in element") {
        at = this.#scanElement(text, at);
        continue;
      }
      const byte = text[at] as number;
      if (byte === NEWLINE) {
        window.newLine(at);
        at++;
      } else if (isBlank(byte)) {
        at++;
      } else {
        at = this.#scanBetween(byte, at);
      }
    }
    window.scanned = at;
    if (this.#state !== "in element") {
      window.start = at;
    }
  }

  end(text: Buffer): void {
    if (this.#state === "after array") return;
    if (
      this.#state === "in element" &&
      this.sink.onUnfinishedRecord(text, this.window.start, text.length, this.recordAt)
    ) {
      return;
    }
    this.stop("cut off: the ] that closes the array is missing", this.window.position(text.length));
  }

  /** What stands before, between and after the elements. Returns from where to go on. */
  #scanBetween(byte: number, at: number): number {
    const { window } = this;
    if (this.#state === "after array") {
      this.stop("not valid JSON: more text after the end of the array", window.position(at));
    } else if (byte === CLOSE_BRACKET && this.#state !== "next element") {
      this.#state = "after array";
      this.next = this.around;
    } else if (this.#state === "after element") {
      if (byte === COMMA) {
        this.#state = "next element";
      } else {
        this.stop("not valid JSON: comma or closing bracket expected", window.position(at));
      }
    } else if (byte === COMMA || byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      this.stop("not valid JSON: value expected", window.position(at));
    } else {
      this.#state = "in element";
      window.start = at;
      this.recordAt = window.position(at);
      this.#depth = 0;
      this.#inQuotes = false;
      return at;
    }
    return at + 1;
  }

  /** Looks for the end of an element: the bracket that closes its first one, or whatever ends a plain value. */
  #scanElement(text: Buffer, from: number): number {
    const end = text.length;
    let at = from;
    let depth = this.#depth;
    let inQuotes = this.#inQuotes;
    while (at < end) {
      const byte = inQuotes ? QUOTE : (text[at++] as number);
      if (byte === QUOTE) {
        const after = afterString(text, at);
        inQuotes = after === -1;
        at = inQuotes ? end : after;
        if (depth === 0 && !inQuotes) {
          return this.#emitElement(text, at);
        }
      } else if (depth === 0 && endsPlainValue(byte)) {
        return this.#emitElement(text, at - 1);
      } else if (byte === NEWLINE) {
        this.window.newLine(at - 1);
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth--;
        if (depth === 0) {
          return this.#emitElement(text, at);
        }
      }
    }
    this.#depth = depth;
    this.#inQuotes = inQuotes;
    return end;
  }

  #emitElement(text: Buffer, end: number): number {
    this.#state = "after element";
    this.emit(text, this.window.start, end, this.recordAt);
    return end;
  }
}
