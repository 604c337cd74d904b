/** Time that passes when it is told to. */
export class Clock {
  readonly #real = globalThis.Date;
  now = this.#real.UTC(2026, 0, 1);

  constructor() {
    const now = () => this.now;
    globalThis.Date = class extends this.#real {
      constructor(time?: number | string) {
        super(time ?? now());
      }

      static override now(): number {
        return now();
      }
    } as DateConstructor;
  }

  stop(): void {
    globalThis.Date = this.#real;
  }
}
