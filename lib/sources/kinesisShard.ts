import { concatMap, defer, EMPTY, from, NEVER, of, ReplaySubject, share, take, type Observable } from 'rxjs';
import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import { TrackedShard } from '../tracking/tracked-shard.js';
import { assertKnownFields } from '../internal/validate.js';
import type { ReadStart } from '../readers/reader.js';
import { retryFaults } from '../kinesis/retry.js';
import type { Shard } from '../shards/shard.js';
import { InvalidConfigError } from '../values/errors.js';
import { SHARD_END } from '../values/position.js';
import { resolveShardConfig, SHARD_READING_FIELDS, type ResolvedShardConfig, type ShardReadingConfig } from '../shards/config.js';
import { makeShard, type SubscriptionEnd } from '../shards/make-shard.js';
import { progress, readCheckpoint, startToString } from '../shards/open-shard.js';
import { rereadWith } from '../readers/reread.js';
import type { HashKeyRange, ShardIdentity } from '../values/shard-id.js';

/** How {@link kinesisShard} reads a shard. */
export interface KinesisShardConfig extends ShardReadingConfig {
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** Its parents, for the row of a lease table. @defaultValue none */
  readonly parentShardIds?: readonly string[];
  /** Its hash keys, for the row of a lease table. @defaultValue unknown */
  readonly hashKeyRange?: HashKeyRange;
}

/**
 * One shard's records, from its checkpoint, else from `startFrom`.
 *
 * @remarks
 * For a single shard whose place among the others does not matter: it waits for no parent, takes no lease and starts no
 * child. Otherwise as the shards of `kinesisStream`: nothing is lost, order holds, what is in flight is bounded, one
 * subscription at a time. `stop` is listened to from the first subscription until the shard completes, so that it is not missed
 * between a failure and a retry. A shard that is done already completes at once. `'LATEST'` is the moment of the first subscription.
 *
 * Errors with `ShardReadError`, `RangeExpiredError` (under `onGap: 'fail'`), and what the store errors with.
 *
 * @throws InvalidConfigError when called with a config that cannot work.
 */
export function kinesisShard(config: KinesisShardConfig): Shard {
  assertKnownFields(config, [...SHARD_READING_FIELDS, 'shardId', 'parentShardIds', 'hashKeyRange']);
  const reading = resolveShardConfig(config);
  const { shardId, parentShardIds = [], hashKeyRange } = config;
  if (typeof shardId !== 'string' || shardId === '') throw new InvalidConfigError('shardId: expected a non-empty string');
  const { stream, store, notify } = reading;
  const shard: ShardIdentity = { streamName: stream.streamName, shardId, parentShardIds, hashKeyRange };
  const account = new TrackedShard({ identity: shard, store, notify, reread: rereadWith(reading, stream, shardId) });
  let lastEnd: SubscriptionEnd | undefined;
  const subscribed = (end: SubscriptionEnd | undefined): void => void (lastEnd = end);
  // Listened to until the shard completes, also between a failure and the next subscription: a `stop` then must not be missed.
  const stop$ = defer(() => from(reading.stop ?? NEVER)).pipe(
    take(1),
    share({
      connector: () => new ReplaySubject<unknown>(1),
      resetOnComplete: false,
      resetOnRefCountZero: () => (lastEnd === 'complete' ? of(0) : NEVER),
    }),
  );
  return makeShard({ reading, account, open: opening(account, reading), stop$, subscribed });
}

/** Reads the checkpoint before the first reading; later ones begin where the account stands. */
function opening(account: TrackedShard, { startFrom, store, retry, notify, scheduler }: ResolvedShardConfig): () => Observable<ReadStart> {
  const { identity: shard } = account;
  const { streamName, shardId, parentShardIds } = shard;
  /** What `'LATEST'` means is settled by the first subscription, even if the checkpoint cannot be read then. */
  let start: ReadStart | undefined;
  let isOpen = false;

  const begin = (checkpoint: Checkpoint | undefined, first: ReadStart): Observable<ReadStart> => {
    if (checkpoint?.sequenceNumber === SHARD_END) return EMPTY;
    const reached = progress(checkpoint);
    if (reached) account.restore(reached);
    isOpen = true;
    notify({ type: 'shardStarted', streamName, shardId, parentShardIds, start: reached ?? startToString(first) });
    return of(first);
  };
  return () => {
    const first = (start ??= startOf(startFrom, scheduler.now()));
    if (isOpen) return of(first);
    return readCheckpoint(shard, store).pipe(
      retryFaults(retry, (notice) => notify({ type: 'readRetry', streamName, shardId, ...notice })),
      concatMap((checkpoint) => begin(checkpoint, first)),
    );
  };
}

function startOf(startFrom: KinesisShardConfig['startFrom'], nowMs: number): ReadStart {
  if (startFrom === 'TRIM_HORIZON') return { type: 'TRIM_HORIZON' };
  return { type: 'AT_TIMESTAMP', timestamp: startFrom === 'LATEST' ? new Date(nowMs) : startFrom };
}
