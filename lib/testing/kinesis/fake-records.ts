import { InvalidConfigError } from '../../values/errors.js';
import type { KinesisRecord } from '../../values/record.js';
import { readMarbles } from './fake-marbles.js';
import type { FakeRecord, FakeShardScript } from './fake-script.js';

/** A record of a script before it has its number. */
export interface ScriptedRecord {
  readonly atMs: number;
  readonly fields: FakeRecord;
  /** Its letter in the marbles. */
  readonly letter?: string;
}

/** What a shard's script says of its records and its end. */
export interface ScriptedShard {
  readonly records: readonly ScriptedRecord[];
  readonly closedAtMs: number;
}

/** The letters that a script gives a meaning. */
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

/** The fields of a letter: those that the script gives it, over the letter itself as partition key and data. */
export function readLetter(letter: string, letters: Letters): FakeRecord {
  return { partitionKey: letter, data: letter, ...letters[letter] };
}

/** Gives the records of a stream their numbers: one more than the highest so far, where none is given. */
export class Numbering {
  private highest = 0n;

  /** Makes the record. `previous` is the one before it in its shard. */
  complete(
    fields: FakeRecord,
    place: Pick<KinesisRecord, 'approximateArrivalTimestamp' | 'shardId' | 'streamName'>,
    previous?: KinesisRecord,
  ): KinesisRecord {
    const { subSequenceNumber = 0, partitionKey = 'key', data = '' } = fields;
    const given = fields.sequenceNumber ?? (subSequenceNumber > 0 ? shared(place.shardId, previous) : undefined);
    const sequenceNumber = given === undefined ? String(++this.highest) : this.take(place.shardId, String(given));
    return {
      ...place,
      sequenceNumber,
      subSequenceNumber,
      partitionKey,
      data: typeof data === 'string' ? ENCODER.encode(data) : data,
    };
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

function shared(shardId: string, previous: KinesisRecord | undefined): string {
  if (previous) return previous.sequenceNumber;
  throw new InvalidConfigError(`${shardId}: the first record has a sub-sequence number above 0, so it needs a sequence number`);
}
