import { expect } from 'chai';
import {
  bufferCount,
  bufferTime,
  catchError,
  concatMap,
  defer,
  delay,
  EMPTY,
  filter,
  from,
  map,
  merge,
  mergeMap,
  mergeWith,
  of,
  retry,
  take,
  tap,
  throwError,
  timer,
  type Observable,
} from 'rxjs';
import { trackedShardOf } from '../../lib/tracking/tracked-shard.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { BlockUnavailableError } from '../../lib/blocks/errors.js';
import { isRangeExpired, isRecoveryTimeout, isShardReadError } from '../../lib/kinesis/errors.js';
import type { KinesisPort } from '../../lib/kinesis/port.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisRanges } from '../../lib/sources/kinesisRanges.js';
import type { KinesisShardConfig } from '../../lib/sources/kinesisShard.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import type { FakeFault } from '../../lib/testing/kinesis/fake-faults.js';
import { block as blockByHand, marbles, record } from '../../lib/testing/index.js';
import type { MarbleHelpers } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import type { SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { inLetters, instantKinesis, PASSING, quickReading, quickShard } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';

/** Reads of shard 0 that fail, each once: the first from each of these times on. */
const failAt = (...timesMs: readonly number[]): FakeFault[] =>
  timesMs.map((fromMs) => ({ method: 'getRecords', error: PASSING, shard: 0, fromMs }));

/** What `toBe` is to see: small letters as they are, capitals as recovered blocks. */
const letters = Object.fromEntries(
  [...'abcdefghijklm'].flatMap((letter) => [[letter, letter] as const, [letter.toUpperCase(), `${letter}'`] as const]),
);

/** One block a record. */
const single = <T>(source: Observable<T>): Observable<T[]> => source.pipe(map((value) => [value]));

/** Work that takes as long as `timesMs` says for the first record. */
const working = (timesMs: Readonly<Record<string, number>>) => (source: Observable<Block>) =>
  source.pipe(mergeMap((block) => of(block).pipe(delay(timesMs[inLetters(block)[0]!] ?? 0))));

/** The times and letters of what passes. */
function noting(scheduler: { now(): number }, seen: string[]) {
  return tap<Block>((block) => void seen.push(`${scheduler.now()} ${inLetters(block)}`));
}

describe('recoverFrom behind a shard', () => {
  it(
    'brings back, once, what bufferTime held when a read failed, and repeats nothing else',
    marbles(({ expectObservable, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: '-a--b--c-------d--e---|' }, faults: failAt(8) });
      const expected = '                             ---a--b-C--------d--e-|';
      const store = recordingStore();
      const events: KinesisEvent[] = [];
      const result = quickShard(kinesis, { store, events: { next: (event) => events.push(event) } }).pipe(
        bufferTime(3),
        withSequenceRanges(),
        recoverFrom(store),
        checkpointEvery(5),
      );
      expectObservable(result.pipe(map(inLetters))).toBe(expected, letters);
      flush();

      expect(store.kept).to.deep.equal(['5 1', '10 3', '20 4', '22 SHARD_END']);
      const [started, ended, ...others] = events.filter(({ type }) => type.startsWith('recover'));
      expect(started).to.have.nested.property('ranges[0].fromSeqNumber', kinesis.values.c!.sequenceNumber);
      expect(started).to.have.property('error').that.satisfies(isShardReadError);
      expect(ended).to.deep.equal({ type: 'recovered', ranges: 1, records: 1 });
      expect(others).to.deep.equal([]);
    }),
  );

  it(
    'begins at the watermark when it fails before the first block: that repeats nothing',
    marbles(({ expectObservable, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'ab-----c---|' }, faults: failAt(2) });
      const expected = '                             -----x--y--|';
      const store = recordingStore();
      const result = quickShard(kinesis, { store }).pipe(bufferTime(3), withSequenceRanges(), recoverFrom(store), checkpointEvery(5));
      expectObservable(result.pipe(map(inLetters))).toBe(expected, { x: 'ab', y: 'c' });
      flush();

      expect(store.kept).to.deep.equal(['10 3', '11 SHARD_END']);
    }),
  );

  it(
    'lets blocks finish out of order while it recovers, and no checkpoint passes what is unfinished',
    marbles(({ scheduler, flush }) => {
      // At 10 four blocks are at work, and i is in the buffer.
      const kinesis = instantKinesis({ shards: { 0: 'abcdefghi----jk--|' }, faults: failAt(10) });
      const timesMs = { a: 12, c: 4, e: 7, g: 4, i: 2, j: 1 };
      const store = recordingStore();
      const [delivered, finished]: string[][] = [[], []];
      const result = quickShard(kinesis, { store }).pipe(
        bufferCount(2),
        withSequenceRanges(),
        recoverFrom(store),
        noting(scheduler, delivered!),
        working(timesMs),
        noting(scheduler, finished!),
        checkpointEvery(1),
      );
      result.subscribe();
      flush();

      expect(delivered).to.deep.equal(['1 ab', '3 cd', '5 ef', '7 gh', "10 i'", '14 jk']);
      expect(finished).to.deep.equal(['7 cd', '11 gh', '12 ef', "12 i'", '13 ab', '15 jk']);
      expect(store.asked).to.deep.equal(['14 9', '16 11', '17 SHARD_END']);
    }),
  );

  it(
    'brings back blocks that were on their way to it: with the same ids, to settle in their place',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'a-bc-----d----|' }, faults: failAt(6) });
      const store = recordingStore();
      const ids: string[] = [];
      const delivered: string[] = [];
      const shard = quickShard(kinesis, { store });
      const result = shard.pipe(
        single,
        withSequenceRanges(),
        tap(({ id }) => ids.push(id)),
        delay(5),
        recoverFrom(store),
        tap(({ id }) => ids.push(`${id}!`)),
        noting(scheduler, delivered),
        working({ b: 9, c: 2, a: 1 }),
        checkpointEvery(1),
      );
      result.subscribe();
      flush();

      expect(delivered).to.deep.equal(['5 a', "6 b'", "6 c'", '14 d']);
      const [a, b, c] = ids;
      expect(ids.slice(3, 6)).to.deep.equal([`${a}!`, `${b}!`, `${c}!`]);
      // c is settled at 8, b before it at 15.
      expect(store.asked).to.deep.equal(['7 1', '15 SHARD_END']);
      expect(trackedShardOf(shard)?.ledger.outstandingRecords).to.equal(0);
    }),
  );

  it(
    'does not bring back a second time what came back and is still at work',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'a-bc-----d----|' }, faults: failAt(6, 7, 8, 11) });
      const store = recordingStore();
      const delivered: string[] = [];
      quickShard(kinesis, { store })
        .pipe(
          single,
          withSequenceRanges(),
          delay(5),
          recoverFrom(store),
          noting(scheduler, delivered),
          working({ b: 30, c: 30 }),
          checkpointEvery(10),
        )
        .subscribe();
      flush();

      expect(delivered).to.deep.equal(['5 a', "6 b'", "6 c'", "11 d'"]);
      expect(store.kept).to.deep.equal(['10 1', '36 SHARD_END']);
    }),
  );

  it(
    'recovers from a throwing operator of the user, which it does not run again for what is lost',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'a--b--c--d|' } });
      const store = recordingStore();
      const delivered: string[] = [];
      const poison = map(<T extends Parameters<typeof inLetters>[0]>(value: T): T => {
        if (inLetters(value) === 'c') throw new TypeError('of the user');
        return value;
      });
      quickShard(kinesis, { store })
        .pipe(poison, single, withSequenceRanges(), recoverFrom(store), noting(scheduler, delivered), checkpointEvery(5))
        .subscribe();
      flush();

      expect(delivered).to.deep.equal(['0 a', '3 b', "6 c'", '9 d']);
      expect(store.kept.at(-1)).to.equal('10 SHARD_END');
    }),
  );

  it(
    'recovers what was cut off in the middle of a page, in blocks of one page each',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({
        shards: { 0: { records: [...'abcdefg'].map((data) => ({ data })), closedAtMs: 4 } },
        maxRecordsPerPage: 7,
      });
      const store = recordingStore();
      const delivered: string[] = [];
      const thirdFails = map((block: Block, index: number): Block => {
        if (index === 2) throw new TypeError('of the user');
        return block;
      });
      const shard = quickShard(kinesis, { store });
      let attempts = 0;
      shard
        .pipe(
          tap({ subscribe: () => attempts++ }),
          single,
          withSequenceRanges(),
          thirdFails,
          recoverFrom(store),
          noting(scheduler, delivered),
          checkpointEvery(5),
        )
        .subscribe();
      flush();

      // c had become a block and comes back as that; d to g were on their way into one.
      expect(delivered).to.deep.equal(['0 a', '0 b', "0 c'", "0 defg'"]);
      expect(attempts).to.equal(2);
      expect(store.kept).to.deep.equal(['4 SHARD_END']);
    }),
  );

  it(
    'brings back records where records pass, ahead of bufferTime',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'ab--cde--f---|' }, faults: failAt(7) });
      const store = recordingStore();
      const delivered: string[] = [];
      const finished: string[] = [];
      quickShard(kinesis, { store })
        .pipe(
          delay(2),
          recoverFrom(store),
          tap((value) => delivered.push(`${scheduler.now()} ${inLetters(value)}`)),
          bufferTime(5),
          withSequenceRanges(),
          noting(scheduler, finished),
          checkpointEvery(5),
        )
        .subscribe();
      flush();

      // d and e were in the delay.
      expect(delivered).to.deep.equal(['2 a', '3 b', '6 c', '7 d', '7 e', '11 f']);
      expect(finished).to.deep.equal(['5 ab', '10 cde', '13 f']);
      expect(store.kept).to.deep.equal(['10 2', '13 SHARD_END']);
    }),
  );

  it(
    'recovers two shards that are merged above it, each from where it stands',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'a----c-e--g--|', 1: '-b----d-----h---|' }, faults: failAt(7) });
      const store = recordingStore();
      const delivered: string[] = [];
      merge(quickShard(kinesis, { store }), quickShard(kinesis, { store }, 1))
        .pipe(bufferTime(4), withSequenceRanges(), recoverFrom(store), noting(scheduler, delivered), checkpointEvery(10))
        .subscribe();
      flush();

      expect(delivered).to.deep.equal(['4 ab', "7 c'", "7 d'", '11 eg', '15 h']);
      expect(store.kept).to.deep.equal(['10 3', '10 4', '13 SHARD_END', '16 SHARD_END']);
    }),
  );

  it(
    'cuts what it reads again into blocks by page',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'a--(bcdef)-g--|' }, faults: failAt(5) });
      const store = recordingStore();
      const delivered: string[] = [];
      // From 5 ms on, pages have two records.
      const client: KinesisPort = {
        ...kinesis,
        getRecords: ({ Limit, ...request }) => kinesis.getRecords({ ...request, Limit: scheduler.now() < 5 ? Limit : 2 }),
      };
      quickShard(kinesis, { store, client })
        .pipe(bufferTime(3), withSequenceRanges(), recoverFrom(store), noting(scheduler, delivered))
        .subscribe();
      flush();

      expect(delivered).to.deep.equal(['3 a', "5 bc'", "5 de'", "5 f'", '14 g']);
    }),
  );

  it(
    'leaves out what the store says is done by now, by whomever',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: '-a--(bcd)---e--|' }, faults: failAt(5) });
      const store = memoryCheckpoints();
      const delivered: string[] = [];
      const shard = quickShard(kinesis, { store });
      const { sequenceNumber } = kinesis.values.c!;
      const checkpoint = { streamName: 'stream', shardId: shard.shardId, sequenceNumber, subSequenceNumber: 0 };
      scheduler.schedule(() => from(store.write(checkpoint, shard)).subscribe(), 5);
      shard.pipe(bufferTime(3), withSequenceRanges(), recoverFrom(store), noting(scheduler, delivered)).subscribe();
      flush();

      expect(delivered).to.deep.equal(['3 a', "5 d'", '14 e']);
    }),
  );

  describe('with an error that names a block', () => {
    /** Loads each block in 2 ms; the one that begins with `letter` is lost, once. */
    const loading = (letter: string) => {
      let isLost = true;
      return (source: Observable<Block>): Observable<Block> =>
        source.pipe(
          delay(2),
          map((block) => {
            if (!isLost || !inLetters(block).startsWith(letter)) return block;
            isLost = false;
            throw new BlockUnavailableError(block.ranges);
          }),
        );
    };

    it(
      'reads that block again, and what else had not passed',
      marbles(({ scheduler, flush }) => {
        const kinesis = instantKinesis({ shards: { 0: 'abcd-----e---|' } });
        const store = recordingStore();
        const delivered: string[] = [];
        quickShard(kinesis, { store })
          .pipe(
            single,
            withSequenceRanges(),
            loading('b'),
            recoverFrom(store),
            noting(scheduler, delivered),
            working({ a: 9 }),
            checkpointEvery(1),
          )
          .subscribe();
        flush();

        // At 3 a has passed, b is lost, and c is on its way.
        expect(delivered).to.deep.equal(['2 a', "3 b'", "3 c'", '5 d', '11 e']);
        expect(store.kept).to.deep.equal(['12 5', '13 SHARD_END']);
      }),
    );

    it(
      'reads it again although it had passed, and lets it settle in its place',
      marbles(({ scheduler, flush }) => {
        const kinesis = instantKinesis({ shards: { 0: 'ab-------c---|' } });
        const store = recordingStore();
        const delivered: string[] = [];
        const blocks: Block[] = [];
        const unavailable = timer(4).pipe(
          take(1),
          map((): never => {
            throw new BlockUnavailableError(blocks[0]!.ranges);
          }),
        );
        let attempts = 0;
        const failing = defer(() => (attempts++ === 0 ? unavailable : EMPTY));
        quickShard(kinesis, { store })
          .pipe(
            single,
            withSequenceRanges(),
            tap((block) => blocks.push(block)),
            mergeWith(failing),
            recoverFrom(store),
            noting(scheduler, delivered),
            filter((block) => inLetters(block) !== 'a'),
            checkpointEvery(1),
          )
          .subscribe();
        flush();

        expect(delivered).to.deep.equal(['0 a', '1 b', "4 a'", '9 c']);
        expect(store.kept).to.deep.equal(['5 2', '10 3', '13 SHARD_END']);
      }),
    );

    const [a, b] = [...'ab'].map((letter, i) => record(i + 1, { data: new TextEncoder().encode(letter) }));
    const foreign = blockByHand(a!, b!);
    /** Blocks of another process, the first of them lost once. */
    const failing = (): Observable<Block> => {
      const lost$ = throwError(() => new BlockUnavailableError(foreign.ranges));
      let attempts = 0;
      return defer(() => (attempts++ === 0 ? lost$ : of(blockByHand(3))));
    };

    it(
      'of another process reads it with the option read',
      marbles(({ scheduler, expectObservable }) => {
        const kinesis = instantKinesis({ shards: { 0: '(ab)' } });
        const { budget } = quickReading();
        const read = (ranges: readonly SequenceNumberRange[]) => kinesisRanges(ranges, { client: kinesis, budget, scheduler });
        const result = failing().pipe(recoverFrom(memoryCheckpoints(), { read }));
        const { id, ranges } = foreign;
        const again = { id, ranges, records: kinesis.records(0), recovered: true };
        expectObservable(result).toBe('(xc|)', { x: again, c: blockByHand(3) });
      }),
    );

    it(
      'of another process errs without that option',
      marbles(({ expectObservable }) => {
        const errors: unknown[] = [];
        const result = failing().pipe(
          recoverFrom(memoryCheckpoints()),
          tap({ error: (error: unknown) => errors.push(error) }),
          catchError(() => of(errors.some(isInvalidConfig))),
        );
        expectObservable(result).toBe('(x|)', { x: true });
      }),
    );
  });

  describe('when Kinesis no longer holds all of what is lost', () => {
    // At 7 a to d have passed, and e and f are in the buffer.
    const script = { shards: { 0: '(abcdef)------g--|' }, faults: failAt(7), trims: [{ shard: 0, atMs: 7, through: 'e' }] };

    const run = ({ scheduler, flush }: MarbleHelpers, fields: Partial<KinesisShardConfig>) => {
      const store = recordingStore();
      const delivered: string[] = [];
      const ends: unknown[] = [];
      quickShard(instantKinesis(script), { store, ...fields })
        .pipe(bufferCount(4), withSequenceRanges(), recoverFrom(store), noting(scheduler, delivered), checkpointEvery(5))
        .subscribe({ error: (error: unknown) => ends.push(error), complete: () => ends.push('complete') });
      flush();
      return { store, delivered, ends };
    };

    it(
      'errs at once under onGap: fail, naming what is missing; the checkpoint stays before it',
      marbles((helpers) => {
        const { store, delivered, ends } = run(helpers, {});
        expect(delivered).to.deep.equal(['0 abcd']);
        expect(ends).to.have.length(1);
        expect(ends[0]).to.satisfy(isRangeExpired);
        expect(ends[0]).to.have.nested.property('missing[0]').that.includes({ toSeqNumber: '6' });
        expect(store.kept).to.deep.equal(['5 4']);
      }),
    );

    it(
      'goes on with what is there under onGap: continue, and tells of the gap',
      marbles((helpers) => {
        const gaps: KinesisEvent[] = [];
        const events = { next: (event: KinesisEvent) => void (event.type === 'gap' && gaps.push(event)) };
        const { store, delivered, ends } = run(helpers, { onGap: 'continue', events });
        expect(delivered).to.deep.equal(['0 abcd', "7 f'", '17 g']);
        expect(ends).to.deep.equal(['complete']);
        expect(gaps).to.have.length(1);
        expect(store.kept).to.deep.equal(['5 4', '10 6', '17 SHARD_END']);
      }),
    );
  });

  describe('when reading again does not come forward', () => {
    const script = {
      shards: { 0: 'a--b--c---d--|' },
      faults: [...failAt(7), { method: 'getRecords', answer: 'never', fromMs: 7 } as const],
    };

    it(
      'counts that as a failure and tries again',
      marbles(({ scheduler, flush }) => {
        const store = recordingStore();
        const delivered: string[] = [];
        const errors: unknown[] = [];
        const events = { next: (event: KinesisEvent) => void (event.type === 'recoveryStarted' && errors.push(event.error)) };
        quickShard(instantKinesis(script), { store, events })
          .pipe(
            bufferTime(4),
            withSequenceRanges(),
            recoverFrom(store, { retryTimeoutMs: 20 }),
            noting(scheduler, delivered),
            checkpointEvery(5),
          )
          .subscribe();
        flush();

        expect(delivered).to.deep.equal(['4 ab', "27 c'", '27 d']);
        expect(errors.map((error) => (error as { code?: string }).code)).to.deep.equal(['SHARD_READ', 'RECOVERY_TIMEOUT']);
        // While c was missing nothing was written but what came before it.
        expect(store.asked).to.deep.equal(['5 2', '27 SHARD_END']);
      }),
    );

    it(
      'errs when that was one recovery too many',
      marbles(({ scheduler, flush }) => {
        const store = recordingStore();
        const errors: unknown[] = [];
        quickShard(instantKinesis(script), { store })
          .pipe(bufferTime(4), withSequenceRanges(), recoverFrom(store, { retryTimeoutMs: 20, maxRecoveries: 1 }))
          .subscribe({ error: (error: unknown) => errors.push(scheduler.now(), error) });
        flush();

        expect(errors[0]).to.equal(27);
        expect(errors[1]).to.satisfy(isRecoveryTimeout).and.to.include({ timeoutMs: 20, retriable: true });
      }),
    );

    it(
      'aborts it when unsubscribed',
      marbles(({ scheduler, flush }) => {
        const kinesis = instantKinesis(script);
        const store = recordingStore();
        const shard = quickShard(kinesis, { store });
        const subscription = shard.pipe(bufferTime(4), withSequenceRanges(), recoverFrom(store)).subscribe();
        scheduler.schedule(() => {
          expect(kinesis.inFlight).to.equal(1);
          subscription.unsubscribe();
          expect(kinesis.inFlight).to.equal(0);
          expect(kinesis.calls.at(-1)).to.include({ method: 'getRecords', aborted: true });
        }, 9);
        flush();

        expect(scheduler.frame).to.be.lessThan(28);
        expect(trackedShardOf(shard)?.resumes).to.equal(false);
      }),
    );

    it(
      'completes after it, when stop fires meanwhile',
      marbles(({ scheduler, hot, flush }) => {
        const store = recordingStore();
        const delivered: string[] = [];
        const ends: number[] = [];
        const stop = hot('----------s');
        quickShard(instantKinesis(script), { store, stop })
          .pipe(
            bufferTime(4),
            withSequenceRanges(),
            recoverFrom(store, { retryTimeoutMs: 20 }),
            noting(scheduler, delivered),
            checkpointEvery(5),
          )
          .subscribe({ complete: () => ends.push(scheduler.now()) });
        flush();

        expect(delivered).to.deep.equal(['4 ab', "27 c'"]);
        expect(ends).to.deep.equal([27]);
        expect(store.kept.at(-1)).to.equal('27 3');
      }),
    );
  });

  it(
    'lets an error that will not pass go on at once',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({
        shards: { 0: 'a--b--c--' },
        faults: [{ method: 'getRecords', error: 'AccessDeniedException', fromMs: 7 }],
      });
      const store = recordingStore();
      const errors: unknown[] = [];
      quickShard(kinesis, { store })
        .pipe(bufferTime(4), withSequenceRanges(), recoverFrom(store), checkpointEvery(50))
        .subscribe({ error: (error: unknown) => errors.push(scheduler.now(), error) });
      flush();

      expect(errors[0]).to.equal(7);
      expect(errors[1]).to.satisfy(isShardReadError).and.to.include({ retriable: false });
      expect(errors[1]).to.have.property('position').that.includes({ sequenceNumber: '3' });
      expect(store.kept).to.deep.equal(['7 2']);
    }),
  );

  it(
    'leaks no credit and keeps no piece: the reader goes on to the end, however often it fails',
    marbles(({ flush }) => {
      const kinesis = instantKinesis({
        shards: { 0: 'abcdefghijklmnopqrstuvwxyz|' },
        maxRecordsPerPage: 2,
        faults: failAt(...Array.from({ length: 20 }, (_, i) => 3 + i * 7)),
      });
      const store = recordingStore();
      const delivered: string[] = [];
      const shard = quickShard(kinesis, { store, maxInFlightRecords: 3, maxInFlightBytes: 3 });
      const { ledger } = trackedShardOf(shard)!;
      let most = 0;
      shard
        .pipe(
          tap(() => (most = Math.max(most, ledger.outstandingRecords))),
          bufferCount(2),
          withSequenceRanges(),
          delay(3),
          recoverFrom(store, { maxRecoveries: 100 }),
          tap(({ records }) => delivered.push(...records.map(inLetters))),
          mergeMap((block, index) => of(block).pipe(delay([5, 1, 9][index % 3]!))),
          checkpointEvery(10),
        )
        .subscribe();
      flush();

      expect(delivered.join('')).to.equal('abcdefghijklmnopqrstuvwxyz');
      expect(kinesis.callsOf('getRecords').filter(({ error }) => error === PASSING).length).to.be.at.least(5);
      // Never more than the limit and one page.
      expect(most).to.be.at.most(4);
      expect([ledger.outstandingRecords, ledger.outstandingBytes]).to.deep.equal([0, 0]);
      expect([ledger.unclaimedAfter(0), ledger.openEntries()]).to.deep.equal([[], []]);
      expect(store.kept.at(-1)).to.match(/SHARD_END$/);
    }),
  );
});

