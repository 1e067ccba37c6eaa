import { noop, Observable, ReplaySubject, type SchedulerLike } from 'rxjs';
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
  readonly #scheduler: SchedulerLike;
  #isHeldBack = false;
  #isStopping = false;
  #isHandOver = false;

  constructor(stop$: Observable<unknown>, tenure: Tenure, scheduler: SchedulerLike) {
    this.#tenure = tenure;
    this.#scheduler = scheduler;
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
    if (this.#isHeldBack) this.#scheduler.schedule(() => this.#stopping.next());
    else this.#stopping.next();
  }

  /** Calls `work`; a stop meanwhile is heard afterwards. */
  holdBack(work: () => void): void {
    this.#isHeldBack = true;
    work();
    this.#isHeldBack = false;
  }
}
