/** What was counted in a window. */
export interface Counts {
  readonly part: number;
  readonly whole: number;
  /** The slots in which anything was counted. */
  readonly busySlots: number;
}

/**
 * Two sums over a window that slides by slots: of all that happened, and of a part of it.
 *
 * @remarks Pure. Keeps two numbers a slot, however much is counted. Slots are numbered as time goes, and are not gone back to.
 */
export class SlidingCounts {
  /** The slots of the window, and the one that is under way. */
  readonly #size: number;
  readonly #parts: Float64Array;
  readonly #wholes: Float64Array;
  #newest = 0;

  constructor(slots: number) {
    this.#size = slots + 1;
    this.#parts = new Float64Array(this.#size);
    this.#wholes = new Float64Array(this.#size);
  }

  /** Counts in the slot that is under way. */
  add(slot: number, part: number, whole: number): void {
    this.#advance(slot);
    const at = this.#newest % this.#size;
    this.#parts[at]! += part;
    this.#wholes[at]! += whole;
  }

  /** The window that ends where this slot begins. */
  before(slot: number): Counts {
    this.#advance(slot);
    const current = this.#newest % this.#size;
    const counts = { part: 0, whole: 0, busySlots: 0 };
    for (let at = 0; at < this.#size; at++) {
      if (at === current || this.#wholes[at] === 0) continue;
      counts.part += this.#parts[at]!;
      counts.whole += this.#wholes[at]!;
      counts.busySlots++;
    }
    return counts;
  }

  /** Whether nothing is counted, in the slot under way either. */
  get isEmpty(): boolean {
    return this.#wholes.every((whole) => whole === 0);
  }

  #advance(slot: number): void {
    const steps = Math.min(slot - this.#newest, this.#size);
    this.#newest = Math.max(this.#newest, slot);
    for (let step = 0; step < steps; step++) {
      const at = (this.#newest - step) % this.#size;
      this.#parts[at] = 0;
      this.#wholes[at] = 0;
    }
  }
}
