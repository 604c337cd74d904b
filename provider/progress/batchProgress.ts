/** How far a batch is, as one line on its resource. */
export class BatchProgress {
  #done = 0;
  #failed = 0;
  /** Users who took a job, and since when: what went without one says nothing of the speed. */
  #sent = 0;
  #firstJob: number | undefined;
  #waiting: string | undefined;
  #retrying: string | undefined;
  #doing: string | undefined;
  /** Users done in each running job, by the job's own word. */
  readonly #running = new Map<string, number>();

  /**
   * @param users how many records the batch has.
   * @param slots how many jobs may be active at a time.
   * @param show puts a line where the user sees it.
   */
  constructor(
    private readonly users: number,
    private readonly slots: number,
    private readonly show: (line: string) => void,
  ) {}

  /** Records that have come to their end. */
  settled(users: number, failed = 0): void {
    this.#done += users;
    this.#failed += failed;
  }

  /** A job is on its way, and has done so many of its users. */
  running(job: string, usersDone: number): void {
    this.#firstJob ??= Date.now();
    this.#retrying = undefined;
    this.#running.set(job, usersDone);
    this.print();
  }

  ended(job: string, users: number): void {
    this.#running.delete(job);
    this.#sent += users;
    this.print();
  }

  waiting(reason: string | undefined): void {
    if (reason === this.#waiting) return;
    this.#waiting = reason;
    this.print();
  }

  /** Something is done that no record counts for: `"reading 1,000,000 users back, 40 %"`; `undefined` at its end. */
  doing(what: string | undefined): void {
    if (what === this.#doing) return;
    this.#doing = what;
    this.print();
  }

  /** Something is done once more; said until the next step forward. */
  retrying(what: string): void {
    this.#retrying = what;
    this.print();
  }

  print(): void {
    this.show(this.line);
  }

  get line(): string {
    const running = [...this.#running.values()].reduce((sum, users) => sum + users, 0);
    const done = Math.min(this.users, Math.floor(this.#done + running));
    const parts = [`${this.users === 0 ? 100 : Math.floor((100 * done) / this.users)}%`];
    parts.push(`${count(done)} of ${count(this.users)} users`);
    if (this.#failed > 0) parts.push(`${count(this.#failed)} failed`);
    const seconds = this.#firstJob === undefined ? 0 : (Date.now() - this.#firstJob) / 1000;
    const speed = seconds >= 1 ? (this.#sent + running) / seconds : 0;
    if (speed > 0) parts.push(`${count(Math.round(speed))} users/s`);
    if (this.#running.size > 0) parts.push(`${this.#running.size} of ${this.slots} jobs active`);
    if (speed > 0 && done < this.users) parts.push(`${duration((this.users - done) / speed)} left`);
    if (this.#doing !== undefined) parts.push(this.#doing);
    if (this.#waiting !== undefined) parts.push(`waiting for ${this.#waiting}`);
    if (this.#retrying !== undefined) parts.push(this.#retrying);
    return parts.join(", ");
  }
}

/** 12345 → `12,345`. */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** 1 user, 2 users. */
export function countOf(n: number, thing: string): string {
  return `${count(n)} ${thing}${n === 1 ? "" : "s"}`;
}

/** 75 seconds → `1 min 15 s`. */
function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
