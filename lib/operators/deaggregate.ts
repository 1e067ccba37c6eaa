import { defer, EMPTY, mergeMap, type OperatorFunction } from 'rxjs';
import { assertFunction, assertKnownFields } from '../internal/validate.js';
import { OUT_OF_RANGE_POLICIES, type AggregateConfig } from '../kinesis/aggregation/config.js';
import { hashKeyLimits } from '../kinesis/aggregation/hash-keys.js';
import { keptRecords } from '../kinesis/aggregation/kept-records.js';
import { beginsLikeAggregate } from '../kinesis/aggregation/open-aggregate.js';
import { misplaced } from '../tracking/misplaced.js';
import { InvalidConfigError } from '../values/errors.js';
import type { KinesisRecord } from '../values/record.js';
import type { HashKeyRange } from '../values/shard-id.js';
import { shown } from '../values/shown.js';

/** How {@link deaggregate} opens aggregates. */
export interface DeaggregateConfig extends AggregateConfig {
  /**
   * The hash key range of the shard that the records come from; for user records outside it, see `outOfRange`.
   * @defaultValue the whole key space, in which every partition key lies
   */
  readonly hashKeyRange?: HashKeyRange | undefined;
}

/**
 * Opens the aggregates of the Kinesis Producer Library into their user records. It is for records that do not come from this package's
 * sources (which open aggregates themselves), for example from Lambda events or from Firehose.
 *
 * @remarks
 * Emits the user records of an aggregate at once and in order, with the stream, shard, sequence number and arrival time of the outer
 * record, and with their index in it as sub-sequence number. Emits any other record unchanged. Keeps the order: records that arrive while
 * the records of an aggregate are being emitted wait. Has no timer and makes no request. The `data` of user records are views of the
 * aggregate's.
 *
 * With a `hashKeyRange` it drops an aggregate with user records outside that range, as KCL does, or does what `outOfRange` says; without
 * one, only an explicit hash key below 0 or above 2^128 - 1 is outside. It loses nothing else: a record that begins like an aggregate but
 * cannot be opened is emitted unchanged. It calls `report` in both cases.
 *
 * User records are new objects: do not put it between a source of this package and `withSequenceRanges`, which would no longer
 * recognise them.
 *
 * Errors: those of the source, and those that `report` throws; `InvalidConfigError` for what is no record with bytes as `data`.
 *
 * @throws InvalidConfigError when called with a config that cannot work.
 *
 * @example
 * ```ts
 * const fromLambda = (event: KinesisLambdaEvent): KinesisRecord[] =>
 *   event.Records.map(({ kinesis: { sequenceNumber, partitionKey, data } }) => ({
 *     streamName: 'flights',
 *     shardId: 'shardId-000000000000',
 *     sequenceNumber,
 *     subSequenceNumber: 0,
 *     partitionKey,
 *     data: Uint8Array.from(atob(data), (char) => char.charCodeAt(0)),
 *   }));
 * interface KinesisLambdaEvent {
 *   Records: { kinesis: { sequenceNumber: string; partitionKey: string; data: string } }[];
 * }
 *
 * const handler = (event: KinesisLambdaEvent) => lastValueFrom(from(fromLambda(event)).pipe(deaggregate(), toArray()));
 * ```
 */
export function deaggregate(config: DeaggregateConfig = {}): OperatorFunction<KinesisRecord, KinesisRecord> {
  assertConfig(config);
  return (source) =>
    defer(() => {
      let waiting: KinesisRecord[] = [];
      let isEmitting = false;

      const emitWaiting = function* (): Generator<KinesisRecord, void> {
        isEmitting = true;
        while (waiting.length > 0) {
          const batch = waiting;
          waiting = [];
          for (const record of batch) yield* userRecordsOf(record, config);
        }
        isEmitting = false;
      };

      return source.pipe(
        mergeMap((record) => {
          waiting.push(asRecord(record));
          return isEmitting ? EMPTY : emitWaiting();
        }),
      );
    });
}

function asRecord(value: KinesisRecord): KinesisRecord {
  if (ArrayBuffer.isView((value as Partial<KinesisRecord> | null | undefined)?.data)) return value;
  const advice = 'give it one KinesisRecord at a time, with the decoded bytes as data';
  throw misplaced('deaggregate: expected a record whose data is a Uint8Array', value, advice);
}

function userRecordsOf(record: KinesisRecord, { hashKeyRange, ...config }: DeaggregateConfig): readonly KinesisRecord[] {
  const users = beginsLikeAggregate(record.data) ? keptRecords(record.sequenceNumber, record.data, hashKeyRange, config) : undefined;
  if (!users) return [record];
  return users.map(({ index, partitionKey, data, explicitHashKey }) => {
    const user = { ...record, subSequenceNumber: index, partitionKey, data };
    return explicitHashKey === undefined ? user : { ...user, explicitHashKey };
  });
}

function assertConfig(config: DeaggregateConfig): void {
  assertKnownFields(config, { hashKeyRange: true, outOfRange: true, report: true });
  const { hashKeyRange, outOfRange, report } = config;
  if (hashKeyRange !== undefined) hashKeyLimits(hashKeyRange);
  if (outOfRange !== undefined && !OUT_OF_RANGE_POLICIES.includes(outOfRange))
    throw new InvalidConfigError(`outOfRange: expected one of ${OUT_OF_RANGE_POLICIES.join(', ')}, got ${shown(outOfRange)}`);
  if (report !== undefined) assertFunction('report', report);
}
