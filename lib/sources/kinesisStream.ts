import {
  catchError,
  defer,
  EMPTY,
  filter,
  finalize,
  ignoreElements,
  map,
  merge,
  mergeMap,
  observeOn,
  repeat,
  ReplaySubject,
  startWith,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  throwError,
  type Observable,
} from 'rxjs';
import { isLeasing } from '../checkpoints/checkpoint-store.js';
import { requestFault } from '../internal/aws-errors.js';
import { delayOf } from '../internal/delay.js';
import { assertKnownFields, assertNumber } from '../internal/validate.js';
import { listShards } from '../kinesis/listShards.js';
import type { PortChildShard, PortShard } from '../kinesis/port.js';
import { retryFaults } from '../kinesis/retry.js';
import { shardReadError } from '../kinesis/shardReadError.js';
import { resolveShardConfig, SHARD_READING_FIELDS, type ResolvedShardConfig, type ShardReadingConfig } from '../shards/config.js';
import { StreamRecreatedError } from '../shards/errors.js';
import type { Shard } from '../shards/shard.js';
import { readStored } from '../shards/open-shard.js';
import { ShardGraph, type GraphShard, type ReadyShard } from '../shards/shard-graph.js';
import { ShardLease } from '../shards/shard-lease.js';
import { ShardLifecycle, type ShardLifecycleOptions } from '../shards/shard-lifecycle.js';
import { stopInTime } from '../shards/stop-in-time.js';
import { isUnreachable } from '../values/errors.js';
import { AT_TIMESTAMP, type InitialPosition } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';

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
 * const client = new KinesisClient({ requestHandler: new NodeHttpHandler() });
 *
 * kinesisStream({ client, streamName: 'flights', startFrom: 'TRIM_HORIZON', store, stop })
 *   .pipe(mergeShards((shard) => shard.pipe(bufferTime(200), withSequenceRanges(), concatMap(work), checkpointEvery(30_000))))
 *   .subscribe();
 * ```
 */
export function kinesisStream(config: KinesisStreamConfig): Observable<Shard> {
  assertKnownFields(config, { ...SHARD_READING_FIELDS, discoveryIntervalMs: true });
  const { discoveryIntervalMs = 30_000 } = config;
  assertNumber('discoveryIntervalMs', discoveryIntervalMs, 1, true);
  const resolved = resolveShardConfig(config);
  return defer(() => new StreamReading(resolved, discoveryIntervalMs).shards());
}

/** One subscription to a stream. */
class StreamReading {
  readonly #config: ResolvedShardConfig;
  readonly #discoveryIntervalMs: number;
  readonly #firstSeenMs: number;
  readonly #graph = new ShardGraph();
  /** A shard ended whose children are not all known: list the shards now. */
  readonly #relist$ = new Subject<void>();
  /** A shard is done, given up or granted: others may be ready. */
  readonly #wake$ = new Subject<void>();
  /** The shards in view, or what is known of them, changed. */
  readonly #changed$ = new Subject<void>();
  readonly #stop$ = new ReplaySubject<unknown>(1);
  /** The shards that are not released yet. */
  readonly #live = new Set<ShardLifecycle>();
  /** The leases that were granted and are not used yet, where the store gives leases. */
  readonly #granted = new Map<string, ShardLease>();

  constructor(config: ResolvedShardConfig, discoveryIntervalMs: number) {
    this.#config = config;
    this.#discoveryIntervalMs = discoveryIntervalMs;
    this.#firstSeenMs = config.scheduler.now();
  }

  /** Emits the shards; completes after `stop`, when all of them are released. */
  shards(): Observable<Shard> {
    const stop$ = this.#config.stop$.pipe(take(1));
    const stopping$ = stop$.pipe(tap((value) => this.#stop(value)));
    const released$ = new Subject<void>();
    const shards$ = this.#readyShards().pipe(
      mergeMap((ready) => this.#lifeOf(ready)),
      tap({ complete: () => released$.next() }),
    );
    // Asked once beside the shards, so that a store that cannot be reached is told before anybody subscribes a shard.
    const asked$ = this.#changed$.pipe(
      take(1),
      mergeMap(() => this.#askStore()),
      takeUntil(released$),
    );
    const stopped$ = stopInTime(shards$, { config: this.#config, stop$: this.#stop$, live: () => this.#live, hasDeadline: () => true });
    // The notifier first: one that emits at once means that nothing is read. What is held is renewed until all is released.
    return merge(stopping$.pipe(ignoreElements()), this.#leases().pipe(takeUntil(released$)), asked$, stopped$);
  }

  /** Errors when the store cannot be reached because of the set-up; other faults are left to those that use it. */
  #askStore(): Observable<never> {
    const [first] = this.#graph.unfinished();
    if (!first) return EMPTY;
    return readStored(this.#identityOf(first.shard), this.#config).pipe(
      ignoreElements(),
      catchError((error: unknown) => (isUnreachable(error) ? throwError(() => error) : EMPTY)),
      takeUntil(this.#stop$),
    );
  }

  #stop(value: unknown): void {
    this.#stop$.next(value);
    this.#releaseUnused();
  }

  #readyShards(): Observable<ReadyShard> {
    const { scheduler, store } = this.#config;
    // From the end of one listing to the next, so that one that takes long, or is being tried again, is not cut off.
    const discover$ = this.#list().pipe(repeat({ delay: () => delayOf(this.#discoveryIntervalMs, scheduler) }));
    const listed$ = this.#relist$.pipe(
      startWith(undefined),
      switchMap(() => discover$),
    );
    // Through the scheduler, so that a long line of shards that are done already does not grow the stack.
    const woken$ = this.#wake$.pipe(observeOn(scheduler));
    const mayTake = isLeasing(store) ? (shardId: string) => this.#granted.get(shardId)?.isLost === false : undefined;
    // The wakes first: with a port and a store that answer at once a shard may be done within the listing.
    return merge(woken$, listed$).pipe(
      // No more shards begin; those that have end by themselves, when their work is drained.
      // eslint-disable-next-line rxjs-x/no-unsafe-takeuntil
      takeUntil(this.#stop$),
      mergeMap(() => this.#graph.takeReady(mayTake)),
    );
  }

  #list(): Observable<unknown> {
    const { port, stream, retry, notify } = this.#config;
    const { streamName } = stream;
    const failed = (error: unknown): void => notify({ type: 'discoveryFailed', streamName, reason: requestFault(error), error });
    return listShards(port, stream.id).pipe(
      retryFaults(retry, ({ error }) => failed(error)),
      tap((shards) => {
        const added = this.#graph.list(shards.map(graphShard));
        this.#identify(shards);
        notify({ type: 'shardsDiscovered', streamName, added, total: this.#graph.size });
        this.#changed$.next();
      }),
      catchError((error: unknown) => {
        if (this.#graph.size === 0) return throwError(() => shardReadError(error, { streamName }));
        failed(error);
        return EMPTY;
      }),
    );
  }

  /** A child that its parent named is read before it is listed; a shard that begins elsewhere than before is of another stream. */
  #identify(shards: readonly PortShard[]): void {
    const starts = new Map(shards.map(({ ShardId, SequenceNumberRange }) => [ShardId, SequenceNumberRange.StartingSequenceNumber]));
    for (const life of this.#live) {
      const { streamName, shardId, startingSequenceNumber: known } = life.identity;
      const start = starts.get(shardId);
      if (known !== undefined && start !== undefined && known !== start) throw new StreamRecreatedError(streamName, shardId);
      life.identify(start);
    }
  }

  /** Takes note of the leases that this worker comes to hold, and of shards that were ended elsewhere; emits nothing. */
  #leases(): Observable<never> {
    const { store } = this.#config;
    if (!isLeasing(store)) return EMPTY;
    const shards$ = this.#changed$.pipe(
      map(() => this.#graph.inView().map(({ shard, isReady }) => ({ ...this.#identityOf(shard), closed: shard.closed, isReady }))),
      takeUntil(this.#stop$),
    );
    return store.leases(shards$, initialPosition(this.#config.startFrom)).pipe(
      mergeMap((news) => {
        if (news.type === 'ended') this.#endedElsewhere(news.shardId);
        const given$ = news.type === 'granted' ? this.#grant(news.shardId, new ShardLease(news.lease, store)) : EMPTY;
        this.#wake();
        return given$;
      }),
      finalize(() => this.#releaseUnused()),
    );
  }

  /** Keeps the lease for when the shard may be read. One that another worker asks for before that is handed over. */
  #grant(shardId: string, lease: ShardLease): Observable<never> {
    this.#granted.set(shardId, lease);
    return lease.asked$.pipe(
      filter(() => this.#granted.get(shardId) === lease),
      mergeMap(() => {
        this.#granted.delete(shardId);
        const { streamName } = this.#config.stream;
        return lease.release({ streamName, shardId, parentShardIds: [] }, this.#config);
      }),
    );
  }

  #endedElsewhere(shardId: string): void {
    this.#graph.finish(shardId, 'resumed');
    if (!this.#graph.hasChildren(shardId)) this.#relist$.next();
  }

  /** Gives up the leases of shards that were not started, for which nobody waits. */
  #releaseUnused(): void {
    for (const { shard } of this.#graph.unfinished()) {
      this.#granted.get(shard.shardId)?.release(this.#identityOf(shard), this.#config).subscribe();
      this.#granted.delete(shard.shardId);
    }
  }

  #lifeOf(ready: ReadyShard): Observable<Shard> {
    const { shardId } = ready.shard;
    const lease = this.#granted.get(shardId);
    this.#granted.delete(shardId);
    const options: ShardLifecycleOptions = {
      identity: this.#identityOf(ready.shard),
      config: this.#config,
      ready,
      firstSeenMs: this.#firstSeenMs,
      ...(lease && { lease }),
      insistsOnEnd: true,
      // A shard that another worker asks for is drained, checkpointed and released, as at a stop.
      stop$: lease ? merge(this.#stop$, lease.asked$) : this.#stop$,
      announce: (children) => this.#announce(children),
      released: (_, outcome) => {
        if (outcome === 'left') this.#graph.leave(shardId);
        else if (outcome) this.#graph.finish(shardId, outcome);
        else this.#graph.release(shardId);
        this.#wake();
      },
    };
    return defer(() => {
      const life = new ShardLifecycle(options);
      this.#live.add(life);
      return life.run().pipe(finalize(() => this.#live.delete(life)));
    });
  }

  #identityOf({ shardId, parentShardIds, hashKeyRange, startingSequenceNumber }: GraphShard): ShardIdentity {
    return { streamName: this.#config.stream.streamName, shardId, parentShardIds, hashKeyRange, startingSequenceNumber };
  }

  #wake(): void {
    this.#changed$.next();
    this.#wake$.next();
  }

  #announce(children: readonly PortChildShard[]): void {
    const areKnown = this.#graph.announce(children.map(graphChild));
    if (!areKnown || children.length === 0) this.#relist$.next();
  }
}

/** What the row of a shard says that has neither a row nor a parent in view. */
function initialPosition(startFrom: ResolvedShardConfig['startFrom']): InitialPosition {
  return startFrom instanceof Date ? AT_TIMESTAMP : startFrom;
}

/** A listed shard, for the graph. */
function graphShard({ ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange, SequenceNumberRange }: PortShard): GraphShard {
  const parentShardIds = [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined);
  return {
    shardId: ShardId,
    parentShardIds,
    hashKeyRange: keyRange(HashKeyRange),
    closed: SequenceNumberRange.EndingSequenceNumber !== undefined,
    startingSequenceNumber: SequenceNumberRange.StartingSequenceNumber,
  };
}

/** A shard named by its parent at the end, for the graph. */
function graphChild({ ShardId, ParentShards, HashKeyRange }: PortChildShard): GraphShard {
  return { shardId: ShardId, parentShardIds: ParentShards, hashKeyRange: keyRange(HashKeyRange), closed: false };
}

function keyRange({ StartingHashKey, EndingHashKey }: PortShard['HashKeyRange']): GraphShard['hashKeyRange'] {
  return { startingHashKey: StartingHashKey, endingHashKey: EndingHashKey };
}
