import { expect } from 'chai';
import {
  asyncScheduler,
  bufferTime,
  concatMap,
  defer,
  map,
  merge,
  mergeMap,
  of,
  Subject,
  tap,
  throwError,
  timer,
  type Observable,
  type OperatorFunction,
} from 'rxjs';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { isCheckpointError } from '../../lib/checkpoints/errors.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { block } from '../../lib/testing/block.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { inLetters, instantKinesis, quickShard } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';
import { failAt } from '../support/recovering.js';

/** `c` is in the buffer when the read at 8 ms fails. */
const losingC = (times = 1) =>
  instantKinesis({ shards: { 0: '-a--b--c-------d--e---|' }, faults: failAt(...Array.from({ length: times }, (_, i) => 8 + i)) });

/** Is an error of the compiler unless both types are the same. */
const same = <A, B>(_: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false): void => undefined;

describe('recoverFrom and its types', () => {
  it('gives blocks with fields of their own back as plain blocks', () => {
    interface Named extends Block {
      readonly name: string;
    }
    const named = recoverFrom<Named>();
    same<typeof named, OperatorFunction<Named, Named | Block>>(true);
    const plain = recoverFrom<Block>();
    const blocks: OperatorFunction<Block, Block> = plain;
    const records: OperatorFunction<KinesisRecord, KinesisRecord> = recoverFrom<KinesisRecord>();
    expect([named, blocks, records].map((operator) => typeof operator)).to.deep.equal(['function', 'function', 'function']);
  });

  it(
    'gives back no field that was added above it, as its type says',
    marbles(({ flush }) => {
      const names: (string | undefined)[] = [];
      quickShard(losingC(), { events: 'silent' })
        .pipe(
          bufferTime(3),
          withSequenceRanges(),
          map((value) => ({ ...value, name: inLetters(value) })),
          recoverFrom(),
          // @ts-expect-error A block that comes back has no name.
          tap((value) => names.push(value.name as string | undefined)),
        )
        .subscribe();
      flush();
      expect(names).to.deep.equal(['a', 'b', undefined, 'd', 'e']);
    }),
  );
});

