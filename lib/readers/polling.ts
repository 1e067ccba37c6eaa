import { concatMap, defer, EMPTY, Observable, of, repeat, take } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { assertInteger, assertKnownFields, assertNumber } from '../internal/validate.js';
import { takenAsTheyAre, type Reader, type ShardPage } from './reader.js';
import { ShardCursor } from './shard-cursor.js';

/** How {@link polling} reads. */
export interface PollingConfig {
  /** The most records a page. 1 to 10 000 (GetRecords, Limit). @defaultValue 10_000 */
  readonly maxRecordsPerPage?: number;
  /** The pause after a page that reached the newest record, in ms. From 0 up. @defaultValue 1_000 */
  readonly idleDelayMs?: number;
}

/**
 * Reads shards with GetRecords: the default reader.
 *
 * @remarks
 * After each page it asks for the next one, with at most as many records as the shard has credit for: at once while behind the newest
 * record (the read budget keeps reads at least 200 ms apart), after `idleDelayMs` when caught up. Empty pages are normal. The records
 * of the last page are emitted before the shard completes. Unsubscribing aborts the request.
 *
 * @throws InvalidConfigError when called with a number out of range.
 *
 * @example
 * ```ts
 * kinesisStream({ client, streamName: 'flights', startFrom: 'LATEST', reader: polling({ maxRecordsPerPage: 1_000 }) });
 * ```
 */
export function polling(config: PollingConfig = {}): Reader {
  assertKnownFields(config, { maxRecordsPerPage: true, idleDelayMs: true });
  const { maxRecordsPerPage = 10_000, idleDelayMs = 1_000 } = config;
  assertInteger('maxRecordsPerPage', maxRecordsPerPage, 1, 10_000);
  assertNumber('idleDelayMs', idleDelayMs, 0);

  return takenAsTheyAre((context, start, credit) =>
    defer(() => {
      const cursor = new ShardCursor(context, start);
      let last: ShardPage | undefined;
      let isSubscribing = false;
      /** Whether the last page came within the call that subscribed to it: the next one would come within the same call. */
      let cameAtOnce = false;

      const nextPage = (records: number): Observable<ShardPage> => cursor.read(Math.min(maxRecordsPerPage, records));
      const remember = (page: ShardPage): ShardPage[] => {
        cameAtOnce = isSubscribing;
        return [(last = page)];
      };
      const pause = (): Observable<unknown> => {
        if (last?.ended) return EMPTY;
        // A timer takes at least a millisecond, in which the process goes to sleep: that costs as much as the call. It is needed only where
        // pages come synchronously, since each would be read within the one before.
        if (cursor.isBehind && !cameAtOnce) return of(undefined);
        return delayOf(cursor.isBehind ? 0 : idleDelayMs, context.scheduler);
      };
      const page$ = new Observable<ShardPage>((subscriber) => {
        isSubscribing = true;
        subscriber.add(credit.pipe(take(1), concatMap(nextPage), concatMap(remember)).subscribe(subscriber));
        isSubscribing = false;
      });

      return page$.pipe(repeat({ delay: pause }));
    }),
  );
}
