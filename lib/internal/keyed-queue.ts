import { EMPTY, Observable } from 'rxjs';

/**
 * Lets work on a key wait for the earlier work on that key, one after the other or so many at a time; different keys do not wait for one another.
 *
 * @remarks
 * One loop starts the work that waits, and not the teardown of the work before, so any amount of it may be synchronous.
 */
export class KeyedQueue {
  readonly #limit: number;
  readonly #queues = new Map<string, Queue>();
  #isClosed = false;

  /** @param limit - how much work on a key runs at once. */
  constructor(limit = 1) {
    this.#limit = limit;
  }

  /**
   * A cold Observable that subscribes `work` once there is room for it: every earlier subscription for `key` has begun, and fewer than the limit have not ended.
   *
   * @remarks Unsubscribing removes the work from the queue, or unsubscribes from it if it has begun.
   */
  run<T>(key: string, work: Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      const queue = this.#queueOf(key);
      const begin = () => {
        queue.running++;
        (this.#isClosed ? EMPTY : work).subscribe(subscriber);
        // After the work's own teardown, so that the next work does not begin while this one is being cleaned up.
        subscriber.add(() => {
          queue.running--;
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
    const queue: Queue = { waiting: new Set(), running: 0, draining: false };
    this.#queues.set(key, queue);
    return queue;
  }

  #drain(key: string, queue: Queue): void {
    if (queue.draining) return;
    queue.draining = true;
    for (const begin of queue.waiting) {
      if (queue.running >= this.#limit) break;
      queue.waiting.delete(begin);
      begin();
    }
    queue.draining = false;
    if (queue.running === 0 && queue.waiting.size === 0) this.#queues.delete(key);
  }
}

interface Queue {
  /** One function for each work that waits, in order; calling it begins the work. */
  readonly waiting: Set<() => void>;
  /** How many have begun and not ended. */
  running: number;
  /** Whether the loop is running; it also starts work that is added meanwhile. */
  draining: boolean;
}
