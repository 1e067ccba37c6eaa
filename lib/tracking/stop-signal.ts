import { noop, Observable, ReplaySubject } from 'rxjs';
import { subscribeWithin } from '../internal/subscribe-within.js';
import type { Tenure } from './tenure.js';

/** Whether a shard must stop. */
export class StopSignal {
  readonly #stopping = new ReplaySubject<void>(1);
  /**
   * Emits when the shard must stop; replays to late subscribers. It listens to `stop$` for as long as it is subscribed, since a shard may be read when
   * its stream no longer is; errors with it.
   */
  readonly stopping$: Observable<void>;
  readonly #tenure: Tenure;
  #isStopping = false;
  #isHandOver = false;

  constructor(stop$: Observable<unknown>, tenure: Tenure) {
    this.#tenure = tenure;
    this.stopping$ = new Observable((subscriber) => {
      subscribeWithin(subscriber, stop$, { next: () => this.stop(), complete: noop });
      this.#stopping.subscribe(subscriber);
    });
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Whether it stops because another worker asks for it, and not because `stop$` has emitted. */
  get isHandOver(): boolean {
    return this.#isHandOver;
  }

  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#isHandOver = this.#tenure.isAsked;
    this.#stopping.next();
  }
}
