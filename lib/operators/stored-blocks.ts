import { filter, map, merge, startWith, takeUntil, tap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import { BLOCK_STORE_CALLS, type BlockStore } from '../blocks/block-store.js';
import { BlockStoreError } from '../blocks/errors.js';
import type { StoredBlock } from '../blocks/stored-block.js';
import { assertMethod } from '../internal/validate.js';
import type { BlockStoreFailedEvent } from '../monitoring/block-events.js';
import type { Shard } from '../shards/shard.js';
import { trackedShardOf, type TrackedShard } from '../tracking/tracked-shard.js';
import { InvalidConfigError, InvalidValueError } from '../values/errors.js';
import { isObject } from '../values/isObject.js';
import { sameShard } from '../values/shard-id.js';

/** @throws InvalidConfigError unless `blocks` has the calls of a block store. */
export function assertBlockStore(blocks: BlockStore): void {
  for (const call of BLOCK_STORE_CALLS) assertMethod('blocks', blocks, call);
}

/** Throws unless all ranges of a block, or of its handle, are of the operator's shard. @throws InvalidValueError */
export function assertOfShard(operator: string, { id, ranges }: Pick<StoredBlock, 'id' | 'ranges'>, { identity }: TrackedShard): void {
  const isOwn = ranges.ranges.length > 0 && ranges.ranges.every((range) => sameShard(range, identity));
  if (!isOwn) throw new InvalidValueError(`${operator}: expected a block of ${identity.streamName}/${identity.shardId}, got ${id}`);
}

/** Reports an error of a call to a block store as an event of the shard, if there is one, before it is propagated. */
export function reportsFailure<T>(
  tracked: TrackedShard | undefined,
  action: BlockStoreFailedEvent['action'],
  blockId?: string,
): MonoTypeOperatorFunction<T> {
  return tap({
    error: (error: unknown) => tracked?.notify({ type: 'blockStoreFailed', action, ...(blockId !== undefined && { blockId }), error }),
  });
}

/**
 * Errors when a stop of one of the shards can wait no longer for a call that only cleans up: what it leaves takes space until the next start, and a
 * stop must not fail of that.
 */
export function cleansUp<T>(action: 'delete' | 'list', shards: readonly TrackedShard[]): MonoTypeOperatorFunction<T> {
  const late = (): never => {
    throw new BlockStoreError(`${action}: the block store was not done when the stop had to end`, { fault: 'timeout', retriable: true });
  };
  return takeUntil(merge(...shards.map(cleanUpOver)).pipe(map(late)));
}

function cleanUpOver(shard: TrackedShard): Observable<unknown> {
  return shard.changes$.pipe(
    startWith(undefined),
    filter(() => shard.unreleased.isCleanUpOver),
  );
}

/** The state of the shard. @throws InvalidConfigError for a shard that no source of this package has made. */
export function ownShardOf(shard: Shard): TrackedShard {
  const tracked = isObject(shard) ? trackedShardOf(shard) : undefined;
  if (!tracked) throw new InvalidConfigError('shard: expected one of kinesisStream or kinesisShard, and not a copy or a pipe of it');
  return tracked;
}
