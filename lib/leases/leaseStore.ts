import { defer, finalize, map, of, startWith, Subject, switchMap, tap, throwError, type Observable } from 'rxjs';
import { assertCheckpoint } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint, LeasableShard, Lease, LeaseNews, LeasingStore } from '../checkpoints/checkpoint-store.js';
import { LeaseLostError } from '../checkpoints/errors.js';
import { KeyedQueue } from '../internal/keyed-queue.js';
import { SteadyClock } from '../internal/steady-clock.js';
import { InvalidConfigError } from '../values/errors.js';
import { LATEST, SHARD_END, TRIM_HORIZON, type InitialPosition } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { HeldLease, LossReason } from './held-lease.js';
import { HeldLeases } from './held-leases.js';
import type { ResolvedLeaseConfig } from './lease-config.js';
import type { LeaseContext } from './lease-context.js';
import { LeaseCoordinator } from './lease-coordinator.js';
import { LeaseObserver } from './lease-observer.js';
import type { LeasePort } from './lease-port.js';
import type { LeaseRow } from './lease.js';
import { leaseStatus, type LeaseStatus } from './lease-status.js';
import { readProgress } from './row-progress.js';
import { makeChildren } from './shard-end.js';
import { tickMs } from './ticks.js';
import { unownedCheckpoint } from './unownedCheckpoint.js';

/** A table of checkpoints and leases. */
export interface LeaseStore extends LeasingStore {
  /** The name of this worker in the rows. */
  readonly workerId: string;
  /** Emits all leases after each look at the table, and at once if there was one. The store looks while `leases` is subscribed. */
  readonly leases$: Observable<readonly LeaseStatus[]>;
  /** Emits the checkpoint of the row, or `undefined` without one. */
  read(shard: ShardIdentity): Observable<Checkpoint | undefined>;
  /** Writes a checkpoint; errors with a `LeaseLostError` unless the lease is held. */
  write(checkpoint: Checkpoint, shard: ShardIdentity): Observable<undefined>;
  /** Takes and renews leases while it is subscribed. Emits each that is granted, and the shards that other workers have read to their end. */
  leases(shards$: Observable<readonly LeasableShard[]>, initialPosition?: InitialPosition, latestMs?: () => number): Observable<LeaseNews>;
  /** Gives a lease up: to the worker that asked for it, or to nobody. */
  release(shard: ShardIdentity, lease?: Lease): Observable<undefined>;
}

/** When a lease is given up after its last renewal, in failover times: before another worker can take it. */
const FENCE_FAILOVERS = 0.9;
/** How much of a random name tells two processes apart: it is in each row, and every KiB of an item costs a write unit. */
const PROCESS_ID_CHARS = 8;
/**
 * The most that a clock which is set forward may seem to advance, in ticks of the renewals. It must be less than the tenth of the failover time
 * by which a holder gives its leases up before others may take them.
 */
const LONGEST_STEP_TICKS = 1.1;

/**
 * Makes a store of a table. The writes for one shard run one after another; nothing is requested before a subscription.
 *
 * @param port - must limit the time of each request: one that is never answered would delay the renewals that wait for it.
 */
export function leaseStore(port: LeasePort, config: ResolvedLeaseConfig): LeaseStore {
  const leases = new SharedLeases(port, config);
  return {
    workerId: config.workerId,
    keepsUnreleased: true,
    tellsOfLosses: true,
    leases$: leases.statuses$,
    read: (shard) => leases.read(shard),
    write: (checkpoint, shard) => leases.write(checkpoint, shard),
    leases: (shards$, initialPosition, latestMs) => leases.coordinate(shards$, initialPosition, latestMs),
    release: (shard, lease) => leases.release(shard, lease),
  };
}

class SharedLeases {
  readonly statuses$: Observable<readonly LeaseStatus[]>;
  readonly #context: LeaseContext;
  readonly #turns = new KeyedQueue();
  readonly #changed$ = new Subject<void>();
  readonly #looked$ = new Subject<void>();
  #hasLooked = false;
  /** The shards in view, needed at the end of a shard. */
  #shards: ReadonlyMap<string, LeasableShard> | undefined;
  /** The present subscription to the leases, if there is one. */
  #coordinator: LeaseCoordinator | undefined;

