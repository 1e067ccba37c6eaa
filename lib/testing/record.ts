import type { KinesisRecord } from '../values/record.js';

/**
 * Makes a record by hand, with a default for every field that is left out.
 *
 * @remarks Defaults: stream `stream`, shard `shardId-000000000000`, sequence number `1`, sub-sequence number 0, partition key `key`, no
 * data, no arrival time.
 *
 * @param sequenceNumber - the sequence number (a number becomes text), or all the fields at once.
 * @param fields - the other fields.
 *
 * @example
 * ```ts
 * import { record } from 'rx-kinesis/testing';
 *
 * record(7);
 * record('49590338271490256608559692538361571095921575989136588898', { partitionKey: 'LH 400' });
 * record({ sequenceNumber: '7', subSequenceNumber: 2 });
 * ```
 */
export function record(sequenceNumber: number | string | Partial<KinesisRecord> = {}, fields: Partial<KinesisRecord> = {}): KinesisRecord {
  const given = typeof sequenceNumber === 'object' ? sequenceNumber : { sequenceNumber: String(sequenceNumber) };
  return { ...defaultRecord(), ...given, ...fields };
}

function defaultRecord(): KinesisRecord {
  return {
    streamName: 'stream',
    shardId: 'shardId-000000000000',
    sequenceNumber: '1',
    subSequenceNumber: 0,
    partitionKey: 'key',
    data: new Uint8Array(),
  };
}
