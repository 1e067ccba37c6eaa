import { expect } from 'chai';
import { comparePositions } from '../../lib/index.js';
import type { TestStream } from '../support/test-stream.js';
import type { ReaderProcess } from './reader-process.js';

/** That the table said so at that time: all of the shard up to there was done. */
export interface StoredCheckpoint {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly at: number;
}

/** What became of the records of a stream. Each is named by its shard and sequence number, with the worker where that matters. */
export interface Account {
  readonly put: number;
  readonly read: number;
  /** No worker has read them. */
  readonly lost: readonly string[];
  /** Read more than once, by whomever. */
  readonly repeated: readonly string[];
  /** Read by a worker that began the shard when the table said already that the record was done. */
  readonly reread: readonly string[];
}

/** Who has read what of the stream. `noted` are checkpoints that the table was seen to have, besides those that the workers told. */
export function accountOf(stream: TestStream, readers: readonly ReaderProcess[], noted: readonly StoredCheckpoint[]): Account {
  const stored = [...readers.flatMap((reader) => reader.of('checkpoint')), ...noted];
  const times = new Map<string, number>();
  for (const { shardId, sequenceNumber } of readers.flatMap((reader) => reader.records)) {
    const name = `${shardId} ${sequenceNumber}`;
    times.set(name, (times.get(name) ?? 0) + 1);
  }
  const put = Object.entries(stream.sequenceNumbers()).flatMap(([shardId, numbers]) => numbers.map((number) => `${shardId} ${number}`));
  return {
    put: put.length,
    read: times.size,
    lost: put.filter((name) => !times.has(name)),
    repeated: [...times].filter(([, count]) => count > 1).map(([name]) => name),
    reread: readers.flatMap((reader) => rereadBy(reader, stored)),
  };
}

function rereadBy(reader: ReaderProcess, stored: readonly StoredCheckpoint[]): string[] {
  const reread: string[] = [];
  /** What the table said of each shard when this worker began it. */
  const done = new Map<string, string>();
  for (const { event, at, shardId, sequenceNumber } of reader.lines) {
    if (event === 'initialize') {
      const before = stored.filter((checkpoint) => checkpoint.shardId === shardId && checkpoint.at <= at);
      for (const checkpoint of before) done.set(shardId, later(done.get(shardId), checkpoint.sequenceNumber));
    }
    if (event === 'record' && done.has(shardId) && !isAfter(sequenceNumber, done.get(shardId)!)) {
      reread.push(`${shardId} ${sequenceNumber} by ${reader.name}`);
    }
  }
  return reread;
}

function later(a: string | undefined, b: string): string {
  return a === undefined || isAfter(b, a) ? b : a;
}

/** Whether one sequence number, or word of KCL's, is after another. */
export function isAfter(a: string, b: string): boolean {
  return comparePositions({ sequenceNumber: a, subSequenceNumber: 0 }, { sequenceNumber: b, subSequenceNumber: 0 }) > 0;
}

/** Expects that every record was read, and none by a worker that could know that it was done. */
export function expectNothingLost({ put, read, lost, reread }: Account): void {
  expect({ lost: some(lost), reread: some(reread) }, `of ${put} records ${read} were read`).to.deep.equal({ lost: none, reread: none });
}

/** Expects that every record was read exactly once. */
export function expectExactlyOnce(account: Account): void {
  expectNothingLost(account);
  expect(some(account.repeated), 'read more than once').to.deep.equal(none);
}

const none = { count: 0, first: [] };

/** A message with hundreds of sequence numbers helps nobody. */
function some(names: readonly string[]): { readonly count: number; readonly first: readonly string[] } {
  return { count: names.length, first: names.slice(0, 3) };
}
