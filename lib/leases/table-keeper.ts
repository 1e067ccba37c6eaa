import { catchError, concat, concatMap, defer, EMPTY, ignoreElements, of, tap, throwError, type Observable } from 'rxjs';
import type { LeasableShard } from '../checkpoints/checkpoint-store.js';
import { delayOf } from '../internal/delay.js';
import { isAuditLeader } from './audit-leader.js';
import { hashKeyHoles } from './hash-keys.js';
import { inLanes } from './in-lanes.js';
import { removableLeases } from './lease-cleanup.js';
import { isInvalidValue } from '../values/errors.js';
import type { LeaseContext } from './lease-context.js';
import { isEnded, type LeaseRow, type NewLease } from './lease.js';
import { missingLeases } from './shard-sync.js';

/** KCL's intervals: an audit every two minutes, three audits before a hole is reported. */
const AUDIT_MS = 120_000;
const HOLES_TO_TELL = 3;
/** How long a row must stand still, and its shard be in no listing, before the shard counts as gone: KCL looks for such shards every half hour. */
const GONE_MS = 30 * 60_000;
/**
 * How long a row must be missing before the elected worker makes it, in failover times: while a fleet starts, whoever found the table empty is
 * making them, and each of the others would see another one elected.
 */
const LEADER_WAIT_FAILOVERS = 1 / 4;
/** How many rows are made or deleted at a time. */
const LANES = 20;

/**
 * Looks after the table's rows: makes missing rows, deletes rows that nobody needs, and reports hash keys that no lease covers.
 *
 * @remarks
 * One worker does it, elected as in KCL 2.x, so that it is also done when a KCL fleet elects a worker of this package. Any worker makes a
 * row that has been missing for longer than the failover time. All writes are conditional, so several workers may do it at once.
 */
export class TableKeeper {
  readonly #context: LeaseContext;
  readonly #lookNow: () => void;
  readonly #missingSinceMs = new Map<string, number>();
  /** The rows that were there: if one is gone, the holder of its lease makes it again. */
  readonly #seen = new Set<string>();
  #cleanedUpAtMs = 0;
  #auditedAtMs = 0;
  #holesSeen = 0;
  #sawEmpty = false;

  /** @param lookNow - makes the coordinator look at the table again. */
  constructor(context: LeaseContext, lookNow: () => void) {
    this.#context = context;
    this.#lookNow = lookNow;
  }

  /** Whether each shard in view that should have a row has one. */
  get isComplete(): boolean {
    return this.#missingSinceMs.size === 0;
  }