describe('recoverFrom and the store of the shard', () => {
  const stores: Readonly<
    Record<string, (own: CheckpointStore) => readonly [own: CheckpointStore | undefined, given: CheckpointStore | undefined]>
  > = {
    "takes the shard's own when none is given": (own) => [own, undefined],
    "takes the shard's own when it is given": (own) => [own, own],
    'does without one': () => [undefined, undefined],
  };
  for (const [name, choose] of Object.entries(stores)) {
    it(
      name,
      marbles(({ expectObservable }) => {
        const inner = memoryCheckpoints();
        const [own, given] = choose(inner);
        const result = quickShard(losingC(), { ...(own && { store: own }), events: 'silent' }).pipe(
          bufferTime(3),
          withSequenceRanges(),
          recoverFrom(given),
          map(inLetters),
        );
        const letters = { a: 'a', b: 'b', C: "c'", d: 'd', e: 'e' };
        expectObservable(result).toBe('---a--b-C--------d--e-|', letters);
      }),
    );
  }

  it(
    "asks the shard's own, without being given one, what is settled by now",
    marbles(({ flush }) => {
      // Another process has done c meanwhile.
      const inner = memoryCheckpoints();
      const reads: number[] = [];
      const store: CheckpointStore = { ...inner, read: (shard) => (reads.push(1), inner.read(shard)) };
      const kinesis = losingC();
      timer(7).subscribe(() => {
        const { sequenceNumber } = kinesis.values.c!;
        const checkpoint = { streamName: 'stream', shardId: 'shardId-000000000000', sequenceNumber, subSequenceNumber: 0 };
        (inner.write(checkpoint, { ...checkpoint, parentShardIds: [] }) as Observable<unknown>).subscribe();
      });
      const seen: string[] = [];
      quickShard(kinesis, { store, events: 'silent' })
        .pipe(bufferTime(3), withSequenceRanges(), recoverFrom())
        .subscribe((value) => seen.push(inLetters(value)));
      flush();
      expect(seen).to.deep.equal(['a', 'b', 'd', 'e']);
      expect(reads).to.have.length(2);
    }),
  );

  for (const own of [memoryCheckpoints(), undefined]) {
    it(
      `refuses another than the shard's${own ? '' : ', which has none'}, at the first value`,
      marbles(({ flush }) => {
        const seen: unknown[] = [];
        quickShard(losingC(), { store: own })
          .pipe(bufferTime(3), withSequenceRanges(), recoverFrom(memoryCheckpoints()))
          .subscribe({ next: (value) => seen.push(inLetters(value)), error: (error: unknown) => seen.push(error) });
        flush();
        expect(seen).to.have.length(1);
        expect(seen[0]).to.satisfy(isInvalidConfig);
        const place =
          /^stream\/shardId-000000000000: recoverFrom has another store than the shard's source(, which has none)?: give the store to/;
        expect((seen[0] as Error).message).to.match(place);
      }),
    );
  }

  for (const maxRetries of [0, 5]) {
    it(
      `loses no recovery while the store throttles for a second, and repeats nothing that is at work, with ${maxRetries} retries of a call`,
      marbles(({ flush, scheduler }) => {
        const inner = memoryCheckpoints();
        const throttled = Object.assign(new Error('slow'), { name: 'ProvisionedThroughputExceededException', $fault: 'client' });
        const isThrottled = (): boolean => scheduler.now() >= 410 && scheduler.now() < 1_410;
        const store: CheckpointStore = {
          ...inner,
          read: (shard) => defer(() => (isThrottled() ? throwError(() => throttled) : (inner.read(shard) as Observable<never>))),
        };
        const events: KinesisEvent[] = [];
        const seen: string[] = [];
        // b is in the buffer when the read and all its retries fail.
        const faults = failAt(...Array.from({ length: maxRetries + 1 }, (_, i) => 410 + i));
        quickShard(instantKinesis({ shards: { 0: '-a 398ms b 500ms c|' }, faults }), {
          ...{ store, random: () => 0.5, retry: { maxRetries, initialDelayMs: 10 } },
          events: { next: (event) => void events.push(event) },
        })
          .pipe(
            bufferTime(300),
            withSequenceRanges(),
            recoverFrom(store, { random: () => 0.5 }),
            mergeMap((value) => timer(2_000).pipe(map(() => value))),
            tap((value) => seen.push(inLetters(value))),
            checkpointEvery(5),
          )
          .subscribe({ error: (error: unknown) => seen.push(String(error)) });
        flush();
        expect(seen).to.deep.equal(['a', "b'", 'c']);
        const storeFaults = events.filter((event) => 'error' in event && isCheckpointError(event.error)).map(({ type }) => type);
        // What the store refuses is told as the store's, never as a fault of reading.
        expect(new Set(storeFaults)).to.deep.equal(new Set(maxRetries === 0 ? ['recoveryStarted'] : ['storeRetry', 'recoveryStarted']));
        expect(events.filter(({ type }) => type === 'recoveryStarted').length).to.be.within(2, 9);
      }),
    );
  }

  it(
    'begins the first recovery at once, and backs off before the next',
    marbles(({ flush, scheduler }) => {
      const timesMs: number[] = [];
      const failing$ = defer(() => (timesMs.push(scheduler.now()), throwError(() => new Error('always'))));
      const source$: Observable<Block> = failing$;
      source$
        .pipe(recoverFrom(undefined, { maxRecoveries: 5, maxDelayMs: 700, random: () => 0.999_999 }))
        .subscribe({ error: () => undefined });
      flush();
      // Full jitter under 200, 400, 700 and 700 ms.
      expect(timesMs).to.deep.equal([0, 0, 199, 598, 1_297, 1_996]);
    }),
  );

  it(
    'does not wait for the end of a back-off when the shard is to stop',
    marbles(({ flush, scheduler }) => {
      const stop$ = new Subject<void>();
      const ends: unknown[] = [];
      const kinesis = instantKinesis({ shards: { 0: 'a----b' }, faults: failAt(3, 4, 5, 6) });
      quickShard(kinesis, { store: recordingStore(), stop: stop$, events: 'silent' })
        .pipe(
          bufferTime(1),
          withSequenceRanges(),
          recoverFrom(undefined, { initialDelayMs: 60_000, maxDelayMs: 60_000, random: () => 0.9 }),
          checkpointEvery(5),
        )
        .subscribe({ complete: () => ends.push(scheduler.now()), error: (error: unknown) => ends.push(error) });
      timer(100).subscribe(() => stop$.next());
      flush();
      expect(ends).to.deep.equal([100]);
    }),
  );
});

