/** Scheduled events in the order of their times, which make time pass in the simulation. */
export class Agenda {
  now: Date;
  /**
   * Sorted with the latest first, so that the next one is popped, and one for soon is inserted near
   * the end.
   */
  readonly #entries: { atMs: number; happen: () => void }[] = [];

  constructor(start: Date) {
    this.now = start;
  }

  /**
   * Schedules `happen` at `atMs` (epoch milliseconds), after all events that were added for the
   * same time before.
   */
  at(atMs: number, happen: () => void): void {
    const later = this.#entries.findLastIndex((entry) => entry.atMs > atMs);
    this.#entries.splice(later + 1, 0, { atMs, happen });
  }

  /** Runs the events until `end`; they may schedule more. */
  runUntil(end: Date): void {
    for (let next = this.#entries.at(-1); next && next.atMs < end.getTime(); next = this.#entries.at(-1)) {
      this.#entries.pop();
      this.now = new Date(next.atMs);
      next.happen();
    }
    this.now = end;
  }
}
