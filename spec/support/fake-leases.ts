import {
  asyncScheduler,
  concatMap,
  defer,
  EMPTY,
  filter,
  map,
  merge,
  mergeMap,
  NEVER,
  of,
  ReplaySubject,
  startWith,
  Subject,
  switchMap,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs';
import type { Observable, SchedulerLike } from 'rxjs';
import type { LeasableShard, Lease, LeaseNews, LeasingStore } from '../../lib/checkpoints/checkpoint-store.js';
import { LeaseLostError } from '../../lib/checkpoints/errors.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { toShardId, type ShardName } from '../../lib/testing/shard-name.js';
import type { ShardIdentity } from '../../lib/values/shard-id.js';

/** A store of one worker's leases that notes what it is asked. */
export interface FakeLeases extends LeasingStore {
  /** What was granted and asked, and when it was done, such as `3 take 0` or `50 write 0 7`. */
  readonly log: string[];
  /** The shards that are held. */
  readonly held: ReadonlySet<string>;
  /** Another worker takes a shard. */
  lose(shard?: ShardName): void;
  /** Another worker asks for a shard, which this one then hands over. */
  ask(shard?: ShardName): void;
  /** This worker is given a shard that it lost, or that was `elsewhere`. */
  give(shard?: ShardName): void;
  /** Another worker has read a shard to its end; its checkpoint says where that shard begins, if that is given. */
  end(shard?: ShardName, shardStart?: string): void;
}

export interface FakeLeasesConfig {
  readonly scheduler?: SchedulerLike;
  /** How long every request takes, in ms. @defaultValue 1 */
  readonly latencyMs?: number;
  /** Shards that other workers hold until they are given. @defaultValue none */
  readonly elsewhere?: readonly ShardName[];
  /** Where the checkpoints are. @defaultValue a new memory */
  readonly inner?: ReturnType<typeof memoryCheckpoints>;
  /** How a lease is taken. @defaultValue as `take` does */
  readonly taking?: (take: () => Observable<Lease>, shard: ShardIdentity) => Observable<Lease>;
}

/** Makes a {@link FakeLeases}: it grants each shard whose parents are done. It refuses writes for a shard that is not held, as a lease table does. */
export function fakeLeases(config: FakeLeasesConfig = {}): FakeLeases {
  const { scheduler = asyncScheduler, latencyMs = 1, elsewhere = [], inner = memoryCheckpoints(), taking = (take) => take() } = config;
  const log: string[] = [];
  const tenures = new Map<string, { readonly lost$: ReplaySubject<void>; readonly asked$: ReplaySubject<void> }>();
  const away = new Set(elsewhere.map(toShardId));
  const given$ = new Subject<string>();
  const ended$ = new Subject<LeaseNews>();
  const released$ = new Subject<void>();
  let token = 0;

  const note = (verb: string, { shardId }: Pick<ShardIdentity, 'shardId'>, detail = ''): void =>
    void log.push(`${scheduler.now()} ${verb} ${Number(shardId.slice(-12))}${detail && ` ${detail}`}`);
  const later = <T>(work: () => T) => timer(latencyMs, scheduler).pipe(concatMap(() => of(work())));
  const take = (shard: ShardIdentity): Observable<Lease> =>
    later(() => {
      const tenure = { lost$: new ReplaySubject<void>(1), asked$: new ReplaySubject<void>(1) };
      tenures.set(shard.shardId, tenure);
      note('take', shard);
      return { fencingToken: String(++token), ...tenure };
    });
  const newsOf = (shard: ShardIdentity): Observable<LeaseNews> =>
    defer(() => inner.read(shard)).pipe(
      concatMap((checkpoint): Observable<LeaseNews> => {
        const { shardId } = shard;
        if (checkpoint?.sequenceNumber === 'SHARD_END') return of({ type: 'ended', shardId });
        return taking(() => take(shard), shard).pipe(map((lease) => ({ type: 'granted', shardId, lease })));
      }),
    );

  return {
    log,
    ...(inner.keepsUnreleased && { keepsUnreleased: true }),
    get held() {
      return new Set(tenures.keys());
    },
    read: (shard) => timer(latencyMs, scheduler).pipe(concatMap(() => inner.read(shard))),
    write: (checkpoint, shard) =>
      timer(latencyMs, scheduler).pipe(
        concatMap(() => (tenures.has(shard.shardId) ? inner.write(checkpoint, shard) : throwError(() => new LeaseLostError(shard)))),
        tap({
          complete: () => note('write', shard, checkpoint.sequenceNumber),
          error: () => note('refuse', shard, checkpoint.sequenceNumber),
        }),
      ),
    leases: (shards$) =>
      defer(() => {
        const inView = new Map<string, LeasableShard>();
        const asked = new Set<string>();
        const closed$ = new ReplaySubject<void>(1);
        const isDue = ({ shardId, isReady }: LeasableShard): boolean => isReady && !away.has(shardId) && !asked.has(shardId);
        const ready$ = shards$.pipe(
          tap({ next: (shards) => shards.forEach((shard) => inView.set(shard.shardId, shard)), complete: () => closed$.next() }),
          mergeMap((shards) => shards),
          // Shard by shard: the news of one may bring the others again before their turn.
          filter(isDue),
          tap(({ shardId }) => asked.add(shardId)),
        );
        const again$ = given$.pipe(
          map((shardId) => inView.get(shardId)),
          filter((shard) => shard !== undefined),
        );
        const over$ = closed$.pipe(
          switchMap(() => released$.pipe(startWith(undefined))),
          filter(() => tenures.size === 0),
        );
        return merge(merge(ready$, again$).pipe(mergeMap(newsOf)), ended$).pipe(takeUntil(over$));
      }),
    release: (shard) =>
      later(() => {
        tenures.delete(shard.shardId);
        note('release', shard);
        released$.next();
      }),
    lose: (shard = 0) => {
      const shardId = toShardId(shard);
      const tenure = tenures.get(shardId);
      tenures.delete(shardId);
      note('lose', { shardId });
      tenure?.lost$.next();
      released$.next();
    },
    ask: (shard = 0) => tenures.get(toShardId(shard))?.asked$.next(),
    give: (shard = 0) => {
      away.delete(toShardId(shard));
      given$.next(toShardId(shard));
    },
    end: (shard = 0, shardStart?: string) => ended$.next({ type: 'ended', shardId: toShardId(shard), shardStart }),
  };
}

/** What a lease table is that answers nothing. */
export const deafLeases: LeasingStore = { read: () => NEVER, write: () => NEVER, leases: () => NEVER, release: () => EMPTY };
