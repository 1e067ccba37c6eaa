import { Observable, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { MAX_TIMER_MS } from '../internal/delay.js';
import { subscribeWithin, type Handlers } from '../internal/subscribe-within.js';
import { assertInteger, assertKnownFields } from '../internal/validate.js';
import { IdlePauses, pausePolicy, type IdleDelayConfig } from './idle-pauses.js';
import { assertIsCalled, takenAsTheyAre, type Reader, type ShardPage } from './reader.js';
import { ShardCursor, type PageObserver } from './shard-cursor.js';

/** How {@link polling} reads. */
export interface PollingConfig {
  /** The most records a page. 1 to 10 000 (GetRecords, Limit). @defaultValue 10_000 */
  readonly maxRecordsPerPage?: number | undefined;
  /**
   * The pause after a page that reached the newest record, in ms: a fifth of the time since the last record came, within these bounds. The
   * first pause is up to twice as long, by chance, so that shards that begin together are not read in step. A pause of 500 ms or more is up to 39 ms
   * shorter, so that it ends at a multiple of 40 ms, at which other silent shards are read too; and one of `max` ends at the shard's own time in each
   * `max`, by chance too: it is shorter by what the last read took, by half of it at the most. A number, from 0 up: exactly that, each time.
   * @defaultValue \{ min: 250, max: 1_000 \}
   */
  readonly idleDelayMs?: number | IdleDelayConfig | undefined;
  /**
   * `'low'` instead of `idleDelayMs`: reads the shard each 200 ms, also while it is silent. That is all that Kinesis allows, so it is for the only
   * consumer of a stream: another one that polls is throttled, and so is this one. @defaultValue none
   */
  readonly latency?: 'low' | undefined;
}

/**
 * Reads shards with GetRecords: the default reader.
 *
 * @remarks
 * After each page it asks for the next one, with at most as many records as the shard has credit for: at once while behind the newest
 * record (the read budget keeps reads at least 200 ms apart), after `idleDelayMs` when caught up. Empty pages are normal. The records
 * of the last page are emitted before the shard completes. Unsubscribing aborts the request.
 *
 * @throws InvalidConfigError when called with a number out of range, or with both `idleDelayMs` and `latency`.
 *
 * @example
 * ```ts
 * kinesisStream({ client, streamName: 'flights', startFrom: 'LATEST', reader: polling({ maxRecordsPerPage: 1_000 }) });
 * ```
 */
export function polling(config: PollingConfig = {}): Reader {
  assertIsCalled('polling()', polling, config);
  assertKnownFields(config, { maxRecordsPerPage: true, idleDelayMs: true, latency: true });
  const { maxRecordsPerPage = 10_000, idleDelayMs, latency } = config;
  assertInteger('maxRecordsPerPage', maxRecordsPerPage, 1, 10_000);
  const policy = pausePolicy(idleDelayMs, latency);

  return takenAsTheyAre(
    (context, start, credit) =>
      new Observable((subscriber) => {
        const { scheduler, random } = context;
        const pauses = new IdlePauses(policy, scheduler.now(), random);
        const cursor = new ShardCursor(context, start);
        new PollingLoop({ cursor, credit, pauses, maxRecordsPerPage, scheduler }, subscriber).read();
      }),
  );
}

interface PollingOptions {
  readonly cursor: ShardCursor;
  readonly credit: Observable<number>;
  readonly pauses: IdlePauses;
  readonly maxRecordsPerPage: number;
  readonly scheduler: SchedulerLike;
}

/**
 * Reads page after page as there is credit for them, with a pause after one that shows that nothing is left to read.
 *
 * @remarks
 * It is `repeat({ delay })` over the reads, and the one observer of all of them: a process may read a thousand shards that are silent.
 */
class PollingLoop implements PageObserver {
  readonly #options: PollingOptions;
  readonly #subscriber: Subscriber<ShardPage>;
  readonly #granted: Handlers<number>;
  /** Whether the last page ended the shard. The page itself is not kept: V8 would take pages for what lives long, and with them all that a read makes. */
  #hasEnded = false;
  #isSubscribing = false;
  /** Whether the last page came within the call that subscribed to it: the next one would come within the same call. */
  #cameAtOnce = false;
  /** The last pause. */
  #pausing: Subscription | undefined;

  constructor(options: PollingOptions, subscriber: Subscriber<ShardPage>) {
    this.#options = options;
    this.#subscriber = subscriber;
    this.#granted = {
      next: (records, credit) => {
        credit.unsubscribe();
        this.#nextPage(records);
      },
      complete: () => this.complete(),
    };
  }

  /** Reads the next page when there is credit for it. */
  read(): void {
    // An action that was executed may be scheduled again, so it does not end by itself.
    this.#pausing?.unsubscribe();
    this.#isSubscribing = true;
    subscribeWithin(this.#subscriber, this.#options.credit, this.#granted);
    this.#isSubscribing = false;
  }

  #nextPage(records: number): void {
    const { cursor, pauses, maxRecordsPerPage, scheduler } = this.#options;
    pauses.noteRead(scheduler.now());
    cursor.readWithin(this.#subscriber, this, Math.min(maxRecordsPerPage, records));
  }

  /** Takes the page of a read. */
  next(page: ShardPage): void {
    const { pauses, scheduler } = this.#options;
    this.#hasEnded = page.ended;
    this.#cameAtOnce = this.#isSubscribing;
    if (page.records.length > 0) pauses.noteRecords(scheduler.now());
    this.#subscriber.next(page);
  }

  /** A read is over. */
  complete(): void {
    const { cursor, pauses, scheduler } = this.#options;
    if (this.#hasEnded) this.#subscriber.complete();
    // A timer takes at least a millisecond, in which the process goes to sleep: that costs as much as the call. It is needed only where
    // pages come synchronously, since each would be read within the one before.
    else if (cursor.isBehind && !this.#cameAtOnce) this.read();
    else this.#pause(cursor.isBehind ? 0 : Math.min(pauses.next(scheduler.now()), MAX_TIMER_MS));
  }

  #pause(ms: number): void {
    this.#pausing = this.#options.scheduler.schedule(() => this.read(), ms);
    this.#subscriber.add(this.#pausing);
  }
}
