/** The service's limit for the whole body of a request, in bytes; over it the answer is 413. Auth0 documentation. */
export const MAX_REQUEST_BYTES = 512_000;

/** Why a record is not sent that no job can carry: Auth0's code for a value that is too long. */
export const TOO_LARGE = {
  code: "MAX_LENGTH",
  message: `is larger than a request to Auth0 may be, which is ${MAX_REQUEST_BYTES.toLocaleString("en-US")} bytes`,
} as const;

/** As many records as fit into one job, and the array of them as it is sent. */
export interface Chunk<Member> {
  readonly members: readonly Member[];
  /** The size of each member's record in the payload, in bytes. */
  readonly sizes: readonly number[];
  readonly payload: Buffer;
}

/** One record of a job, as it is sent. */
export function recordOf<Member>({ sizes, payload }: Chunk<Member>, number: number): Buffer {
  const start = sizes.slice(0, number).reduce((sum, size) => sum + size + 1, 1);
  return payload.subarray(start, start + (sizes[number] as number));
}

/** The two halves of a job. */
export function split<Member>({ members, sizes, payload }: Chunk<Member>): [Chunk<Member>, Chunk<Member>] {
  const middle = Math.ceil(members.length / 2);
  // The opening bracket, and each record with the comma or bracket behind it.
  const firstBytes = 1 + sizes.slice(0, middle).reduce((sum, size) => sum + size + 1, 0);
  return [
    {
      members: members.slice(0, middle),
      sizes: sizes.slice(0, middle),
      payload: Buffer.concat([payload.subarray(0, firstBytes - 1), Buffer.of(CLOSE)]),
    },
    {
      members: members.slice(middle),
      sizes: sizes.slice(middle),
      payload: Buffer.concat([Buffer.of(OPEN), payload.subarray(firstBytes)]),
    },
  ];
}

/**
 * Fills jobs to the limit, in the order of the source. A job is given out when the next record does not fit any more,
 * so that each is full to within one record.
 */
export class Packer<Member> {
  readonly #capacity: number;
  #members: Member[] = [];
  #sizes: number[] = [];
  #payload: Buffer | undefined;
  /** Written so far; the closing bracket is still to come. */
  #end = 0;

  /** @param overhead bytes of the request that are not the array of users: the other parts and the boundaries. */
  constructor(overhead: number) {
    this.#capacity = MAX_REQUEST_BYTES - overhead;
  }

  /** Whether a record could be sent at all, in a job of its own. */
  fits(record: string): boolean {
    return Buffer.byteLength(record) + 2 <= this.#capacity;
  }

  /** Adds a record that `fits`, and returns the job that it no longer fitted into, if it is the first of a new one. */
  add(member: Member, record: string): Chunk<Member> | undefined {
    const bytes = Buffer.byteLength(record);
    // A bracket or a comma before it, and the closing bracket.
    const full = this.#end + 1 + bytes + 1 > this.#capacity ? this.flush() : undefined;
    this.#payload ??= Buffer.allocUnsafeSlow(this.#capacity);
    this.#end = this.#payload.writeUInt8(this.isEmpty ? OPEN : COMMA, this.#end);
    this.#end += this.#payload.write(record, this.#end);
    this.#members.push(member);
    this.#sizes.push(bytes);
    return full;
  }

  get isEmpty(): boolean {
    return this.#members.length === 0;
  }

  /** What is left, as a last job; `undefined` where nothing is. */
  flush(): Chunk<Member> | undefined {
    if (this.#payload === undefined) return undefined;
    const end = this.#payload.writeUInt8(CLOSE, this.#end);
    const chunk = { members: this.#members, sizes: this.#sizes, payload: this.#payload.subarray(0, end) };
    this.#members = [];
    this.#sizes = [];
    this.#payload = undefined;
    this.#end = 0;
    return chunk;
  }
}

/** How many jobs a `Packer` would make of records of these sizes. */
export class JobCount {
  readonly #capacity: number;
  #bytes = 2;
  #jobs = 0;

  /** @param overhead as for `Packer`. */
  constructor(overhead: number) {
    this.#capacity = MAX_REQUEST_BYTES - overhead;
  }

  /** As a `Packer`'s. */
  fits(bytes: number): boolean {
    return bytes + 2 <= this.#capacity;
  }

  /** Adds a record that `fits`. */
  add(bytes: number): void {
    if (this.#jobs === 0 || this.#bytes + 1 + bytes > this.#capacity) {
      this.#jobs++;
      this.#bytes = 2 + bytes;
    } else {
      this.#bytes += 1 + bytes;
    }
  }

  get count(): number {
    return this.#jobs;
  }
}

const OPEN = 0x5b;
const COMMA = 0x2c;
const CLOSE = 0x5d;
