import { defer, from, NEVER, ReplaySubject, share, take, type Observable, type Subscription } from 'rxjs';
import { assertKnownFields } from '../internal/validate.js';
import { resolveShardConfig, SHARD_READING_FIELDS, type ShardReadingConfig } from '../shards/config.js';
import type { Shard } from '../shards/shard.js';
import { stopInTime } from '../shards/stop-in-time.js';
import { ShardLifecycle } from '../shards/shard-lifecycle.js';
import type { SubscriptionState } from '../shards/shard-phase.js';
import { InvalidConfigError } from '../values/errors.js';
import type { HashKeyRange } from '../values/shard-id.js';

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
 * child. Otherwise it lives as the shards of `kinesisStream` do: nothing is lost, order holds, what is in flight is bounded, one
 * subscription at a time, the last checkpoint is written when its work is drained. `stop` is listened to from a subscription
 * until the shard is released or unsubscribed, so that it is not missed between a failure and a retry; a stopped shard
 * completes at once when it is subscribed again. A shard that is done already completes at once. `'LATEST'` is the moment of the
 * first subscription.
 *
 * Errors with `ShardReadError`, `RangeExpiredError` (under `onGap: 'fail'`), and what the store errors with.
 *
 * @throws InvalidConfigError when called with a config that cannot work.
 */
export function kinesisShard(config: KinesisShardConfig): Shard {
  assertKnownFields(config, { ...SHARD_READING_FIELDS, shardId: true, parentShardIds: true, hashKeyRange: true });
  const resolved = resolveShardConfig(config);
  const { shardId, parentShardIds = [], hashKeyRange } = config;
  if (typeof shardId !== 'string' || shardId === '') throw new InvalidConfigError('shardId: expected a non-empty string');
  // Replays to a subscription after a failure: a `stop` in between must not be missed.
  const stop$ = defer(() => from(resolved.stop ?? NEVER)).pipe(
    take(1),
    share({ connector: () => new ReplaySubject<unknown>(1), resetOnComplete: false }),
  );
  /** What follows the shard's life, from a subscription until the shard is released or unsubscribed. */
  let life: Subscription | undefined;
  const subscribed = (state: SubscriptionState): void => {
    if (state === 'active' && !lifecycle.isReleased) life ??= follow().subscribe({ error: () => undefined });
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
    stop$,
    subscribed,
  });
  const follow = (): Observable<never> =>
    stopInTime(lifecycle.untilReleased(), {
      ...{ config: resolved, stop$ },
      live: () => [lifecycle],
      hasDeadline: () => lifecycle.isAccounted,
    });
  return lifecycle.shard;
}
