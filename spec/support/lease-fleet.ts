import {
  concat,
  defer,
  EMPTY,
  from,
  ignoreElements,
  NEVER,
  of,
  Subject,
  takeUntil,
  tap,
  timer,
  type Observable,
  type SchedulerLike,
  type Subscription,
} from 'rxjs';
import type { LeasableShard, Lease } from '../../lib/checkpoints/checkpoint-store.js';
import type { LeaseConfig } from '../../lib/leases/lease-config.js';
import type { LeaseStore } from '../../lib/leases/leaseStore.js';
import type { InitialPosition } from '../../lib/values/position.js';
import type { LeaseEvent } from '../../lib/monitoring/lease-events.js';
import { fakeLeases, type FakeLeases } from '../../lib/testing/leases/fakeLeases.js';
import type { MarbleHelpers } from '../../lib/testing/marbles/marbles.js';
import { seededRandom } from './seeded-random.js';

/** A shard in view; its number is its id and where it begins. Shards share the hash keys evenly unless told. */
export function leasable(number: number, fields: Partial<LeasableShard> = {}): LeasableShard {
  const shardId = `shardId-${String(number).padStart(12, '0')}`;
  return {
    streamName: 'flights',
    shardId,
    parentShardIds: [],
    hashKeyRange: undefined,
    closed: false,
    startingSequenceNumber: String(number + 1),
    isReady: true,
    ...fields,
  };
}

/** `count` shards without parents, which share the hash keys. */
export function leasables(count: number): LeasableShard[] {
  const width = 2n ** 128n / BigInt(count);
  return Array.from({ length: count }, (_, number) => {
    const from = width * BigInt(number);
    const to = number === count - 1 ? 2n ** 128n - 1n : from + width - 1n;
    return leasable(number, { hashKeyRange: { startingHashKey: String(from), endingHashKey: String(to) } });
  });
}

/** A worker that does what `kinesisStream` does with its leases. */
export interface FleetWorker {
  readonly id: string;
  readonly store: LeaseStore;
  /** The leases it works with now, by shard number. */
  readonly held: ReadonlyMap<number, Lease>;
  readonly events: readonly LeaseEvent[];
  /** What it was told, such as `120 granted 0`, `500 lost 0`, `700 ended 3`, `900 complete`. */
  readonly news: readonly string[];
  see(shards: readonly LeasableShard[]): void;
  /** No more shards; what is held is released after `drainMs`. */
  stop(): void;
  /** The process is gone. */
  crash(): void;
}

export interface FleetConfig extends Omit<LeaseConfig, 'workerId' | 'scheduler' | 'events'> {
  readonly scheduler: SchedulerLike;
  /** Where a shard begins. */
  readonly initialPosition?: InitialPosition;
  /** How long the work on a shard takes to end, for all shards or by number. @defaultValue 0 */
  readonly drainMs?: number | ((shard: number) => number);
  /** Whether the worker hands over when it is asked. @defaultValue true */
  readonly answers?: boolean;
}

const numberOf = (shardId: string): number => Number(shardId.slice(-12));

/** Starts a worker of a fleet. */
export function startWorker(table: FakeLeases, id: string, shards: readonly LeasableShard[], config: FleetConfig): FleetWorker {
  const { scheduler, drainMs = 0, answers = true, initialPosition, ...leasing } = config;
  const isDead = { value: false };
  const events: LeaseEvent[] = [];
  const news: string[] = [];
  const held = new Map<number, Lease>();
  const shards$ = new Subject<readonly LeasableShard[]>();
  const store = table.worker(id, { ...leasing, events: { next: (event) => void (isDead.value || events.push(event)) } });
  const note = (text: string): void => void news.push(`${scheduler.now()} ${text}`);
  const dead$ = new Subject<void>();
  const release = (shard: LeasableShard, lease: Lease): Observable<unknown> =>
    concat(
      timer(typeof drainMs === 'number' ? drainMs : drainMs(numberOf(shard.shardId)), scheduler).pipe(ignoreElements()),
      defer(() => (held.get(numberOf(shard.shardId)) === lease ? from(store.release(shard)) : EMPTY)),
      defer(() => of(held.get(numberOf(shard.shardId)) === lease && held.delete(numberOf(shard.shardId)))),
    );
  const shardOf = (shardId: string): LeasableShard => leasable(numberOf(shardId));
  const subscription: Subscription = store.leases(shards$, initialPosition).subscribe({
    next: (item) => {
      const number = numberOf(item.shardId);
      note(`${item.type} ${number}`);
      if (item.type === 'ended') return;
      const { lease } = item;
      held.set(number, lease);
      from(lease.lost$)
        .pipe(takeUntil(dead$))
        .subscribe(() => {
          note(`lost ${number}`);
          if (held.get(number) === lease) held.delete(number);
        });
      if (answers)
        from(lease.asked$ ?? NEVER)
          .pipe(takeUntil(dead$))
          .subscribe(() => release(shardOf(item.shardId), lease).subscribe());
    },
    error: (error: unknown) => note(`error ${String(error)}`),
    complete: () => note('complete'),
  });
  shards$.next(shards);
  return {
    id,
    store,
    held,
    events,
    news,
    see: (next) => shards$.next(next),
    stop: () => {
      shards$.complete();
      for (const [number, lease] of held) release(leasable(number), lease).subscribe();
    },
    crash: () => {
      isDead.value = true;
      table.cut(id, 'requests');
      subscription.unsubscribe();
      dead$.next();
      held.clear();
    },
  };
}

/** Who holds what, such as `{ w1: [0, 2], w2: [1] }`. */
export function holdings(...workers: readonly FleetWorker[]): Record<string, number[]> {
  return Object.fromEntries(workers.map(({ id, held }) => [id, [...held.keys()].sort((a, b) => a - b)]));
}

/** Expects nothing: runs each step at its time. */
export function script(scheduler: SchedulerLike, steps: Readonly<Record<number, () => void>>): void {
  for (const [atMs, step] of Object.entries(steps)) {
    timer(Number(atMs), scheduler).pipe(tap(step)).subscribe();
  }
}

/** A fleet of one table in virtual time, with a failover time of 1 s. */
export function fleetOf({ scheduler, flush }: Pick<MarbleHelpers, 'scheduler' | 'flush'>, shards: readonly LeasableShard[]) {
  const table = fakeLeases({ scheduler });
  const workers: FleetWorker[] = [];
  const start = (id: string, config: Partial<FleetConfig> = {}): FleetWorker => {
    const random = seededRandom(workers.length + 1);
    const worker = startWorker(table, id, shards, { scheduler, failoverTimeMs: 1_000, random, ...config });
    workers.push(worker);
    return worker;
  };
  /** Runs the steps, then ends all workers, since renewals never end by themselves. */
  const run = (endMs: number, steps: Readonly<Record<number, () => void>>): void => {
    script(scheduler, { ...steps, [endMs]: () => workers.forEach((worker) => worker.crash()) });
    flush();
  };
  return { table, workers, start, run };
}
