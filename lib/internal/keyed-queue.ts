import { Observable } from 'rxjs';

/**
 * Lets work on a key wait for the earlier work on that key; different keys do not wait for one another.
 *
 * @remarks
 * The waiting are started from one loop and not from within each other's end, so any number of them may be synchronous.
 */
export class KeyedQueue {
  readonly #queues = new Map<string, Queue>();

  /**
   * A cold Observable that subscribes `work` once every earlier subscription for `key` has ended.
   *
   * @remarks Unsubscribing gives up the place in the queue, or ends the turn together with its work.
   */
  run<T>(key: string, work: Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      const queue = this.#queueOf(key);
      const begin = () => {
        queue.busy = true;
        work.subscribe(subscriber);
        // After the work's own teardown, so that the next turn does not begin while this one is being cleaned up.
        subscriber.add(() => {
          queue.busy = false;
          this.#drain(key, queue);
        });
      };

      queue.waiting.add(begin);
      subscriber.add(() => queue.waiting.delete(begin));
      this.#drain(key, queue);
    });
  }

  #queueOf(key: string): Queue {
    const known = this.#queues.get(key);
    if (known) return known;
    const queue: Queue = { waiting: new Set(), busy: false, draining: false };
    this.#queues.set(key, queue);
    return queue;
  }

  #drain(key: string, queue: Queue): void {
    if (queue.draining) return;
    queue.draining = true;
    for (const begin of queue.waiting) {
      if (queue.busy) break;
      queue.waiting.delete(begin);
      begin();
    }
    queue.draining = false;
    if (!queue.busy && queue.waiting.size === 0) this.#queues.delete(key);
  }
}

interface Queue {
  /** What begins each turn that has not begun, in order. */
  readonly waiting: Set<() => void>;
  /** Whether a turn has begun and not ended. */
  busy: boolean;
  /** Whether the loop is running, which then also finds what is added meanwhile. */
  draining: boolean;
}
