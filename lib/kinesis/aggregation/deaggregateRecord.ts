import type { RecordFields } from '../../values/record.js';
import type { HashKeyRange } from '../../values/shard-id.js';
import type { PortRecord } from '../port.js';
import type { AggregateConfig } from './config.js';
import { keptRecords } from './kept-records.js';
import { beginsLikeAggregate } from './open-aggregate.js';

/**
 * The user records of a record: those of a KPL aggregate, or else the record itself.
 *
 * @remarks
 * The user records of an aggregate have the outer record's sequence number and arrival time, and their index in the aggregate as
 * sub-sequence number; dropping some does not change the numbers of the others. Their `data` are views of the aggregate's bytes: whoever
 * keeps one keeps the whole payload. An aggregate within an aggregate is not opened; an aggregate without records gives no record.
 *
 * It never throws for the content of a record: a payload that is not a well-formed aggregate is a plain record, as in KCL; if it begins
 * like an aggregate, `report` is called. Where KCL throws or loses the rest of the aggregate (a key that is not in the table, an explicit
 * hash key that is not a number), it is a plain record too.
 *
 * @param hashKeyRange - the hash key range of the record's shard; without it no partition key is outside. An explicit hash key below 0 or
 * above 2^128 - 1 is always outside.
 * @throws InvalidConfigError when `hashKeyRange` is not two decimal numbers in order.
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
