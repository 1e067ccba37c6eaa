import { Subscription, type SchedulerAction, type SchedulerLike } from 'rxjs';

interface Due {
  readonly atMs: number;
  /** What is due at one time is done in the order in which it was scheduled. */
  readonly order: number;
  /** Absent once it is cancelled, so that nothing is kept for it. */
  work: (() => void) | undefined;
}

/**
 * Virtual time for hundreds of thousands of timers: RxJS's own sorts all of them whenever one is added.
 *
 * @remarks A binary heap; a timer that is cancelled stays in it until its time.
 */
export class VirtualClock implements SchedulerLike {
  readonly #heap: Due[] = [];
  /** How much was done that was due. */
  steps = 0;
  #nowMs = 0;
  #order = 0;

  now(): number {
    return this.#nowMs;
  }

  schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delayMs = 0, state?: T): Subscription {
    const action = new VirtualAction<T>(this, work);
    action.schedule(state, delayMs);
    return action;
  }

  /** Does all that is due up to this time. */
  runUntil(ms: number): void {
    for (let next = this.#heap[0]; next && next.atMs <= ms; next = this.#heap[0]) {
      this.#take();
      this.#nowMs = next.atMs;
      if (!next.work) continue;
      this.steps++;
      next.work();
    }
  }

  add(delayMs: number, work: () => void): Due {
    const due: Due = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, work };
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(due, heap[parent]!); parent = (at - 1) >> 1) {
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = due;
    return due;
  }

  #take(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (child >= heap.length || !isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

class VirtualAction<T> extends Subscription implements SchedulerAction<T> {
  readonly #clock: VirtualClock;
  readonly #work: (this: SchedulerAction<T>, state?: T) => void;
  #due: Due | undefined;

  constructor(clock: VirtualClock, work: (this: SchedulerAction<T>, state?: T) => void) {
    super(() => {
      if (this.#due) this.#due.work = undefined;
    });
    this.#clock = clock;
    this.#work = work;
  }

  schedule(state?: T, delayMs = 0): Subscription {
    // Infinity never comes.
    if (this.closed || delayMs === Infinity) return this;
    this.#due = this.#clock.add(delayMs, () => this.#work(state));
    return this;
  }
}
