/**
 * Things that are to happen, in the order of their times: what makes time pass in the simulation.
 */
export class Agenda {
  now: Date;
  /** The latest first, so that the next one is popped and one for soon is put in near the end. */
  readonly #entries: { atMs: number; happen: () => void }[] = [];

  constructor(start: Date) {
    this.now = start;
  }

  /**
   * Lets `happen` happen at `atMs` (epoch milliseconds), after all that was put there for the same
   * time before.
   */
  at(atMs: number, happen: () => void): void {
    const later = this.#entries.findLastIndex((entry) => entry.atMs > atMs);
    this.#entries.splice(later + 1, 0, { atMs, happen });
  }

  /** Passes the time until `end`. What happens may put more on the agenda. */
  runUntil(end: Date): void {
    for (let next = this.#entries.at(-1); next && next.atMs < end.getTime(); next = this.#entries.at(-1)) {
      this.#entries.pop();
      this.now = new Date(next.atMs);
      next.happen();
    }
    this.now = end;
  }
}
