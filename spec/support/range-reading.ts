import { catchError, concat, map, of, reduce, type Observable } from 'rxjs';
import type { KinesisPort } from '../../lib/kinesis/port.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import { kinesisRange, type KinesisRangeConfig } from '../../lib/sources/kinesisRange.js';
import { kinesisRanges, type KinesisRangesConfig } from '../../lib/sources/kinesisRanges.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { isRxKinesisError } from '../../lib/values/errors.js';
import type { SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { textOf } from './fast-reading.js';

/** A range by the numbers of its ends, such as `3` or `3.1`. */
export function range(from: string | number, to: string | number, recordCount?: number, shard = 0): SequenceNumberRange {
  const [fromSeqNumber, fromSub = '0'] = String(from).split('.') as [string, string?];
  const [toSeqNumber, toSub = '0'] = String(to).split('.') as [string, string?];
  return {
    streamName: 'stream',
    shardId: toShardId(shard),
    fromSeqNumber,
    toSeqNumber,
    fromSubSeqNumber: Number(fromSub),
    toSubSeqNumber: Number(toSub),
    recordCount: recordCount ?? Number(toSeqNumber) - Number(fromSeqNumber) + 1,
  };
}

/** No read budget. */
export const unbounded = () => readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity });

/** The payloads that `kinesisRanges` emits. */
export const ranges = (
  kinesis: KinesisPort,
  list: readonly SequenceNumberRange[],
  config: Partial<KinesisRangesConfig> = {},
): Observable<string> => kinesisRanges(list, { client: kinesis, budget: unbounded(), random: () => 0.5, ...config }).pipe(map(textOf));

/** The payloads that `kinesisRange` emits. */
export const single = (kinesis: KinesisPort, one: SequenceNumberRange, config: Partial<KinesisRangeConfig> = {}): Observable<string> =>
  kinesisRange(one, { client: kinesis, budget: unbounded(), random: () => 0.5, ...config }).pipe(map(textOf));

/** The error that a read ends with, and what it emitted before. */
export function failureOf(source$: Observable<string>, flush: () => void): { error: unknown; texts: string } {
  const result = { error: undefined as unknown, texts: '' };
  source$.subscribe({ next: (text) => (result.texts += text), error: (error: unknown) => (result.error = error) });
  flush();
  return result;
}

/** The values of a timeline, without their times. */
export const letters = (timeline: readonly string[]): string => timeline.map((line) => line.split(' ')[1]).join('');

/** The texts that a read emits, then ` complete` or a space and its error's code. */
export function withEnd(source$: Observable<string>): Observable<string> {
  const codeOf = (error: unknown): string => (isRxKinesisError(error) ? error.code : String(error));
  return concat(source$, of(' complete')).pipe(
    catchError((error: unknown) => of(` ${codeOf(error)}`)),
    reduce((texts, text) => texts + text, ''),
  );
}
