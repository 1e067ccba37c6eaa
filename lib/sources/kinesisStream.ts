import {
  catchError,
  concatMap,
  defer,
  distinctUntilChanged,
  EMPTY,
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
import { isForeignCheckpoint } from '../checkpoints/errors.js';
import { requestFault } from '../internal/aws-errors.js';
import { reduced } from '../internal/aws-fault.js';
import { delayOf } from '../internal/delay.js';
import { assertKnownFields, assertNumber } from '../internal/validate.js';
import { listTwiceIf } from '../kinesis/listShards.js';
import type { PortChildShard } from '../kinesis/port.js';
import { retryFaults } from '../kinesis/retry.js';
import { shardReadError, withStream } from '../kinesis/shardReadError.js';
import {
  initialPositionOf,
  resolveShardConfig,
  SHARD_READING_FIELDS,
  withSharedStop,
  type ResolvedShardConfig,
  type ShardReadingConfig,
} from '../shards/config.js';
import { LatestMoment } from '../shards/latest-moment.js';
import { isStopTimeout, isStreamRecreated, StreamRecreatedError } from '../shards/errors.js';
import type { Shard } from '../shards/shard.js';
import { EndsElsewhere } from '../shards/ends-elsewhere.js';
import { readStored } from '../shards/open-shard.js';
import { GrantedLeases } from '../shards/granted-leases.js';
import { graphChild, graphShard } from '../shards/graph-shard.js';
import { isRemade, ShardGraph, type GraphShard, type ReadyShard } from '../shards/shard-graph.js';
import { ShardLifecycle } from '../shards/shard-lifecycle.js';
import { afterLastCall, stopInTime } from '../shards/stop-in-time.js';
import { isUnreachable } from '../values/errors.js';
import type { ShardIdentity } from '../values/shard-id.js';

/** How {@link kinesisStream} reads a stream. */
export type KinesisStreamConfig = ShardReadingConfig & {
  /** How often the shards are listed again, in ms. From 1 up; `Infinity` lists them only at the ends of shards. @defaultValue 30_000 */
  readonly discoveryIntervalMs?: number | undefined;
};

/**
 * Emits each shard of a stream when it may be read: parents before children, children as soon as their parents are settled,
 * new shards as they appear.
 *
 * @remarks
 * Nothing is lost: each shard is read from its checkpoint, or else from `startFrom`, and its children start only when all of it is
 * settled. After a restart, the records after the last checkpoint are emitted again. Order holds within a shard and from parent to
 * child. The records in flight are bounded by `maxInFlightRecords` and `maxInFlightBytes` a shard, plus one page. Each subscription reads
 * the stream by itself: `share()` it to read it once.
 *
 * Completes after `stop`, when every shard's work is drained, its last checkpoint is written and its lease is released.
 * Unsubscribing aborts every request; with leases, what is settled by then is still written.
 *
 * Errors with a `ShardReadError` when the shards cannot be listed at the start, with an `UnreachableError` when the set-up is at fault, and
 * with a `StopTimeoutError` after `stop`, with a `StreamRecreatedError` when a later listing shows another stream of this name, and with what
 * `stop` errors with. A failing shard errors by itself and does not end the stream: see `mergeShards`.
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
  readonly #latest: LatestMoment;
  readonly #graph = new ShardGraph();
  readonly #endsElsewhere: EndsElsewhere;
  /** Emits when the shards must be listed now: a shard ended whose children are not all known. */
  readonly #relist$ = new Subject<void>();
  /** Emits when a shard is done, given up or granted, so that others may be ready. */
  readonly #wake$ = new Subject<void>();
  /** Emits when the shards in view, or what is known of them, have changed. */
  readonly #changed$ = new Subject<void>();
  readonly #stop$ = new ReplaySubject<unknown>(1);
  /** The shards that are not released yet. */
  readonly #live = new Set<ShardLifecycle>();
  /** Empty where the store gives no leases. */
  readonly #granted: GrantedLeases;

  constructor(config: ResolvedShardConfig, discoveryIntervalMs: number) {
    this.#config = withSharedStop(config);
    this.#discoveryIntervalMs = discoveryIntervalMs;
    this.#latest = new LatestMoment(config.scheduler.now());
    this.#endsElsewhere = new EndsElsewhere(this.#graph, config);
    this.#granted = new GrantedLeases(this.#config);
  }

  /** Emits the shards; completes after `stop`, when all of them are released. */
  shards(): Observable<Shard> {
    const stopping$ = this.#config.stop$.pipe(tap((value) => this.#stop(value)));
    const released$ = new Subject<void>();
    const shards$ = this.#readyShards().pipe(
      mergeMap((ready) => this.#lifeOf(ready)),
      tap({ complete: () => released$.next() }),
    );
    // Reads the store once beside the shards, so that a store that cannot be reached errors before anybody subscribes to a shard.
    const asked$ = this.#changed$.pipe(
      take(1),
      mergeMap(() => this.#askStore()),
      takeUntil(released$),
    );
    const stopped$ = stopInTime(shards$, { config: this.#config, stop$: this.#stop$, live: () => this.#live, hasDeadline: () => true });
    // Leases are renewed until all shards are released; then the store calls the other workers.
    const { scheduler, notify, stream } = this.#config;
    const called$ = afterLastCall(released$, scheduler);
    // The notifier comes first: if it emits at once, nothing is read.
    return merge(stopping$.pipe(ignoreElements()), this.#leases().pipe(takeUntil(called$)), asked$, stopped$).pipe(
      catchError((error: unknown) => throwError(() => withStream(error, stream.streamName))),
      // A stop that took too long has an event of its own.
      tap({ error: (error: unknown) => !isStopTimeout(error) && notify({ type: 'streamFailed', streamName: stream.streamName, error }) }),
    );
  }

  /** Errors when the store cannot be reached because of the set-up; ignores other faults, which the shards will meet again. */
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
    this.#granted.releaseWaiting();
    // Nobody waits any more for another worker to ask for one of those.
    this.#changed$.next();
  }

  #readyShards(): Observable<ReadyShard> {
    const { scheduler, store } = this.#config;
    // The interval runs from the end of one listing to the start of the next, so that a slow listing is not cut off.
    const pause = (): Observable<0> => delayOf(this.#endsElsewhere.relistMs(this.#discoveryIntervalMs), scheduler);
    const discover$ = this.#list().pipe(repeat({ delay: pause }));
    const listed$ = this.#relist$.pipe(
      startWith(undefined),
      switchMap(() => discover$),
    );
    // Through the scheduler, so that a long chain of shards that are done already does not grow the stack.
    const woken$ = this.#wake$.pipe(observeOn(scheduler));
    const mayTake = isLeasing(store) ? (shardId: string) => this.#granted.has(shardId) : undefined;
    // `woken$` comes first: with a port and a store that answer synchronously, a shard may be done during the listing.
    return merge(woken$, listed$).pipe(
      // No more shards begin; those that have begun end by themselves, when their work is drained.
      // eslint-disable-next-line rxjs-x/no-unsafe-takeuntil
      takeUntil(this.#stop$),
      mergeMap(() => this.#graph.takeReady(mayTake)),
    );
  }

  #list(): Observable<unknown> {
    const { port, stream, retry, notify } = this.#config;
    const { streamName } = stream;
    const failed = (error: unknown): void => notify({ type: 'discoveryFailed', streamName, reason: requestFault(error), error });
    return listTwiceIf((shards) => this.#graph.lacksNewParent(shards.map(graphShard)), port, stream.id).pipe(
      tap({ subscribe: () => this.#endsElsewhere.noteRequest() }),
      concatMap((shards) => this.#latest.prove(this.#config, shards)),
      retryFaults(retry, ({ error }) => failed(error)),
      tap((shards) => {
        const added = this.#enter(shards.map(graphShard));
        this.#endsElsewhere.noteListing();
        notify({ type: 'shardsDiscovered', streamName, added, total: this.#graph.size });
        this.#changed$.next();
      }),
      catchError((error: unknown) => {
        if (isForeignCheckpoint(error)) return throwError(() => error);
        if (this.#graph.size === 0 || isStreamRecreated(error)) return throwError(() => shardReadError(error, { streamName }));
        failed(error);
        return EMPTY;
      }),
    );
  }

  /** Enters a listing; returns the new ids. Throws if one of the shards was made again: its lifecycle may have looked up where it began. */
  #enter(shards: readonly GraphShard[]): string[] {
    const listed = new Map(shards.map((shard) => [shard.shardId, shard]));
    const lives = [...this.#live].flatMap((life) => {
      const shard = listed.get(life.identity.shardId);
      return shard ? [{ life, shard }] : [];
    });
    const remade = this.#graph.remadeIn(shards) ?? lives.find(({ life, shard }) => isRemade(life.identity, shard))?.shard.shardId;
    if (remade !== undefined) throw new StreamRecreatedError(this.#config.stream.streamName, remade);
    for (const { life, shard } of lives) life.identify(shard.startingSequenceNumber);
    return this.#graph.list(shards);
  }

  /** Takes note of the leases that this worker acquires, and of the shards that others have read to their end; emits nothing. */
  #leases(): Observable<never> {
    const { store } = this.#config;
    if (!isLeasing(store)) return EMPTY;
    const shards$ = this.#changed$.pipe(
      map(() => this.#graph.inView()),
      // The store looks at its table each time.
      distinctUntilChanged(),
      map((inView) => inView.map(({ shard, ...facts }) => ({ ...this.#identityOf(shard), closed: shard.closed, ...facts }))),
      takeUntil(this.#stop$),
    );
    return defer(() => store.leases(shards$, initialPositionOf(this.#config), () => this.#latest.ms)).pipe(
      reduced(),
      mergeMap((news) => {
        if (news.type === 'ended' && this.#endsElsewhere.note(news)) this.#relist$.next();
        const given$ = news.type === 'granted' ? this.#granted.add(news.shardId, news.lease, store) : EMPTY;
        this.#wake();
        return given$;
      }),
      finalize(() => this.#granted.releaseWaiting()),
    );
  }

  #lifeOf(ready: ReadyShard): Observable<Shard> {
    const { shardId } = ready.shard;
    const lease = this.#granted.use(shardId);
    const life = new ShardLifecycle({
      identity: this.#identityOf(ready.shard),
      config: this.#config,
      ready,
      latest: this.#latest,
      ...(lease && { lease }),
      insistsOnEnd: true,
      announce: (children) => this.#announce(children),
      released: (_, outcome) => {
        if (outcome === 'left') this.#graph.leave(shardId);
        else if (outcome) this.#graph.finish(shardId, outcome);
        else this.#graph.release(shardId);
        this.#wake();
      },
    });
    this.#live.add(life);
    const over = (): void => {
      this.#live.delete(life);
      this.#granted.forget(shardId, lease);
    };
    return life.run().pipe(finalize(over));
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
