import { assertRange } from '../values/assert-range.js';
import { InvalidValueError } from '../values/errors.js';
import { assertPosition, comparePositions, isSentinel, SHARD_END, type Position } from '../values/position.js';
import { endOf, positionToString, startOf, type SequenceNumberRange } from '../values/sequence-range.js';
import { sameShard, type ShardName } from '../values/shard-id.js';
import { shown } from '../values/shown.js';
import type { Checkpoint } from './checkpoint-store.js';
import { CheckpointError } from './errors.js';

/**
 * Throws unless a store may keep `checkpoint`: it must be of this shard, and at a record or at the shard's end.
 *
 * @remarks
 * `TRIM_HORIZON`, `LATEST` and `AT_TIMESTAMP` say where to begin and not how far the shard is done: as a checkpoint they
 * would mean another place after each restart.
 *
 * @throws InvalidValueError
 */
export function assertCheckpoint(checkpoint: Checkpoint, shard: ShardName): void {
  const where = `checkpoint of ${shard.streamName}/${shard.shardId}`;
  if (!sameShard(checkpoint, shard)) {
    throw new InvalidValueError(`${where}: got the checkpoint of ${shown(checkpoint.streamName)}/${shown(checkpoint.shardId)}`);
  }
  assertPosition(checkpoint, where);
  if (checkpoint.shardStart !== undefined)
    assertPosition({ sequenceNumber: checkpoint.shardStart, subSequenceNumber: 0 }, `${where}, start of the shard`);
  if (isStart(checkpoint)) {
    throw new InvalidValueError(`${where}: expected a sequence number or ${SHARD_END}, got ${checkpoint.sequenceNumber}`);
  }
}

/** The most settled ranges that a checkpoint names beyond its position; the records of further ones are delivered again. */
export const MAX_SETTLED_RANGES = 100;

/**
 * Throws unless `settledBeyond` is possible: at most {@link MAX_SETTLED_RANGES} ranges of this shard, after the position, in order and
 * without overlap.
 *
 * @throws InvalidValueError
 */
export function assertSettledBeyond({ settledBeyond = [], ...checkpoint }: Checkpoint, shard: ShardName): void {
  const where = `settled beyond the checkpoint of ${shard.streamName}/${shard.shardId}`;
  if (!Array.isArray(settledBeyond) || settledBeyond.length > MAX_SETTLED_RANGES)
    throw new InvalidValueError(`${where}: expected an array of at most ${MAX_SETTLED_RANGES} ranges, got ${shown(settledBeyond.length)}`);
  let before: Position = checkpoint;
  settledBeyond.forEach((range: SequenceNumberRange | null, i) => {
    if (!range || !sameShard(range, shard)) throw new InvalidValueError(`${where}: range ${i} is not of this shard`);
    const [start, end] = [startOf(range), endOf(range)];
    for (const position of [start, end]) assertPosition(position, `${where}, range ${i}`);
    const isOrdered = comparePositions(before, start) < 0 && comparePositions(start, end) <= 0 && !isSentinel(end.sequenceNumber);
    if (!isOrdered) throw new InvalidValueError(`${where}: range ${i} is out of order`);
    before = end;
  });
}

/**
 * Throws unless the blocks that `checkpoint` names as unreleased can be: each with ranges, all of this shard; and unless it says with a number
 * where its shard begins, if it does.
 *
 * @throws InvalidValueError
 */
export function assertUnreleased({ unreleased = [], shardStart }: Checkpoint, shard: ShardName): void {
  const shardName = `${shard.streamName}/${shard.shardId}`;
  const where = `unreleased blocks of ${shardName}`;
  if (shardStart !== undefined) assertPosition({ sequenceNumber: shardStart, subSequenceNumber: 0 }, `start of ${shardName}`);
  if (!Array.isArray(unreleased)) throw new InvalidValueError(`${where}: expected an array, got ${shown(unreleased)}`);
  unreleased.forEach((block: { readonly ranges?: unknown } | null, i) => {
    const ranges = block?.ranges;
    if (!Array.isArray(ranges) || ranges.length === 0) throw new InvalidValueError(`${where}: block ${i} has no ranges`);
    for (const range of ranges as unknown[]) {
      assertRange(range, `${where}, block ${i}`);
      if (!sameShard(range, shard)) throw new InvalidValueError(`${where}: block ${i} is not of this shard`);
    }
  });
}

/** Whether the position is one of the sentinels that say where to begin. */
export function isStart({ sequenceNumber }: Position): boolean {
  return isSentinel(sequenceNumber) && sequenceNumber !== SHARD_END;
}

/**
 * Throws when `next` lies before `stored`. The same position may be written again.
 *
 * @throws CheckpointError, not retriable.
 */
export function assertNotBackwards(stored: Position | undefined, next: Checkpoint): void {
  if (!stored || comparePositions(stored, next) <= 0) return;
  throw new CheckpointError(`a checkpoint must not go back: stored ${positionToString(stored)}, got ${positionToString(next)}`, {
    streamName: next.streamName,
    shardId: next.shardId,
    retriable: false,
  });
}
