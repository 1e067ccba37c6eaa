import type { SchedulerLike, Subscription } from 'rxjs';
import { delayOf } from '../internal/delay.js';

/** How long a write counts, and by which timer. */
export interface AttemptTimes {
  readonly fenceMs: number;
  readonly scheduler: SchedulerLike;
}

/** The time for which a write renews a lease, and for which a pulse keeps all leases of a worker, from the moment when the write is sent. */
export class Attempt {
  isOver = false;
  /** Whether the write is a pulse. */
  readonly isPulse: boolean;
  /** The number of the renewals' tick at which it was sent. */
  readonly tick: number;
  /** Called when the time of the lease is over. */
  onOver: () => void = () => undefined;
  /** Called when the time of the pulse is over. */
  #onFence: (() => void) | undefined;
  #isEnded = false;
  readonly #timer: Subscription;

  constructor({ fenceMs, scheduler }: AttemptTimes, isPulse: boolean, tick: number) {
    this.isPulse = isPulse;
    this.tick = tick;
    const end = (): void => {
      this.isOver = true;
      if (!this.#isEnded) this.onOver();
      this.#onFence?.();
    };
    this.#timer = delayOf(fenceMs, scheduler).subscribe({ next: end, error: end });
  }

  /** Ends the time of the lease. */
  end(): void {
    this.#isEnded = true;
    if (!this.#onFence) this.#timer.unsubscribe();
  }

  /** Keeps the time of the pulse, also when that of the lease ends; `undefined` ends it. */
  fence(onFence: (() => void) | undefined): void {
    this.#onFence = onFence;
    if (!onFence && this.#isEnded) this.#timer.unsubscribe();
  }
}
