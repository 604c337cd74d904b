/** How far a batch is, as one line on its resource. */
export class BatchProgress {
  #done = 0;
  #failed = 0;
  #waiting: string | undefined;
  /** Users done in each running job, by the job's own word. */
  readonly #running = new Map<string, number>();
  readonly #started = Date.now();

  /** @param users how many records the batch has. @param show puts a line where the user sees it. */
  constructor(
    private readonly users: number,
    private readonly show: (line: string) => void,
  ) {}

  /** Records that are done without a job: unchanged ones, say. */
  settled(users: number, failed = 0): void {
    this.#done += users;
    this.#failed += failed;
  }

  running(job: string, usersDone: number): void {
    this.#running.set(job, usersDone);
    this.#print();
  }

  finished(job: string, users: number, failed: number): void {
    this.#running.delete(job);
    this.settled(users, failed);
    this.#print();
  }

  waiting(reason: string | undefined): void {
    if (reason === this.#waiting) return;
    this.#waiting = reason;
    this.#print();
  }

  #print(): void {
    const running = [...this.#running.values()].reduce((sum, users) => sum + users, 0);
    const done = Math.min(this.users, Math.floor(this.#done + running));
    const percent = this.users === 0 ? 100 : Math.floor((100 * done) / this.users);
    const seconds = (Date.now() - this.#started) / 1000;
    const parts = [`${percent}%`, `${count(done)} of ${count(this.users)} users`];
    if (this.#failed > 0) parts.push(`${count(this.#failed)} failed`);
    if (seconds >= 1 && done > 0) parts.push(`${count(Math.round(done / seconds))} users/s`);
    if (this.#running.size > 0) parts.push(`${this.#running.size} ${this.#running.size === 1 ? "job" : "jobs"} active`);
    if (this.#waiting !== undefined) parts.push(`waiting for ${this.#waiting}`);
    this.show(parts.join(", "));
  }
}

/** 12345 → `12,345`. */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}
