import { expect } from 'chai';
import { bufferCount, bufferTime, delay, from, map, merge, mergeMap, of, tap } from 'rxjs';
import { trackedShardOf } from '../../lib/tracking/tracked-shard.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { isShardReadError } from '../../lib/kinesis/errors.js';
import type { KinesisPort } from '../../lib/kinesis/port.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { marbles } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { inLetters, instantKinesis, PASSING, quickShard } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';
import { failAt, noting, recovering, single } from '../support/recovering.js';

/** What `toBe` is to see: small letters as they are, capitals as recovered blocks. */
const letters = Object.fromEntries(
  [...'abcdefghijklm'].flatMap((letter) => [[letter, letter] as const, [letter.toUpperCase(), `${letter}'`] as const]),
);

describe('recoverFrom behind a shard, when records are lost on their way into a block', () => {
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
      const shard = { streamName: 'stream', shardId: 'shardId-000000000000' };
      expect(ended).to.deep.equal({ at: 8, type: 'recovered', ...shard, ranges: 1, records: 1 });
      expect(others).to.deep.equal([]);
    }),
  );

  it(
    'begins at the watermark when it fails before the first block: that repeats nothing',
    marbles((helpers) => {
      const { store, delivered } = recovering(helpers, {
        script: { shards: { 0: 'ab-----c---|' }, faults: failAt(2) },
        toBlocks: (records$) => records$.pipe(bufferTime(3), withSequenceRanges()),
        intervalMs: 5,
      });
      helpers.flush();

      expect(delivered).to.deep.equal(['5 ab', '8 c']);
      expect(store.kept).to.deep.equal(['10 3', '11 SHARD_END']);
    }),
  );

  it(
    'recovers what was cut off in the middle of a page, in blocks of one page each',
    marbles((helpers) => {
      const thirdFails = map((block: Block, index: number): Block => {
        if (index === 2) throw new TypeError('of the user');
        return block;
      });
      let attempts = 0;
      const { store, delivered } = recovering(helpers, {
        script: { shards: { 0: { records: [...'abcdefg'].map((data) => ({ data })), closedAtMs: 4 } }, maxRecordsPerPage: 7 },
        toBlocks: (records$) => single(records$.pipe(tap({ subscribe: () => attempts++ }))).pipe(thirdFails),
        intervalMs: 5,
      });
      helpers.flush();

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
          noting(scheduler, delivered),
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
