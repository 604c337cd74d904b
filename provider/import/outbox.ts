import type { ChunkKind } from "../plan/delta";
import { type Chunk, Packer } from "../plan/pack";
import { requestOverhead } from "../tenant/importRequest";
import { requestOf } from "./delivery";
import type { Member } from "./members";
import type { ImportSettings } from "./types";

const KINDS = ["insert", "upsert", "hash"] as const satisfies readonly ChunkKind[];

/** Room for the number in the external id of any job. */
const LONGEST_JOB_NUMBER = 9_999_999;

/** Records that wait for their job to be full: one job of each kind at a time. */
export class Outbox {
  private constructor(
    private readonly packers: ReadonlyMap<ChunkKind, Packer<Member>>,
    private readonly start: (kind: ChunkKind, chunk: Chunk<Member>) => Promise<void>,
  ) {}

  /** @param start sends a job, and returns when the next one may be filled. */
  static async open(
    settings: ImportSettings,
    start: (kind: ChunkKind, chunk: Chunk<Member>) => Promise<void>,
  ): Promise<Outbox> {
    const packers = new Map<ChunkKind, Packer<Member>>();
    for (const kind of KINDS) {
      packers.set(kind, new Packer(await requestOverhead(requestOf(settings, kind, LONGEST_JOB_NUMBER))));
    }
    return new Outbox(packers, start);
  }

  get isEmpty(): boolean {
    return [...this.packers.values()].every((packer) => packer.isEmpty);
  }

  /** Whether a job could carry the record. */
  fits(kind: ChunkKind, record: string): boolean {
    return this.#packerOf(kind).fits(record);
  }

  /** Adds a record that `fits`, and sends the job that it makes full. */
  async add(kind: ChunkKind, member: Member, record: string): Promise<void> {
    const full = this.#packerOf(kind).add(member, record);
    if (full !== undefined) await this.start(kind, full);
  }

  /** Sends what waits, full or not. */
  async flush(isStopped: () => boolean): Promise<void> {
    for (const [kind, packer] of this.packers) {
      if (isStopped()) return;
      const rest = packer.flush();
      if (rest !== undefined) await this.start(kind, rest);
    }
  }

  #packerOf(kind: ChunkKind): Packer<Member> {
    return this.packers.get(kind) as Packer<Member>;
  }
}
