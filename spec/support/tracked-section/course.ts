import fc from 'fast-check';
import type { FakeRecord } from '../../../lib/testing/kinesis/fake-script.js';
import { PASSING, instantKinesis } from '../quick-shard.js';

/** Everything that is left to chance in one run of the tracked section. */
export interface Course {
  /** For each record: how long after the one before it arrives, and whether it is of the same aggregate. */
  readonly shards: ReadonlyArray<ReadonlyArray<{ readonly gapMs: number; readonly joined: boolean }>>;
  /** Whether the second shard is a child of the first. */
  readonly descends: boolean;
  readonly page: number;
  readonly idleDelayMs: number;
  readonly latencyMs: number;
  readonly maxRetries: number;
  readonly maxInFlightRecords: number;
  /** A filter ahead of the blocks drops every record whose number is a multiple of this. */
  readonly dropsEvery: number | undefined;
  readonly buffer: { readonly kind: 'count' | 'time'; readonly size: number };
  /** What lies between `withSequenceRanges` and `recoverFrom`, or ahead of both. */
  readonly upstreamMs: number;
  readonly concurrency: number;
  readonly workMs: readonly number[];
  readonly intervalMs: number;
  /** How long a write takes; `undefined` when it completes at once. */
  readonly writeMs: number | undefined;
  /** Reads that fail, each the first from that time on. */
  readonly failuresMs: readonly number[];
  /** Which values, counted from the first, throw in an operator above `recoverFrom`. */
  readonly throwing: readonly number[];
  /** Which writes fail. */
  readonly refusals: readonly number[];
  /** Where `recoverFrom` stands, in each shard's pipeline or below their merger; or what does its work instead. */
  readonly recovery: 'blocks' | 'records' | 'merged blocks' | 'merged records' | 'retry' | 'mergeShards';
  /** Whether the work and the checkpoints are behind `mergeShards`, and not in each shard's pipeline. */
  readonly isBehind: boolean;
  /** How each process but the last ends, so long after it began: at once, with late writes, or when it is drained. */
  readonly leaves: ReadonlyArray<{ readonly how: 'crash' | 'stop' | 'unsubscribe'; readonly afterMs: number }>;
  /** When another worker takes a shard, or asks for it and gets it, and how much later this one has it again; `undefined` for a store without leases. */
  readonly losses: readonly Loss[] | undefined;
  /** How blocks wait for their work in a store; absent when they do not. */
  readonly storage?: Storage;
}

/** That another worker gets a shard. */
export interface Loss {
  readonly shard: number;
  readonly atMs: number;
  readonly backMs: number;
  readonly isAsked: boolean;
}

/** A store of blocks, and what it does wrong. */
export interface Storage {
  /** Where `checkpointEvery` stands: directly behind `storeBlocks`, or at the end. */
  readonly place: 'stored' | 'done';
  /** Whether the blocks are still there after a process has ended. */
  readonly isDurable: boolean;
  /** How long a call takes. */
  readonly callMs: number;
  /** Which calls fail, and which are never answered, counted from the first. */
  readonly failing: readonly number[];
  readonly hanging: readonly number[];
  /** Which gets find nothing. */
  readonly losing: readonly number[];
  readonly maxLoadedBytes: number;
}

const record = fc.record({ gapMs: fc.nat({ max: 4 }), joined: fc.boolean() });

/** Any {@link Course}. */
export const anyCourse: fc.Arbitrary<Course> = fc.record({
  shards: fc.array(fc.array(record, { maxLength: 16 }), { minLength: 1, maxLength: 2 }),
  descends: fc.boolean(),
  page: fc.integer({ min: 1, max: 5 }),
  idleDelayMs: fc.integer({ min: 1, max: 4 }),
  latencyMs: fc.nat({ max: 2 }),
  maxRetries: fc.nat({ max: 1 }),
  maxInFlightRecords: fc.integer({ min: 1, max: 12 }),
  dropsEvery: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 2 }),
  buffer: fc.record({ kind: fc.constantFrom('count', 'time'), size: fc.integer({ min: 1, max: 6 }) }),
  upstreamMs: fc.nat({ max: 6 }),
  concurrency: fc.integer({ min: 1, max: 5 }),
  workMs: fc.array(fc.nat({ max: 25 }), { minLength: 1, maxLength: 8 }),
  intervalMs: fc.integer({ min: 1, max: 15 }),
  writeMs: fc.option(fc.nat({ max: 12 }), { nil: undefined }),
  failuresMs: fc.array(fc.nat({ max: 60 }), { maxLength: 5 }),
  throwing: fc.array(fc.nat({ max: 12 }), { maxLength: 2 }),
  refusals: fc.array(fc.nat({ max: 8 }), { maxLength: 3 }),
  recovery: fc.constantFrom('blocks', 'records', 'merged blocks', 'merged records', 'retry', 'mergeShards'),
  isBehind: fc.boolean(),
  leaves: fc.array(fc.record({ how: fc.constantFrom('crash', 'stop', 'unsubscribe'), afterMs: fc.integer({ min: 1, max: 60 }) }), {
    maxLength: 2,
  }),
  losses: fc.option(
    fc.array(
      fc.record({ shard: fc.nat({ max: 1 }), atMs: fc.nat({ max: 60 }), backMs: fc.integer({ min: 1, max: 20 }), isAsked: fc.boolean() }),
      {
        maxLength: 3,
      },
    ),
    { nil: undefined },
  ),
});