describe('without recoverFrom', () => {
  it(
    'retry begins at the watermark, and what died with the first subscription does not hold up the second',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'abc------d----|' }, faults: failAt(5) });
      const store = recordingStore();
      const finished: string[] = [];
      quickShard(kinesis, { store })
        .pipe(single, withSequenceRanges(), working({ a: 2, b: 9, c: 1, d: 1 }), noting(scheduler, finished), checkpointEvery(4), retry(1))
        .subscribe();
      flush();

      // b was at work when it failed: it and c, which was done, come again.
      expect(finished).to.deep.equal(['2 a', '3 c', '6 c', '10 d', '14 b']);
      expect(store.kept).to.deep.equal(['4 1 + 3..3 #1', '14 SHARD_END']);
    }),
  );

  it(
    'retry above the work repeats what is still at work; only the repetition settles',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'ab-------c----|' }, faults: failAt(3) });
      const store = recordingStore();
      const finished: string[] = [];
      let attempt = 0;
      quickShard(kinesis, { store })
        .pipe(
          single,
          withSequenceRanges(),
          retry({ delay: () => (attempt++, of(0)) }),
          mergeMap((block) => of(block).pipe(delay(attempt === 0 ? 5 : 7))),
          noting(scheduler, finished),
          checkpointEvery(1),
        )
        .subscribe();
      flush();

      expect(finished).to.deep.equal(['5 a', '6 b', '10 a', '10 b', '16 c']);
      expect(store.asked).to.deep.equal(['11 2', '16 SHARD_END']);
    }),
  );

  it(
    'mergeShards starts a shard whose work failed again at its watermark, and leaves the others alone',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'ab--c------d----|', 1: '-e--f-|' } });
      const store = recordingStore();
      const delivered: string[] = [];
      const finished: string[] = [];
      let isPoison = true;
      const work = (block: Block): Observable<Block> => {
        if (inLetters(block) !== 'c' || !isPoison) return of(block).pipe(delay(1));
        isPoison = false;
        return throwError(() => new TypeError('of the user'));
      };
      kinesisStream({ client: kinesis, store, discoveryIntervalMs: Infinity, ...quickReading() })
        .pipe(
          mergeShards(
            (shard) =>
              shard.pipe(
                single,
                withSequenceRanges(),
                noting(scheduler, delivered),
                concatMap(work),
                noting(scheduler, finished),
                checkpointEvery(2),
              ),
            { restart: { initialDelayMs: 4 }, random: () => 0.5 },
          ),
        )
        .subscribe();
      flush();

      expect(delivered).to.deep.equal(['0 a', '1 b', '1 e', '4 c', '4 f', '6 c', '11 d']);
      expect(finished).to.deep.equal(['1 a', '2 b', '2 e', '5 f', '7 c', '12 d']);
      expect(store.kept).to.deep.equal(['2 1', '4 2', '4 3', '6 5', '6 SHARD_END', '8 4', '14 6', '16 SHARD_END']);
    }),
  );

  it(
    'a new process begins at the checkpoint',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'abcd-----e---|' } });
      const store = recordingStore();
      const delivered: string[] = [];
      const start = () =>
        quickShard(kinesis, { store })
          .pipe(
            single,
            withSequenceRanges(),
            recoverFrom(store),
            noting(scheduler, delivered),
            working({ a: 1, b: 1, c: 20, d: 20 }),
            checkpointEvery(3),
          )
          .subscribe();
      const first = start();
      scheduler.schedule(() => {
        first.unsubscribe();
        start();
      }, 6);
      flush();

      expect(delivered).to.deep.equal(['0 a', '1 b', '2 c', '3 d', '6 c', '6 d', '9 e']);
      expect(store.kept).to.deep.equal(['3 2', '26 SHARD_END']);
    }),
  );
});