describe('the events of recoverFrom', () => {
  it(
    'name the shard, and reach the sink of each that is recovered',
    marbles(({ flush }) => {
      const events: Readonly<Record<'a' | 'b', KinesisEvent[]>> = { a: [], b: [] };
      const kinesis = instantKinesis({ shards: { 0: 'a--c-----e--|', 1: 'b--d-----f--|' }, faults: failAt(7) });
      const shard = (number: number, told: KinesisEvent[]) =>
        quickShard(kinesis, { events: { next: (event) => void (event.type.startsWith('recover') && told.push(event)) } }, number);
      merge(shard(0, events.a), shard(1, events.b))
        .pipe(
          bufferTime(2),
          withSequenceRanges(),
          concatMap((value) => timer(3).pipe(map(() => value))),
          recoverFrom(),
        )
        .subscribe();
      flush();
      for (const [told, shardId] of [
        [events.a, 'shardId-000000000000'],
        [events.b, 'shardId-000000000001'],
      ] as const) {
        expect(told.map(({ type }) => type)).to.deep.equal(['recoveryStarted', 'recovered']);
        for (const event of told) expect(event).to.include({ streamName: 'stream', shardId });
        const [started, ended] = told as [Extract<KinesisEvent, { type: 'recoveryStarted' }>, Extract<KinesisEvent, { type: 'recovered' }>];
        expect(started.ranges.map((range) => range.shardId)).to.deep.equal([shardId]);
        expect(ended).to.include({ ranges: 1, records: 1 });
      }
    }),
  );

  it(
    'are none while nothing has passed, since no shard is known there: the error is told when the recoveries are used up',
    marbles(({ flush }) => {
      const told: string[] = [];
      const events = { next: (event: KinesisEvent) => void (/^(recover|shardR)/.test(event.type) && told.push(event.type)) };
      const shard = quickShard(instantKinesis({ shards: { 0: 'a--b--|' } }), { events });
      const failing = (): Block => {
        throw new TypeError('of the user');
      };
      const seconds = (): number => asyncScheduler.now() / 1_000;
      const restarted: number[] = [];
      of(shard)
        .pipe(
          mergeShards((records$) =>
            defer(() => {
              restarted.push(seconds());
              return records$.pipe(bufferTime(2), withSequenceRanges(), map(failing), recoverFrom());
            }),
          ),
        )
        .subscribe({ error: () => undefined });
      timer(60_000).subscribe(() => expect(told[0]).to.equal('shardRestarted'));
      flush();
      expect(restarted[1], 'seconds until the pipeline restarts').to.be.within(1, 60);
      expect(told).not.to.include('recoveryStarted');
    }),
  );

  it('reach nobody for blocks made by hand, whose shard is not of this process', () => {
    const seen: unknown[] = [];
    merge(
      [block(1)],
      throwError(() => new Error('once')),
    )
      .pipe(recoverFrom(undefined, { maxRecoveries: 0 }))
      .subscribe({ next: (value) => seen.push(value.id), error: () => seen.push('error') });
    expect(seen).to.deep.equal([block(1).id, 'error']);
  });
});