  constructor(port: LeasePort, config: ResolvedLeaseConfig) {
    const { workerId, failoverTimeMs, scheduler } = config;
    const tenancy = {
      workerId,
      processId: crypto.randomUUID().slice(0, PROCESS_ID_CHARS),
      fenceMs: failoverTimeMs * FENCE_FAILOVERS,
      scheduler,
    };
    const onLost = (lease: HeldLease, reason: LossReason): void => this.#noteLoss(lease, reason);
    // The clock is read at each tick of the renewals, so a longer step means that the process stood still or the clock was set.
    const clock = new SteadyClock(LONGEST_STEP_TICKS * tickMs(config));
    clock.now(scheduler);
    // Made when somebody asks: a second object for each row of the table would be kept for nobody.
    this.statuses$ = defer(() => (this.#hasLooked ? this.#looked$.pipe(startWith(undefined)) : this.#looked$)).pipe(
      map(() => this.#context.observer.leases(this.#context.clock.nowMs()).map(leaseStatus)),
    );
    this.#context = {
      config,
      initialPosition: TRIM_HORIZON,
      port,
      held: new HeldLeases(port, { ...tenancy, onLost }),
      observer: new LeaseObserver(),
      clock: { nowMs: () => clock.now(scheduler) },
      shards: () => this.#shards,
      ring: () => this.#coordinator?.ring(),
      inTurn: (shardId, work) => this.#turns.run(shardId, defer(work)),
    };
  }

  read({ streamName, shardId }: ShardIdentity): Observable<Checkpoint | undefined> {
    return defer(() => this.#context.port.get(shardId)).pipe(
      // Whoever deleted the row of a lease that is held did not take it, nor undo what was done: its holder writes it anew.
      map((row) => row ?? this.#heldRow(shardId)),
      map((row) => {
        if (!row) return undefined;
        const { checkpoint, shardStart, startTimestamp, progress } = row;
        const start = {
          ...(shardStart !== undefined && { shardStart }),
          ...(checkpoint.sequenceNumber === LATEST && startTimestamp !== undefined && { startTimestamp }),
        };
        return { streamName, shardId, ...checkpoint, ...start, ...readProgress(progress, checkpoint, { streamName, shardId }) };
      }),
    );
  }

  write(checkpoint: Checkpoint, shard: ShardIdentity): Observable<undefined> {
    return defer(() => {
      assertCheckpoint(checkpoint, shard);
      return this.#context.inTurn(shard.shardId, () => this.#write(checkpoint, shard));
    });
  }

  coordinate(
    shards$: Observable<readonly LeasableShard[]>,
    initialPosition: InitialPosition = TRIM_HORIZON,
    latestMs?: () => number,
  ): Observable<LeaseNews> {
    return defer(() => {
      if (this.#coordinator)
        throw new InvalidConfigError(
          'leases: a store serves one subscription at a time: share() the stream, or make a leaseTable for each',
        );
      const coordinator = new LeaseCoordinator(
        { ...this.#context, initialPosition, latestMs },
        {
          changed$: this.#changed$,
          seeShards: (list) => (this.#shards = new Map(list.map((shard) => [shard.shardId, shard]))),
          looked: () => {
            this.#hasLooked = true;
            this.#looked$.next();
          },
        },
      );
      this.#coordinator = coordinator;
      return coordinator.news(shards$).pipe(finalize(() => (this.#coordinator = undefined)));
    });
  }

  release({ shardId }: ShardIdentity, tenure?: Lease): Observable<undefined> {
    const { held, inTurn } = this.#context;
    return inTurn(shardId, () => {
      const lease = held.get(shardId);
      // A later subscription may have the shard again.
      const isMeant = tenure === undefined || tenure.fencingToken === lease?.fencingToken;
      return lease?.isOpen && isMeant ? this.#release(lease) : of(undefined);
    });
  }

  #heldRow(shardId: string): Pick<LeaseRow, 'checkpoint' | 'progress' | 'shardStart' | 'startTimestamp'> | undefined {
    const lease = this.#context.held.get(shardId);
    if (!lease?.isOpen) return undefined;
    const { checkpoint, progress, origin } = lease;
    const { sequenceNumber, subSequenceNumber } = checkpoint;
    return { ...origin, checkpoint: { sequenceNumber, subSequenceNumber }, ...(progress !== undefined && { progress }) };
  }

  #write(checkpoint: Checkpoint, shard: ShardIdentity): Observable<undefined> {
    const { held, port } = this.#context;
    const lease = held.get(shard.shardId);
    if (lease && !lease.isOpen) return throwError(() => new LeaseLostError(checkpoint));
    const isEnd = checkpoint.sequenceNumber === SHARD_END;
    const children$ = isEnd ? makeChildren(port, shard, this.#shards ?? new Map<string, LeasableShard>()) : of([]);
    return children$.pipe(
      switchMap((ids) => (lease ? held.checkpoint(lease, checkpoint, ids) : unownedCheckpoint(port, checkpoint, shard, ids))),
      tap({ complete: () => (isEnd ? this.#coordinator?.noteEnd(shard.shardId) : undefined) }),
    );
  }

  #release(lease: HeldLease): Observable<undefined> {
    const { held, config, ring } = this.#context;
    const { notify, workerId, scheduler } = config;
    const { shardId, sinceMs } = lease;
    return held.release(lease).pipe(
      map((nextOwner) => {
        const next = nextOwner !== undefined && { nextOwner };
        notify({ type: 'leaseReleased', workerId, shardId, heldMs: scheduler.now() - sinceMs, ...next });
        ring();
        return undefined;
      }),
      finalize(() => this.#changed$.next()),
    );
  }

  #noteLoss({ shardId, sinceMs }: HeldLease, reason: LossReason): void {
    const { held, config } = this.#context;
    const { notify, workerId, scheduler } = config;
    notify({ type: 'leaseLost', workerId, shardId, reason, heldMs: scheduler.now() - sinceMs });
    if (held.open.size === 0) notify({ type: 'allLeasesLost', workerId });
    this.#changed$.next();
    this.#coordinator?.lookNow();
  }
}
