import type { ChunkKind } from "../plan/delta";
import type { ConnectionRules } from "../schema/connectionRules";
import type { Workplace } from "./types";

/**
 * How a run is going, and whether it may send: not before the tenant has agreed, and no more once something went wrong,
 * somebody asked it to stop, or its deadline is near. It is asked before each job, and before the first question.
 */
export class Course {
  /** Whether anything was sent, now or by a run whose journal was found. */
  achieved = false;
  /** How many jobs were offered of which no answer says whether the tenant has them. */
  unanswered = 0;
  /** What the connection wants of its users; known once the run may begin, where it is told. */
  rules: ConnectionRules | undefined;
  #problem: Error | undefined;
  #consent: Promise<void> | undefined;

  constructor(
    private readonly at: Pick<Workplace, "tenant" | "stop" | "preflight">,
    private readonly deadline: Date | undefined,
    /** The name of the connection, as far as it was told. */
    public connection: string | undefined,
  ) {}

  /** The first thing that went wrong. */
  get problem(): Error | undefined {
    return this.#problem;
  }

  get isStopped(): boolean {
    return this.#problem !== undefined || this.at.stop.aborted;
  }

  fail(error: unknown): void {
    this.#problem ??= error instanceof Error ? error : new Error(String(error));
  }

  /**
   * The tenant is asked once, and not before there is something to send: most runs have nothing.
   *
   * @throws Error when it does not agree.
   */
  mayBegin(): Promise<void> {
    this.#consent ??= this.at.preflight().then(
      (rules) => {
        this.rules = rules;
        this.connection = rules?.connection ?? this.connection;
      },
      (error: Error) => {
        throw new Error(`${error.message} Nothing ${this.achieved ? "more " : ""}was sent.`);
      },
    );
    return this.#consent;
  }

  /**
   * Asked before each call for a membership.
   *
   * @throws Error when there is a reason to stop by then.
   */
  assertGoesOn(): void {
    if (this.#problem !== undefined) throw this.#problem;
    this.at.stop.throwIfAborted();
    if (this.deadline !== undefined && Date.now() > this.deadline.getTime())
      throw new Error("The deadline is reached.");
  }

  /**
   * Asked when a job has its slot, and while it waits for the tenant to take it.
   *
   * @throws Error when there is a reason to stop by then.
   */
  assertMaySend(kind: ChunkKind, users: number): void {
    if (this.#problem !== undefined) throw this.#problem;
    this.at.stop.throwIfAborted();
    const ends = Date.now() + this.at.tenant.pace.expected(kind, users);
    if (this.deadline !== undefined && ends > this.deadline.getTime()) {
      throw new Error("The deadline is near, and another job would not end before it.");
    }
  }
}
