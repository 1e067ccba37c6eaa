import { ReplaySubject } from 'rxjs';

/**
 * The time for which this worker has a shard: it is held until another worker has taken the shard (lost), or until its lease is given up
 * (released). This is the only place that knows; without leases, it begins with the shard and ends only when a store refuses a write.
 */
export class Tenure {
  readonly #lost = new ReplaySubject<void>(1);
  /** Emits when the tenure ends although the shard is in use; completes without a value when it ends, or is closed, otherwise. Replays. */
  readonly lost$ = this.#lost.asObservable();
  #state: 'held' | 'lost' | 'released' = 'held';
  #isAsked = false;

  /** Whether the shard may be worked on and checkpointed. */
  get isHeld(): boolean {
    return this.#state === 'held';
  }

  /** Whether another worker has the shard. */
  get isLost(): boolean {
    return this.#state === 'lost';
  }

  /** Whether another worker asks for the shard. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Notes that another worker asks for the shard. */
  ask(): void {
    this.#isAsked = true;
  }

  /** Ends the tenure, since another worker has the shard. */
  lose(): void {
    this.#end('lost', true);
  }

  /**
   * Ends the tenure, since the lease is given up: nothing more is written.
   *
   * @param isInUse - whether somebody still works on the shard, who must end before the lease does.
   */
  release(isInUse = false): void {
    this.#end('released', isInUse);
  }

  /** Completes {@link lost$}, since the shard is released: work that ends late is still written where there is no lease. */
  close(): void {
    this.#lost.complete();
  }

  #end(state: 'lost' | 'released', isInUse: boolean): void {
    if (!this.isHeld) return;
    this.#state = state;
    if (isInUse) this.#lost.next();
    this.#lost.complete();
  }
}
