import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import { assertRange } from '../values/assert-range.js';
import { InvalidValueError } from '../values/errors.js';
import { assertPosition, comparePositions, type Position } from '../values/position.js';
import { endOf, SequenceNumberRanges, type SequenceNumberRange } from '../values/sequence-range.js';
import type { ShardName } from '../values/shard-id.js';

/** The fields of a checkpoint that have no place in KCL's own attributes. */
type Progress = Pick<Checkpoint, 'settledBeyond' | 'unreleased'>;

/** A range of the row's own shard: first and last record, each with its sub-sequence number, and the count. */
type CompactRange = readonly [from: string, fromSub: number, to: string, toSub: number, count: number];

interface ProgressJson {
  readonly version: typeof VERSION;
  /** The checkpoint with which the text was written. */
  readonly at: readonly [sequenceNumber: string, subSequenceNumber: number];
  readonly settled?: readonly CompactRange[];
  readonly unreleased?: readonly (readonly CompactRange[])[];
}

const VERSION = 1;
/**
 * The most settled ranges in a row, each of some 130 bytes: every KiB of an item costs a write unit, and part of a read unit with
 * each scan. The records of further ranges are delivered again.
 */
const MAX_SETTLED_RANGES = 20;

/** Writes the settled ranges and unreleased blocks of a checkpoint as the row's text; `undefined` when there are none. */
export function writeProgress({ sequenceNumber, subSequenceNumber, settledBeyond = [], unreleased = [] }: Checkpoint): string | undefined {
  if (settledBeyond.length === 0 && unreleased.length === 0) return undefined;
  const json: ProgressJson = {
    version: VERSION,
    at: [sequenceNumber, subSequenceNumber],
    ...(settledBeyond.length > 0 && { settled: settledBeyond.slice(0, MAX_SETTLED_RANGES).map(compact) }),
    ...(unreleased.length > 0 && { unreleased: unreleased.map(({ ranges }) => ranges.map(compact)) }),
  };
  return JSON.stringify(json);
}

/**
 * Reads what {@link writeProgress} wrote into the row of a shard. A client that does not know the attribute may have moved the checkpoint
 * since.
 *
 * @remarks
 * Unreleased blocks up to the present checkpoint must still be processed; those beyond it will be stored again. Settled ranges count only
 * for the checkpoint with which they were written: whoever has moved the checkpoint may want their records again.
 *
 * @throws InvalidValueError that names the shard.
 */
export function readProgress(text: string | undefined, checkpoint: Position, shard: ShardName): Progress {
  if (text === undefined) return {};
  const where = `progress of ${shard.streamName}/${shard.shardId}`;
  const { at, settled = [], unreleased = [] } = parse(text, where);
  const [sequenceNumber, subSequenceNumber] = at;
  const written = { sequenceNumber, subSequenceNumber };
  assertPosition(written, where);
  const blocks = unreleased.map((ranges) => new SequenceNumberRanges(rangesOf(ranges, shard, where)));
  if (blocks.some((ranges) => ranges.isEmpty())) throw new InvalidValueError(`${where}: a block without ranges`);
  const due = blocks.filter(({ ranges }) => comparePositions(endOf(ranges.at(-1)!), checkpoint) <= 0);
  const settledBeyond = comparePositions(written, checkpoint) === 0 ? rangesOf(settled, shard, where) : [];
  return { ...(settledBeyond.length > 0 && { settledBeyond }), ...(due.length > 0 && { unreleased: due }) };
}

function compact({ fromSeqNumber, fromSubSeqNumber, toSeqNumber, toSubSeqNumber, recordCount }: SequenceNumberRange): CompactRange {
  return [fromSeqNumber, fromSubSeqNumber, toSeqNumber, toSubSeqNumber, recordCount];
}

function rangesOf(compacts: readonly CompactRange[], { streamName, shardId }: ShardName, where: string): SequenceNumberRange[] {
  if (!Array.isArray(compacts)) throw new InvalidValueError(`${where}: expected an array of ranges`);
  return compacts.map((values: unknown, i) => {
    if (!Array.isArray(values)) throw new InvalidValueError(`${where}: range ${i} is none`);
    const [fromSeqNumber, fromSubSeqNumber, toSeqNumber, toSubSeqNumber, recordCount] = values as unknown as CompactRange;
    const range = { streamName, shardId, fromSeqNumber, toSeqNumber, fromSubSeqNumber, toSubSeqNumber, recordCount };
    assertRange(range, `${where}, range ${i}`);
    return range;
  });
}

function parse(text: string, where: string): ProgressJson {
  let json: Partial<ProgressJson> | null = null;
  try {
    json = JSON.parse(text) as Partial<ProgressJson> | null;
  } catch {
    // The parser's message is left out: it quotes its input, which may be anything.
  }
  if (typeof json !== 'object' || json?.version !== VERSION || !Array.isArray(json.at) || !Array.isArray(json.unreleased ?? []))
    throw new InvalidValueError(`${where}: expected what this package writes, version ${VERSION}`);
  return json as ProgressJson;
}
