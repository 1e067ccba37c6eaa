import type { RecordFields } from '../../values/record.js';
import type { HashKeyRange } from '../../values/shard-id.js';
import type { PortRecord } from '../port.js';
import type { AggregateConfig } from './config.js';
import { keptRecords } from './kept-records.js';
import { beginsLikeAggregate } from './open-aggregate.js';

/**
 * The user records of a record: those in it when it is a KPL aggregate, else the record itself.
 *
 * @remarks
 * The user records of an aggregate have the outer record's sequence number and arrival time, and their index in the aggregate as
 * sub-sequence number; records that are dropped leave the numbers of the others as they are. Their `data` are views of the aggregate's
 * bytes: whoever keeps one keeps the whole payload. An aggregate within an aggregate is not opened, one without records gives none.
 *
 * Never throws for what a record holds: what is no well-formed aggregate is a plain record, as for KCL, and `report` is told where it
 * begins like one. Where KCL throws or loses the rest of the aggregate (a key that is not in the table, an explicit hash key that is no
 * number), it is a plain record too.
 *
 * @param hashKeyRange - the hash keys of the record's shard; without them no partition key is outside. An explicit hash key that is below
 * 0 or above 2^128 - 1 always is.
 * @throws InvalidConfigError when `hashKeyRange` is not of decimal numbers.
 */
export function deaggregateRecord(record: PortRecord, hashKeyRange?: HashKeyRange, config: AggregateConfig = {}): readonly RecordFields[] {
  const { SequenceNumber: sequenceNumber, ApproximateArrivalTimestamp: approximateArrivalTimestamp, Data: data } = record;
  const users = beginsLikeAggregate(data) ? keptRecords(sequenceNumber, data, hashKeyRange, config) : undefined;
  if (!users) return [{ sequenceNumber, subSequenceNumber: 0, partitionKey: record.PartitionKey, data, approximateArrivalTimestamp }];
  return users.map(({ index, partitionKey, data, explicitHashKey }) => {
    const fields = { sequenceNumber, subSequenceNumber: index, partitionKey, data, approximateArrivalTimestamp };
    return explicitHashKey === undefined ? fields : { ...fields, explicitHashKey };
  });
}
