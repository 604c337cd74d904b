/**
 * Whether a worker still holds a batch. The queue gives it for a time, and for more whenever the worker renews it. Before
 * that time has run out by the worker's own clock it must have stopped: then another may have the batch.
 */
export class Fence {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #until: number;

  /**
   * @param lockMs for how long the queue gives a batch.
   * @param asked when it was asked for: its answer may have come late.
   */
  constructor(
    private readonly lockMs: number,
    asked = Date.now(),
  ) {
    this.#until = asked + this.#sureMs;
    this.#timer = setInterval(() => this.#look(), Math.min(1_000, lockMs / 10));
    this.#timer.unref();
  }

  /** Aborted when the batch is lost. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @param asked when the renewal was asked for. A process that slept meanwhile has less of it left, or nothing. */
  renewed(asked: number): void {
    this.#look();
    if (!this.signal.aborted) this.#until = Math.max(this.#until, asked + this.#sureMs);
  }

  lose(): void {
    this.#controller.abort(
      new Error("The queue has given this batch to another worker, because this one did not reach it for too long."),
    );
  }

  /**
   * Asked before anything is sent. By the clock, and not by a timer: a process that was asleep finds out before it acts.
   *
   * @throws Error when the batch is lost.
   */
  assertHeld(): void {
    this.#look();
    this.signal.throwIfAborted();
  }

  end(): void {
    clearInterval(this.#timer);
  }

  /** A call that is on its way when the time runs out has the last fifth of it to arrive. */
  get #sureMs(): number {
    return this.lockMs * 0.8;
  }

  #look(): void {
    if (Date.now() > this.#until) this.lose();
  }
}
