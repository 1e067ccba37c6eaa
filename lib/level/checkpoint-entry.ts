import { assertCheckpoint, assertSettledBeyond } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import { InvalidValueError, isRxKinesisError } from '../values/errors.js';
import { wholeRangesFromJson } from '../values/ranges-json.js';
import { SequenceNumberRanges, type SequenceNumberRangesJson } from '../values/sequence-range.js';
import { sameShard, shardKey, type ShardName } from '../values/shard-id.js';
import { shown } from '../values/shown.js';

/** The entry under a shard's key, as JSON. */
interface CheckpointEntry {
  /** The schema's version. A reader refuses one that it does not know. */
  readonly version: typeof PLAIN_VERSION | typeof UNRELEASED_VERSION;
  readonly streamName: string;
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  /** Absent when no range is settled beyond the position. */
  readonly settledBeyond?: SequenceNumberRangesJson;
  /** Absent when no block before the position is stored and not released. */
  readonly unreleased?: readonly SequenceNumberRangesJson[];
  /** The sequence number at which the shard begins; absent where it was not known. */
  readonly shardStart?: string;
}

const PLAIN_VERSION = 1;
/** A reader that does not know unreleased blocks must refuse an entry with some: it would lose them. */
const UNRELEASED_VERSION = 2;

/** The key of a shard's entry. The prefix separates it from the other entries of the database. */
export function entryKey(shard: ShardName): string {
  return `rx-kinesis/checkpoint/${shardKey(shard)}`;
}

/** Writes an entry as text. */
export function writeEntry(checkpoint: Checkpoint): string {
  const { streamName, shardId, sequenceNumber, subSequenceNumber, shardStart, settledBeyond = [], unreleased = [] } = checkpoint;
  const entry: CheckpointEntry = {
    version: unreleased.length > 0 ? UNRELEASED_VERSION : PLAIN_VERSION,
    ...{ streamName, shardId, sequenceNumber, subSequenceNumber, shardStart },
    ...(settledBeyond.length > 0 && { settledBeyond: new SequenceNumberRanges(settledBeyond).toJSON() }),
    ...(unreleased.length > 0 && { unreleased: unreleased.map((ranges) => ranges.toJSON()) }),
  };
  return JSON.stringify(entry);
}

/**
 * Reads what {@link writeEntry} wrote.
 *
 * @throws InvalidValueError that names the shard and the key, when the text is anything else.
 */
export function readEntry(text: unknown, shard: ShardName): Checkpoint {
  try {
    return checkpointOf(parse(text), shard);
  } catch (cause) {
    const reason = isRxKinesisError(cause) ? cause.message : 'not readable';
    throw new InvalidValueError(`${shard.streamName}/${shard.shardId}: malformed entry under the key "${entryKey(shard)}": ${reason}`, {
      cause,
    });
  }
}

function checkpointOf(entry: Partial<CheckpointEntry>, shard: ShardName): Checkpoint {
  if (entry.version !== PLAIN_VERSION && entry.version !== UNRELEASED_VERSION) {
    throw new InvalidValueError(`expected version ${PLAIN_VERSION} or ${UNRELEASED_VERSION}, got ${shown(entry.version)}`);
  }
  const { streamName, shardId, sequenceNumber, subSequenceNumber, settledBeyond, unreleased, shardStart } = entry as CheckpointEntry;
  const checkpoint: Checkpoint = {
    streamName,
    shardId,
    sequenceNumber,
    subSequenceNumber,
    ...(shardStart !== undefined && { shardStart }),
  };
  assertCheckpoint(checkpoint, shard);
  const whole = {
    ...checkpoint,
    ...(settledBeyond !== undefined && { settledBeyond: rangesOf(settledBeyond, shard).ranges }),
    ...(unreleased !== undefined && { unreleased: blocksOf(unreleased, shard) }),
  };
  assertSettledBeyond(whole, shard);
  return whole;
}

function blocksOf(json: unknown, shard: ShardName): SequenceNumberRanges[] {
  if (!Array.isArray(json)) throw new InvalidValueError('expected unreleased to be an array');
  const blocks = json.map((ranges) => rangesOf(ranges, shard));
  if (blocks.some((ranges) => ranges.isEmpty())) throw new InvalidValueError('unreleased holds a block without ranges');
  return blocks;
}

function rangesOf(json: unknown, shard: ShardName): SequenceNumberRanges {
  const ranges = wholeRangesFromJson(json);
  const foreign = ranges.ranges.find((range) => !sameShard(range, { ...range, ...shard }));
  if (foreign) throw new InvalidValueError(`the entry holds a range of ${shown(foreign.streamName)}/${shown(foreign.shardId)}`);
  return ranges;
}

function parse(text: unknown): Partial<CheckpointEntry> {
  const value = typeof text === 'string' ? parseJson(text) : undefined;
  if (typeof value !== 'object' || value === null) throw new InvalidValueError('expected a JSON object');
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message is left out: it quotes its input, which may be anything.
    return undefined;
  }
}
