import type { SequenceNumberRange } from '../../lib/values/sequence-range.js';

/** A place in short: `7`, or `7.2` for the user record 2 of an aggregate. */
export type Place = number | string;

/** A range of `stream` and its first shard, unless `fields` say otherwise: `rangeOf('7', '9.2', 4)`. */
export function rangeOf(from: Place, to: Place, recordCount: number, fields: Partial<SequenceNumberRange> = {}): SequenceNumberRange {
  const [fromSeqNumber = '', fromSub = '0'] = String(from).split('.');
  const [toSeqNumber = '', toSub = '0'] = String(to).split('.');
  return {
    streamName: 'stream',
    shardId: 'shardId-000000000000',
    fromSeqNumber,
    toSeqNumber,
    fromSubSeqNumber: Number(fromSub),
    toSubSeqNumber: Number(toSub),
    recordCount,
    ...fields,
  };
}
