import {
  defer,
  EMPTY,
  from,
  interval,
  merge,
  mergeMap,
  NEVER,
  observeOn,
  of,
  ReplaySubject,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  catchError,
  throwError,
  type Observable,
} from 'rxjs';
import { assertNumber } from '../internal/validate.js';
import { listShards } from '../kinesis/listShards.js';
import type { PortChildShard, PortShard } from '../kinesis/port.js';
import { retryFaults } from '../kinesis/retry.js';
import { shardReadError } from '../kinesis/shardReadError.js';
import { ShardGraph, type GraphShard } from '../kinesis/shard-graph.js';
import type { Shard } from '../kinesis/shard.js';
import { assertKnownFields, resolveShardReading, SHARD_READING_FIELDS, type ShardReading, type ShardReadingConfig } from './config.js';
import { shardLife } from './shardLife.js';

/** How {@link kinesisStream} reads a stream. */
export interface KinesisStreamConfig extends ShardReadingConfig {
  /** How often the shards are listed anew, in ms. Above 0; `Infinity` leaves it to the ends of shards. @defaultValue 30_000 */
  readonly discoveryIntervalMs?: number;
}

/**
 * Emits each shard of a stream when it may be read: parents before children, children as soon as their parents are settled,
 * new shards as they appear.
 *
 * @remarks
 * Nothing is lost: each shard is read from its checkpoint, else from `startFrom`, and its end is passed on to its children
 * only when all of it is settled. Records may come again after a restart: those after the last checkpoint. Order holds within
 * a shard and from parent to child. What is read and not settled is bounded by `maxInFlightRecords` and `maxInFlightBytes`
 * a shard, plus one page. Each subscription reads for itself: share what is to be read once.
 *
 * Completes after `stop`, when every shard's work is drained, its last checkpoint is written and its lease is released.
 * Unsubscribing aborts every request; what is settled by then is still written.
 *
 * Errors with `ShardReadError` when the shards cannot be listed at the start. A failing shard errors by itself, not the
 * stream: see `mergeShards`.
 *
 * @throws InvalidConfigError when called with a config that cannot work.
 *
 * @example
 * ```ts
 * kinesisStream({ client: new KinesisClient({}), streamName: 'flights', startFrom: 'TRIM_HORIZON', store, stop })
 *   .pipe(mergeShards((shard) => shard.pipe(bufferTime(200), withSequenceRanges(), concatMap(work), checkpointEvery(30_000))))
 *   .subscribe();
 * ```
 */
export function kinesisStream(config: KinesisStreamConfig): Observable<Shard> {
  assertKnownFields(config, [...SHARD_READING_FIELDS, 'discoveryIntervalMs']);
  const { discoveryIntervalMs = 30_000 } = config;
  assertNumber('discoveryIntervalMs', discoveryIntervalMs, 1, true);
  const reading = resolveShardReading(config);
  return defer(() => readStream(reading, discoveryIntervalMs));
}

/** A listed shard, for the graph. */
function graphShard({ ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange, SequenceNumberRange }: PortShard): GraphShard {
  const parentShardIds = [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined);
  return {
    shardId: ShardId,
    parentShardIds,
    hashKeyRange: keyRange(HashKeyRange),
    closed: SequenceNumberRange.EndingSequenceNumber !== undefined,
  };
}

/** A shard named by its parent at the end, for the graph. */
function graphChild({ ShardId, ParentShards, HashKeyRange }: PortChildShard): GraphShard {
  return { shardId: ShardId, parentShardIds: ParentShards, hashKeyRange: keyRange(HashKeyRange), closed: false };
}

function keyRange({ StartingHashKey, EndingHashKey }: PortShard['HashKeyRange']): GraphShard['hashKeyRange'] {
  return { startingHashKey: StartingHashKey, endingHashKey: EndingHashKey };
}

function readStream(reading: ShardReading, discoveryIntervalMs: number): Observable<Shard> {
  const { scheduler, stream, notify } = reading;
  const graph = new ShardGraph();
  /** A shard ended whose children are not all known: list the shards now. */
  const relist$ = new Subject<void>();
  /** A shard is done: others may be ready. */
  const wake$ = new Subject<void>();
  const stop$ = new ReplaySubject<unknown>(1);
  const firstSeenMs = scheduler.now();

  const list = (): Observable<unknown> =>
    listShards(reading.port, stream.id).pipe(
      retryFaults(reading.retry, (notice) => notify({ type: 'discoveryFailed', streamName: stream.streamName, error: notice.error })),
      tap((shards) => {
        const added = graph.list(shards.map(graphShard));
        notify({ type: 'shardsDiscovered', streamName: stream.streamName, added, total: graph.size });
      }),
      catchError((error: unknown) => {
        if (graph.size === 0) return throwError(() => shardReadError(error, { streamName: stream.streamName }));
        notify({ type: 'discoveryFailed', streamName: stream.streamName, error });
        return EMPTY;
      }),
    );
  const announce = (children: readonly PortChildShard[]): void => {
    const known = graph.announce(children.map(graphChild));
    if (!known || children.length === 0) relist$.next();
  };

  const discovery$ = discoveryIntervalMs === Infinity ? NEVER : interval(Math.min(discoveryIntervalMs, 2 ** 31 - 1), scheduler);
  const listed$ = merge(of(0), relist$, discovery$).pipe(switchMap(list));
  // Through the scheduler, so that a long line of shards that are done already does not grow the stack.
  const ready$ = merge(listed$, wake$.pipe(observeOn(scheduler))).pipe(
    mergeMap(() => graph.takeReady()),
    takeUntil(stop$),
  );
  const shards$ = ready$.pipe(
    mergeMap((ready) =>
      shardLife(ready, {
        reading,
        firstSeenMs,
        stop$,
        announce,
        finish: (outcome) => {
          graph.finish(ready.shard.shardId, outcome);
          wake$.next();
        },
      }),
    ),
  );
  const stopping$ = (reading.stop ? from(reading.stop) : NEVER).pipe(
    take(1),
    tap((value) => stop$.next(value)),
    switchMap(() => EMPTY),
  );
  return merge(stopping$, shards$);
}