  /** Does the work that is due after a look at the table. Emits each row that this worker has made. */
  keep(): Observable<LeaseRow> {
    return concat(
      defer(() => this.#makeMissing()),
      defer(() => this.#cleanUp()),
      defer(() => this.#audit()),
    );
  }

  get #isLeader(): boolean {
    const { observer, config, clock } = this.#context;
    const [owners, graceful] = [new Set<string>(), new Set<string>()];
    for (const { row, idleMs } of observer.leases(clock.nowMs())) {
      const { leaseOwner, gracefulOwner } = row;
      // Of a shard that Kinesis has no more nobody takes the lease, so that the name of a dead owner stays, and would be elected.
      if (leaseOwner === undefined || idleMs > config.failoverTimeMs) continue;
      owners.add(leaseOwner);
      if (leaseOwner === gracefulOwner) graceful.add(leaseOwner);
    }
    // If a KCL worker is elected, it only cleans up after its own shards, so a worker of this package is elected too.
    return isAuditLeader(owners, config.workerId) || isAuditLeader(graceful, config.workerId);
  }

  #makeMissing(): Observable<LeaseRow> {
    const { observer, shards, config, clock, initialPosition, latestMs } = this.#context;
    const inView = shards() ?? new Map<string, LeasableShard>();
    this.#note(inView);
    const missing = missingLeases(this.#withRowsIn(inView), observer, initialPosition, latestMs?.());
    const nowMs = clock.nowMs();
    const keys = new Set(missing.map(({ leaseKey }) => leaseKey));
    for (const key of this.#missingSinceMs.keys()) if (!keys.has(key)) this.#missingSinceMs.delete(key);
    for (const key of keys) if (!this.#missingSinceMs.has(key)) this.#missingSinceMs.set(key, nowMs);
    if (missing.length === 0) return EMPTY;

    const isEmpty = observer.size === 0;
    if (isEmpty && !this.#sawEmpty) {
      this.#sawEmpty = true;
      // A random wait, so that workers that start together do not all make the same rows: the later ones find them made.
      return delayOf(Math.floor(config.random() * (config.failoverTimeMs / 20)), config.scheduler).pipe(
        tap(() => this.#lookNow()),
        ignoreElements(),
      );
    }
    const waitMs = isEmpty ? 0 : config.failoverTimeMs * (this.#isLeader ? LEADER_WAIT_FAILOVERS : 1);
    return this.#make(missing.filter(({ leaseKey }) => this.#isDue(leaseKey, waitMs, nowMs)));
  }

  /**
   * The shards in view; one that the row of another names as its parent is closed. The listing may be older than the rows: when it is, a row that was
   * cleaned up would be made again, and all of its shard be read once more.
   */
  #withRowsIn(inView: ReadonlyMap<string, LeasableShard>): LeasableShard[] {
    const { observer } = this.#context;
    const shards = [...inView.values()];
    if (shards.every(({ shardId, closed }) => closed || observer.has(shardId))) return shards;
    const parents = new Set(observer.rows().flatMap(({ parentShardIds }) => parentShardIds));
    return shards.map((shard) => (parents.has(shard.shardId) ? { ...shard, closed: true } : shard));
  }

  #isDue(leaseKey: string, waitMs: number, nowMs: number): boolean {
    const { held, config } = this.#context;
    if (held.get(leaseKey)?.isOpen) return false;
    const missingMs = nowMs - this.#missingSinceMs.get(leaseKey)!;
    return this.#seen.has(leaseKey) ? missingMs > config.failoverTimeMs : missingMs >= waitMs;
  }

  #note(inView: ReadonlyMap<string, LeasableShard>): void {
    for (const key of inView.keys()) if (this.#context.observer.has(key)) this.#seen.add(key);
    for (const key of this.#seen) if (!inView.has(key)) this.#seen.delete(key);
  }

  /** Makes the rows generation by generation: a child whose parent has no row would look like the child of a finished parent. */
  #make(missing: readonly NewLease[]): Observable<LeaseRow> {
    const generations: NewLease[][] = [];
    const generationOf = new Map<string, number>();
    for (const lease of missing) {
      const generation = Math.max(-1, ...lease.parentShardIds.map((id) => generationOf.get(id) ?? -1)) + 1;
      generationOf.set(lease.leaseKey, generation);
      (generations[generation] ??= []).push(lease);
    }
    return concat(...generations.map((leases) => inLanes(leases, LANES, (lease) => this.#makeOne(lease))));
  }

  /** Emits the row if this worker has made it. One that is there already is read: a reply may have been lost, or another worker was first. */
  #makeOne(lease: NewLease): Observable<LeaseRow> {
    const { port, observer, clock } = this.#context;
    const note = (row: LeaseRow | undefined): void => {
      if (row && !observer.get(row.leaseKey)) observer.note(row, clock.nowMs());
    };
    const found$ = port.get(lease.leaseKey).pipe(
      tap(note),
      ignoreElements(),
      // The looks tell of a row that cannot be read.
      catchError((error: unknown) => (isInvalidValue(error) ? EMPTY : throwError(() => error))),
    );
    return port
      .create(lease)
      .pipe(concatMap((isMade) => (isMade ? of({ ...lease, childShardIds: [] }).pipe(tap<LeaseRow>(note)) : found$)));
  }

  /**
   * Deletes rows once in a failover time, where KCL waits a minute or more: a KCL worker counts the leases of ended shards like others, so a
   * worker that holds some gets too few open ones until the rows are gone.
   */
  #cleanUp(): Observable<never> {
    const { observer, port, config, clock, shards } = this.#context;
    const nowMs = clock.nowMs();
    if (!config.cleanUp || nowMs - this.#cleanedUpAtMs < config.failoverTimeMs) return EMPTY;
    this.#cleanedUpAtMs = nowMs;
    if (!this.#isLeader) return EMPTY;
    const remove = ({ leaseKey, leaseCounter }: LeaseRow): Observable<unknown> =>
      port.remove(leaseKey, leaseCounter).pipe(tap((done) => (done ? observer.forget(leaseKey, clock.nowMs()) : undefined)));
    // A listing may err, but not each for so long; whoever read the shard before it was gone would renew the row.
    const isGone = ({ leaseKey }: LeaseRow): boolean =>
      shards()?.has(leaseKey) === false && (observer.leaseOf(leaseKey, nowMs)?.idleMs ?? 0) > GONE_MS;
    // While a parent's row cannot be read, it is there all the same.
    const removable = removableLeases(observer.rows(), isGone).filter(
      ({ parentShardIds }) => !parentShardIds.some((id) => observer.has(id)),
    );
    return inLanes(removable, LANES, remove).pipe(ignoreElements());
  }

  #audit(): Observable<never> {
    const { observer, config, clock } = this.#context;
    const nowMs = clock.nowMs();
    if (nowMs - this.#auditedAtMs < AUDIT_MS) return EMPTY;
    this.#auditedAtMs = nowMs;
    const rows = observer.rows().filter((row) => !isEnded(row));
    const ranges = rows.flatMap(({ hashKeyRange }) => hashKeyRange ?? []);
    // Rows of old versions have no hash key range.
    const holes = ranges.length < rows.length || !this.#isLeader ? [] : hashKeyHoles(ranges);
    this.#holesSeen = holes.length > 0 ? this.#holesSeen + 1 : 0;
    if (this.#holesSeen >= HOLES_TO_TELL) config.notify({ type: 'hashKeysUncovered', holes });
    return EMPTY;
  }
}
