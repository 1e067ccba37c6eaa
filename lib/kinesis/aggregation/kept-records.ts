import type { HashKeyRange } from '../../values/shard-id.js';
import type { AggregateConfig } from './config.js';
import { openAggregate, type UserRecord } from './open-aggregate.js';

/**
 * The user records of the aggregate in `data` to emit; `undefined` when it cannot be opened, so that the record is a plain one. Calls
 * `report` for a malformed aggregate, and for one with user records out of range.
 */
export function keptRecords(
  sequenceNumber: string,
  data: Uint8Array,
  hashKeyRange: HashKeyRange | undefined,
  { outOfRange = 'drop-aggregate', report }: AggregateConfig,
): readonly UserRecord[] | undefined {
  const opened = openAggregate(data, hashKeyRange);
  const position = { sequenceNumber, subSequenceNumber: 0 };
  if (typeof opened === 'string') {
    report?.({ type: 'malformed', position, reason: opened });
    return undefined;
  }
  const inside = opened.every(isInRange) ? opened : opened.filter(isInRange);
  if (inside === opened) return opened;
  const kept = { 'drop-aggregate': [], 'drop-records': inside, keep: opened }[outOfRange];
  const { length: records } = opened;
  report?.({ type: 'out-of-range', position, records, outside: records - inside.length, dropped: records - kept.length });
  return kept;
}

function isInRange(record: UserRecord): boolean {
  return record.isInRange;
}
