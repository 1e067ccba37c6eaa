import { asyncScheduler, concatMap, defer, EMPTY, NEVER, of, ReplaySubject, tap, throwError, timer, type SchedulerLike } from 'rxjs';
import type { LeasingStore } from '../../lib/checkpoints/checkpoint-store.js';
import { LeaseLostError } from '../../lib/checkpoints/errors.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { toShardId, type ShardName } from '../../lib/testing/shard-name.js';
import type { ShardIdentity } from '../../lib/values/shard-id.js';

/** A store of one worker's leases that notes what it is asked. */
export interface FakeLeases extends LeasingStore {
  /** What was asked and when it was done, such as `3 take 0` or `50 write 0 7`. */
  readonly log: string[];
  /** The shards that are held. */
  readonly held: ReadonlySet<string>;
  /** Another worker takes a shard. */
  lose(shard?: ShardName): void;
}

export interface FakeLeasesConfig {
  readonly scheduler?: SchedulerLike;
  /** How long every request takes, in ms. @defaultValue 1 */
  readonly latencyMs?: number;
  /** Shards that other workers hold for ever. @defaultValue none */
  readonly elsewhere?: readonly ShardName[];
  /** Where the checkpoints are. @defaultValue a new memory */
  readonly inner?: ReturnType<typeof memoryCheckpoints>;
}

/** Makes a {@link FakeLeases}. It refuses writes for a shard that is not held, as a lease table does. */
export function fakeLeases(config: FakeLeasesConfig = {}): FakeLeases {
  const { scheduler = asyncScheduler, latencyMs = 1, elsewhere = [], inner = memoryCheckpoints() } = config;
  const log: string[] = [];
  const tenures = new Map<string, ReplaySubject<void>>();
  let token = 0;

  const note = (verb: string, { shardId }: Pick<ShardIdentity, 'shardId'>, detail = ''): void =>
    void log.push(`${scheduler.now()} ${verb} ${Number(shardId.slice(-12))}${detail && ` ${detail}`}`);
  const later = <T>(work: () => T) => timer(latencyMs, scheduler).pipe(concatMap(() => of(work())));

  return {
    log,
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
    take: (shard) =>
      defer(() => {
        if (elsewhere.map(toShardId).includes(shard.shardId)) return NEVER;
        return later(() => {
          const lost$ = new ReplaySubject<void>(1);
          tenures.set(shard.shardId, lost$);
          note('take', shard);
          return { fencingToken: String(++token), lost$ };
        });
      }),
    release: (shard) =>
      later(() => {
        tenures.delete(shard.shardId);
        note('release', shard);
      }),
    lose: (shard = 0) => {
      const shardId = toShardId(shard);
      const lost$ = tenures.get(shardId);
      tenures.delete(shardId);
      note('lose', { shardId });
      lost$?.next();
    },
  };
}

/** What a lease table is that answers nothing. */
export const deafLeases: LeasingStore = { read: () => NEVER, write: () => NEVER, take: () => NEVER, release: () => EMPTY };
