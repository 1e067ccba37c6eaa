import { EMPTY, Observable } from 'rxjs';

/**
 * Lets work on a key wait for the earlier work on that key; different keys do not wait for one another.
 *
 * @remarks
 * One loop starts the work that waits, and not the teardown of the work before, so any amount of it may be synchronous.
 */
export class KeyedQueue {
  readonly #queues = new Map<string, Queue>();
  #isClosed = false;

  /**
   * A cold Observable that subscribes `work` once every earlier subscription for `key` has ended.
   *
   * @remarks Unsubscribing removes the work from the queue, or unsubscribes from it if it has begun.
   */
  run<T>(key: string, work: Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      const queue = this.#queueOf(key);
      const begin = () => {
        queue.busy = true;
        (this.#isClosed ? EMPTY : work).subscribe(subscriber);
        // After the work's own teardown, so that the next work does not begin while this one is being cleaned up.
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

  /** Whether no work on the key runs or waits. */
  isIdle(key: string): boolean {
    return !this.#queues.has(key);
  }

  /** Begins no more work: what waits, or comes later, completes when it is its turn. Work that has begun goes on. */
  close(): void {
    this.#isClosed = true;
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
  /** One function for each work that waits, in order; calling it begins the work. */
  readonly waiting: Set<() => void>;
  /** Whether a work has begun and not ended. */
  busy: boolean;
  /** Whether the loop is running; it also starts work that is added meanwhile. */
  draining: boolean;
}
