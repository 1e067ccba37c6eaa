import { InvalidConfigError } from '../../values/errors.js';
import type { KinesisRecord } from '../../values/record.js';
import { readMarbles } from './fake-marbles.js';
import type { FakeRecord, FakeShardScript } from './fake-script.js';

/** A record of a script before it has its sequence number. */
export interface ScriptedRecord {
  readonly atMs: number;
  readonly fields: FakeRecord;
  /** Its letter in the marbles. */
  readonly letter?: string;
}

/** The records and the end in a shard's script. */
export interface ScriptedShard {
  readonly records: readonly ScriptedRecord[];
  readonly closedAtMs: number;
}

/** The letters for which a script gives fields. */
export type Letters = Readonly<Record<string, FakeRecord>>;

/** Reads the records of one shard. */
export function readRecords({ records = [], closedAtMs }: FakeShardScript, letters: Letters): ScriptedShard {
  if (typeof records === 'string') {
    const read = readMarbles(records);
    return {
      records: read.arrivals.map(({ letter, atMs }) => ({ atMs, letter, fields: readLetter(letter, letters) })),
      closedAtMs: closedAtMs ?? read.closedAtMs,
    };
  }
  let atMs = 0;
  const timed = records.map((fields) => ({ atMs: (atMs = fields.atMs ?? atMs), fields }));
  return { records: timed, closedAtMs: closedAtMs ?? Infinity };
}

/** The fields of a letter: the letter itself as partition key and data, replaced by the fields that the script gives. */
export function readLetter(letter: string, letters: Letters): FakeRecord {
  return { partitionKey: letter, data: letter, ...letters[letter] };
}

/** Gives the records of a stream their sequence numbers: one more than the highest so far, unless the script gives one. */
export class Numbering {
  private highest = 0n;

  /** Makes the record. `previous` is the one before it in its shard. */
  complete(
    fields: FakeRecord,
    place: Pick<KinesisRecord, 'approximateArrivalTimestamp' | 'shardId' | 'streamName'>,
    previous?: KinesisRecord,
  ): KinesisRecord {
    const { subSequenceNumber = 0, partitionKey = 'key', data = '' } = fields;
    const given = fields.sequenceNumber ?? (subSequenceNumber === 0 ? undefined : previous?.sequenceNumber);
    const sequenceNumber = given === undefined ? String(++this.highest) : this.take(place.shardId, String(given));
    const record = {
      ...place,
      sequenceNumber,
      subSequenceNumber,
      partitionKey,
      data: typeof data === 'string' ? ENCODER.encode(data) : data,
    };
    if (subSequenceNumber !== 0) assertJoins(record, previous);
    return record;
  }

  private take(shardId: string, given: string): string {
    if (!/^(?:0|[1-9]\d*)$/.test(given))
      throw new InvalidConfigError(`${shardId}: expected a decimal sequence number, got ${JSON.stringify(given)}`);
    const number = BigInt(given);
    if (number > this.highest) this.highest = number;
    return given;
  }
}

const ENCODER = new TextEncoder();

/** Throws unless the record continues the aggregate of the one before and arrives with it. */
function assertJoins(record: KinesisRecord, previous: KinesisRecord | undefined): void {
  const { shardId, sequenceNumber, subSequenceNumber } = record;
  const isNext = previous?.sequenceNumber === sequenceNumber && previous.subSequenceNumber === subSequenceNumber - 1;
  if (isNext && Number(previous.approximateArrivalTimestamp) === Number(record.approximateArrivalTimestamp)) return;
  throw new InvalidConfigError(
    `${shardId}: expected records that share a sequence number to have the sub-sequence numbers 0, 1, 2, … and to arrive together, ` +
      `got ${subSequenceNumber} of ${sequenceNumber} ${isNext ? 'later than' : 'without'} the one before`,
  );
}
