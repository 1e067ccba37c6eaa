import { delay, map, mergeMap, of, tap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { recoverFrom, type RecoverFromConfig } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { Shard } from '../../lib/shards/shard.js';
import type { KinesisShardConfig } from '../../lib/sources/kinesisShard.js';
import type { FakeFault } from '../../lib/testing/kinesis/fake-faults.js';
import type { FakeScript } from '../../lib/testing/kinesis/fake-script.js';
import type { FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import type { MarbleHelpers } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { inLetters, instantKinesis, PASSING, quickShard } from './quick-shard.js';
import { recordingStore, type RecordingStore } from './recording-store.js';

/** Reads of shard 0 that fail, each once: the first from each of these times on. */
export function failAt(...timesMs: readonly number[]): FakeFault[] {
  return timesMs.map((fromMs) => ({ method: 'getRecords', error: PASSING, shard: 0, fromMs }));
}

/** One block a record. */
export function single(records$: Observable<KinesisRecord>): Observable<Block> {
  return records$.pipe(
    map((record) => [record]),
    withSequenceRanges(),
  );
}

/** Work that takes as long as `timesMs` says for the first record of a block. */
export function working(timesMs: Readonly<Record<string, number>>): MonoTypeOperatorFunction<Block> {
  return mergeMap((block) => of(block).pipe(delay(timesMs[inLetters(block)[0]!] ?? 0)));
}

/** Notes the times and letters of what passes, such as `5 ab`, and `7 c'` for a recovered block. */
export function noting<T extends Block | KinesisRecord>(scheduler: { now(): number }, seen: string[]): MonoTypeOperatorFunction<T> {
  return tap((value) => void seen.push(`${scheduler.now()} ${inLetters(value)}`));
}

/** How shard 0 of a fake is read, and recovered. */
export interface RecoveringConfig {
  readonly script: FakeScript;
  readonly shard?: Partial<KinesisShardConfig>;
  /** From records to blocks, ahead of `recoverFrom`. */
  readonly toBlocks: (records$: Observable<KinesisRecord>) => Observable<Block>;
  readonly recovery?: RecoverFromConfig;
  /** The work. @defaultValue none: a block is done when it comes */
  readonly work?: MonoTypeOperatorFunction<Block>;
  readonly intervalMs: number;
}

/** What {@link recovering} has seen; filled while virtual time goes on. */
export interface Recovering {
  readonly kinesis: FakeKinesis;
  readonly store: RecordingStore;
  readonly shard: Shard;
  /** What `recoverFrom` emitted. */
  readonly delivered: string[];
  /** What the work has finished. */
  readonly finished: string[];
  /** How it ended: `complete` or the error, with the time before it. */
  readonly ends: unknown[];
}

/** Runs `toBlocks`, `recoverFrom`, work and `checkpointEvery` behind shard 0 of a fake. */
export function recovering({ scheduler }: MarbleHelpers, config: RecoveringConfig): Recovering {
  const { script, shard: fields, toBlocks, recovery, work = (blocks$) => blocks$, intervalMs } = config;
  const kinesis = instantKinesis(script);
  const store = recordingStore();
  const shard = quickShard(kinesis, { store, ...fields });
  const [delivered, finished]: [string[], string[]] = [[], []];
  const ends: unknown[] = [];
  const note = (end: unknown): void => void ends.push(scheduler.now(), end);
  toBlocks(shard)
    .pipe(
      recoverFrom(store, { initialDelayMs: 0, ...recovery }),
      noting(scheduler, delivered),
      work,
      noting(scheduler, finished),
      checkpointEvery(intervalMs),
    )
    .subscribe({ error: note, complete: () => note('complete') });
  return { kinesis, store, shard, delivered, finished, ends };
}
