import type { Observable, Subscription } from 'rxjs';
import { assertKnownFields } from '../internal/validate.js';
import { resolveShardConfig, SHARD_READING_FIELDS, withSharedStop, type ShardReadingConfig } from '../shards/config.js';
import { isStopTimeout } from '../shards/errors.js';
import type { Shard } from '../shards/shard.js';
import { stopInTime } from '../shards/stop-in-time.js';
import { ShardLifecycle } from '../shards/shard-lifecycle.js';
import type { SubscriptionState } from '../shards/shard-phase.js';
import { InvalidConfigError } from '../values/errors.js';
import type { HashKeyRange } from '../values/shard-id.js';

/** How {@link kinesisShard} reads a shard. */
export type KinesisShardConfig = ShardReadingConfig & {
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** The ids of its parents, for the row of a lease table. @defaultValue none */
  readonly parentShardIds?: readonly string[] | undefined;
  /** Its hash key range, for the row of a lease table. @defaultValue unknown */
  readonly hashKeyRange?: HashKeyRange | undefined;
};

/**
 * Emits one shard's records, from its checkpoint, or else from `startFrom`.
 *
 * @remarks
 * For a single shard whose parents and children do not matter: it waits for no parent, takes no lease and starts no child. Otherwise it
 * behaves like the shards of `kinesisStream`: it loses nothing, keeps the order, bounds the records in flight, allows one subscription at
 * a time, and writes the last checkpoint when its work is drained. It is subscribed to `stop` from its first subscription until the shard
 * is released or unsubscribed, so that it does not miss `stop` between a failure and a retry. A new subscription to a stopped shard, or to
 * one that is done, completes at once. `'LATEST'` means the time of the first subscription.
 *
 * Errors with `ShardReadError`, `RangeExpiredError` (under `onGap: 'fail'`), and what the store and `stop` error with.
 *
 * @throws InvalidConfigError when called with a config that cannot work.
 */
export function kinesisShard(config: KinesisShardConfig): Shard {
  assertKnownFields(config, { ...SHARD_READING_FIELDS, shardId: true, parentShardIds: true, hashKeyRange: true });
  const resolved = withSharedStop(resolveShardConfig(config));
  const { stop$ } = resolved;
  const { shardId, parentShardIds = [], hashKeyRange } = config;
  if (typeof shardId !== 'string' || shardId === '') throw new InvalidConfigError('shardId: expected a non-empty string');
  /**
   * The subscription to the shard's life, from a subscription to the shard until it is released or unsubscribed: a `stop` between a failure and a
   * retry must not be missed.
   */
  let life: Subscription | undefined;
  const failed = (error: unknown): void => {
    // An error of `stop` ends the subscription to the shard too; the next one listens to `stop` again.
    if (!isStopTimeout(error)) life = undefined;
  };
  const subscribed = (state: SubscriptionState): void => {
    if (state === 'active' && !lifecycle.isReleased) life ??= follow().subscribe({ error: failed });
    if (state !== 'unsubscribe') return;
    life?.unsubscribe();
    life = undefined;
  };
  const lifecycle = new ShardLifecycle({
    identity: { streamName: resolved.stream.streamName, shardId, parentShardIds, hashKeyRange },
    config: resolved,
    ready: { shard: { closed: false }, initial: true, hasReadParent: false, hasResumedParent: false, unlistedParentIds: [] },
    isUnlisted: true,
    insistsOnEnd: false,
    subscribed,
  });
  const follow = (): Observable<never> =>
    stopInTime(lifecycle.untilReleased(), {
      config: resolved,
      stop$,
      live: () => [lifecycle],
      hasDeadline: () => lifecycle.isAccounted,
    });
  return lifecycle.shard;
}