/** Any {@link Course} in which each shard's pipeline stores its blocks. */
export const anyStoredCourse: fc.Arbitrary<Course> = fc
  .record({
    course: anyCourse,
    recovery: fc.constantFrom('blocks', 'records', 'retry', 'mergeShards'),
    storage: fc.record({
      place: fc.constantFrom('stored', 'done'),
      isDurable: fc.boolean(),
      callMs: fc.nat({ max: 4 }),
      failing: fc.array(fc.nat({ max: 20 }), { maxLength: 4 }),
      hanging: fc.array(fc.nat({ max: 20 }), { maxLength: 1 }),
      losing: fc.array(fc.nat({ max: 10 }), { maxLength: 3 }),
      maxLoadedBytes: fc.integer({ min: 1, max: 6 }),
    }),
  })
  .map(({ course, recovery, storage }) => ({ ...course, recovery, storage, isBehind: false }));

/** Whether the shards of a course are read by a `kinesisStream`: else by a `kinesisShard` each, merged. */
export function isStream({ recovery }: Course): boolean {
  return !recovery.startsWith('merged');
}

/** Whether the work is behind the merger of the shards, so that it lasts beyond a shard's own pipeline. */
export function isWorkBehind(course: Course): boolean {
  return isStream(course) && course.isBehind;
}

/** Whether nothing can fail but above a `recoverFrom`, which repeats nothing that has passed it: a stored block is loaded below it. */
export function recovers({ recovery, storage }: Course): boolean {
  return !storage && (recovery.endsWith('blocks') || recovery.endsWith('records'));
}

/** Whether the filter lets a record pass. */
export function passes({ dropsEvery }: Course, { sequenceNumber }: { readonly sequenceNumber: string }): boolean {
  return dropsEvery === undefined || Math.floor(Number(sequenceNumber) / 10) % dropsEvery !== 0;
}

/** Whether the second shard is a child of the first: only a stream waits for the parent. */
export function hasChild(course: Course): boolean {
  return course.descends && course.shards.length > 1 && isStream(course);
}

/** The ids of the shards of a course. */
export function shardIdsOf({ shards }: Course): string[] {
  return shards.map((_, shard) => `shardId-00000000000${shard}`);
}

/** The stream of a course. */
export function kinesisOf(course: Course) {
  const { shards, latencyMs, failuresMs } = course;
  const faults = failuresMs.map((fromMs) => ({ method: 'getRecords', error: PASSING, fromMs }) as const);
  let closedAtMs = 0;
  const scripts = shards.map((records, shard) => {
    const isChild = shard === 1 && hasChild(course);
    let atMs = isChild ? closedAtMs : 0;
    // Those of a child are beyond its parent's.
    const firstNumber = (isChild ? 1_010 : 10) + shard;
    const scripted: FakeRecord[] = [];
    records.forEach(({ gapMs, joined }, i) => {
      const before = scripted.at(-1);
      if (joined && before) return void scripted.push({ ...before, subSequenceNumber: before.subSequenceNumber! + 1 });
      atMs += gapMs;
      scripted.push({ atMs, data: 'x', sequenceNumber: firstNumber + i * 10, subSequenceNumber: 0 });
    });
    closedAtMs = atMs + 3;
    return { records: scripted, closedAtMs, ...(isChild && { parents: [0] }) };
  });
  return instantKinesis({ shards: Object.fromEntries(scripts.map((script, i) => [i, script])), latencyMs, faults });
}
