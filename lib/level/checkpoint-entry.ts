import { assertCheckpoint, assertSettledBeyond } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import { InvalidValueError, isRxKinesisError } from '../values/errors.js';
import { sameShard, SequenceNumberRanges, type SequenceNumberRangesJson } from '../values/sequence-range.js';
import { shardKey, type ShardName } from '../values/shard-id.js';
import { shown } from '../values/shown.js';

/** What stands under a shard's key, as JSON. */
interface CheckpointEntry {
  /** The schema's version. A reader refuses one that it does not know. */
  readonly version: typeof ENTRY_VERSION;
  readonly streamName: string;
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  /** Absent when nothing is settled beyond the position. */
  readonly settledBeyond?: SequenceNumberRangesJson;
  /** Where the shard begins; absent where that was not known. */
  readonly shardStart?: string;
}

const ENTRY_VERSION = 1;

/** The key of a shard's entry. The prefix keeps it apart from what else the database holds. */
export function entryKey(shard: ShardName): string {
  return `rx-kinesis/checkpoint/${shardKey(shard)}`;
}

/** The entry's text. */
export function writeEntry({ streamName, shardId, sequenceNumber, subSequenceNumber, settledBeyond, shardStart }: Checkpoint): string {
  const entry: CheckpointEntry = { version: ENTRY_VERSION, streamName, shardId, sequenceNumber, subSequenceNumber, shardStart };
  if (!settledBeyond?.length) return JSON.stringify(entry);
  return JSON.stringify({ ...entry, settledBeyond: new SequenceNumberRanges(settledBeyond).toJSON() });
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
  if (entry.version !== ENTRY_VERSION) throw new InvalidValueError(`expected version ${ENTRY_VERSION}, got ${shown(entry.version)}`);
  const { streamName, shardId, sequenceNumber, subSequenceNumber, settledBeyond, shardStart } = entry as CheckpointEntry;
  const checkpoint: Checkpoint = {
    streamName,
    shardId,
    sequenceNumber,
    subSequenceNumber,
    ...(shardStart !== undefined && { shardStart }),
  };
  assertCheckpoint(checkpoint, shard);
  if (settledBeyond === undefined) return checkpoint;
  const whole = { ...checkpoint, settledBeyond: rangesOf(settledBeyond, shard) };
  assertSettledBeyond(whole, shard);
  return whole;
}

function rangesOf(json: unknown, shard: ShardName): SequenceNumberRanges['ranges'] {
  const { ranges } = SequenceNumberRanges.fromJSON(json);
  const foreign = ranges.find((range) => !sameShard(range, { ...range, ...shard }));
  if (foreign) throw new InvalidValueError(`settledBeyond holds a range of ${shown(foreign.streamName)}/${shown(foreign.shardId)}`);
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
    // The parser's own message quotes its input, which may be anything: it is left out.
    return undefined;
  }
}
