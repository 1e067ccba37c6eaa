import type { FakeRecord } from '../../lib/testing/kinesis/fake-script.js';
import type { Position } from '../../lib/values/position.js';
import { sealed, text } from './hand-made-aggregate.js';

/** A plain record that holds its name. */
export function plain(name: string): FakeRecord {
  return { partitionKey: name, data: name };
}

/** The user records of an aggregate: each holds its name, such as `A.3`. */
export function aggregated(name: string, count: number): FakeRecord[] {
  return Array.from({ length: count }, (_, i) => ({ ...plain(`${name}.${i}`), subSequenceNumber: i }));
}

/** Records 1 to 9: p0 to p4, aggregate A of ten, p5, aggregate B of ten, p6. */
export const AGGREGATED_STREAM: readonly FakeRecord[] = [
  ...[0, 1, 2, 3, 4].map((i) => plain(`p${i}`)),
  ...aggregated('A', 10),
  plain('p5'),
  ...aggregated('B', 10),
  plain('p6'),
];

/** The payload of an aggregate with a partition key and no user record. */
export const EMPTY_AGGREGATE = sealed(text(1, 'key'));

/** The names of the user records, in order. */
export const NAMES: readonly string[] = AGGREGATED_STREAM.map(({ data }) => data as string);

/** The names from one to another, both included; to the last without a second. */
export function namesFrom(first: string, last = 'p6'): string[] {
  return NAMES.slice(NAMES.indexOf(first), NAMES.indexOf(last) + 1);
}

/** Where a user record of {@link AGGREGATED_STREAM} is. */
export function positionOf(name: string): Position {
  const index = NAMES.indexOf(name);
  const { subSequenceNumber = 0 } = AGGREGATED_STREAM[index]!;
  const before = AGGREGATED_STREAM.slice(0, index + 1).filter((record) => !record.subSequenceNumber).length;
  return { sequenceNumber: String(before), subSequenceNumber };
}
