import { expect } from 'chai';
import {
  bufferCount,
  catchError,
  defer,
  delay,
  EMPTY,
  filter,
  map,
  mergeWith,
  of,
  take,
  tap,
  throwError,
  timer,
  type Observable,
} from 'rxjs';
import { trackedShardOf } from '../../lib/tracking/tracked-shard.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { BlockUnavailableError } from '../../lib/blocks/errors.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisRanges } from '../../lib/sources/kinesisRanges.js';
import { block as blockByHand, marbles, record } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import type { SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { inLetters, instantKinesis, quickReading } from '../support/quick-shard.js';
import { failAt, recovering, single, working } from '../support/recovering.js';

describe('recoverFrom behind a shard, when blocks are lost', () => {
  it(
    'lets blocks finish out of order while it recovers, and no checkpoint passes what is unfinished',
    marbles((helpers) => {
      // At 10 four blocks are at work, and i is in the buffer.
      const { store, delivered, finished } = recovering(helpers, {
        script: { shards: { 0: 'abcdefghi----jk--|' }, faults: failAt(10) },
        toBlocks: (records$) => records$.pipe(bufferCount(2), withSequenceRanges()),
        work: working({ a: 12, c: 4, e: 7, g: 4, i: 2, j: 1 }),
        intervalMs: 1,
      });
      helpers.flush();

      expect(delivered).to.deep.equal(['1 ab', '3 cd', '5 ef', '7 gh', "10 i'", '14 jk']);
      expect(finished).to.deep.equal(['7 cd', '11 gh', '12 ef', "12 i'", '13 ab', '15 jk']);
      expect(store.asked).to.deep.equal(['14 9', '16 11', '17 SHARD_END']);
    }),
  );

  it(
    'goes on where another recoverFrom before it has given up, and repeats nothing',
    marbles((helpers) => {
      const { delivered, finished, ends } = recovering(helpers, {
        script: { shards: { 0: 'abcd---ef-|' }, faults: failAt(5, 6) },
        toBlocks: (records$) => single(records$).pipe(recoverFrom(undefined, { maxRecoveries: 1, initialDelayMs: 0, resetAfterMs: 1_000 })),
        work: working({ a: 9, b: 1, c: 9, d: 1 }),
        intervalMs: 1,
      });
      helpers.flush();

      expect(delivered).to.deep.equal(['0 a', '1 b', '2 c', '3 d', '7 e', '8 f']);
      expect(finished).to.deep.equal(['2 b', '4 d', '7 e', '8 f', '9 a', '11 c']);
      expect(ends).to.deep.equal([11, 'complete']);
    }),
  );

  it(
    'brings back blocks that were on their way to it with the same ids, to settle in their place',
    marbles((helpers) => {
      const before: string[] = [];
      const after: string[] = [];
      const { store, shard, delivered } = recovering(helpers, {
        script: { shards: { 0: 'a-bc-----d----|' }, faults: failAt(6) },
        toBlocks: (records$) =>
          single(records$).pipe(
            tap(({ id }) => before.push(id)),
            delay(5),
          ),
        work: (blocks$) =>
          blocks$.pipe(
            tap(({ id }) => after.push(id)),
            working({ b: 9, c: 2, a: 1 }),
          ),
        intervalMs: 1,
      });
      helpers.flush();

      expect(delivered).to.deep.equal(['5 a', "6 b'", "6 c'", '14 d']);
      expect(after).to.deep.equal(before);
      // c is settled at 8, b before it at 15.
      expect(store.asked).to.deep.equal(['7 1', '9 1 + 3..3 #1', '15 SHARD_END']);
      expect(trackedShardOf(shard)?.ledger.outstandingRecords).to.equal(0);
    }),
  );

  it(
    'does not bring back a second time what came back and is still at work',
    marbles((helpers) => {
      const { store, delivered } = recovering(helpers, {
        script: { shards: { 0: 'a-bc-----d----|' }, faults: failAt(6, 7, 8, 11) },
        toBlocks: (records$) => single(records$).pipe(delay(5)),
        work: working({ b: 30, c: 30 }),
        intervalMs: 10,
      });
      helpers.flush();

      expect(delivered).to.deep.equal(['5 a', "6 b'", "6 c'", "11 d'"]);
      expect(store.kept).to.deep.equal(['10 1', '20 1 + 4..4 #1', '36 SHARD_END']);
    }),
  );

  it(
    'recovers from a throwing operator of the user, which it does not run again for what is lost',
    marbles((helpers) => {
      const poison = map((value: KinesisRecord): KinesisRecord => {
        if (inLetters(value) === 'c') throw new TypeError('of the user');
        return value;
      });
      const { store, delivered } = recovering(helpers, {
        script: { shards: { 0: 'a--b--c--d|' } },
        toBlocks: (records$) => single(records$.pipe(poison)),
        intervalMs: 5,
      });
      helpers.flush();

      expect(delivered).to.deep.equal(['0 a', '3 b', "6 c'", '9 d']);
      expect(store.kept.at(-1)).to.equal('10 SHARD_END');
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
      'reads the block that an error names again, and what else had not passed',
      marbles((helpers) => {
        const { store, delivered } = recovering(helpers, {
          script: { shards: { 0: 'abcd-----e---|' } },
          toBlocks: (records$) => single(records$).pipe(loading('b')),
          work: working({ a: 9 }),
          intervalMs: 1,
        });
        helpers.flush();

        // At 3 a has passed, b is lost, and c is on its way.
        expect(delivered).to.deep.equal(['2 a', "3 b'", "3 c'", '5 d', '11 e']);
        expect(store.kept).to.deep.equal(['12 5', '13 SHARD_END']);
      }),
    );

    it(
      'reads a named block again although it had passed, and lets it settle in its place',
      marbles((helpers) => {
        const blocks: Block[] = [];
        const unavailable = timer(4).pipe(
          take(1),
          map((): never => {
            throw new BlockUnavailableError(blocks[0]!.ranges);
          }),
        );
        let attempts = 0;
        const failing = defer(() => (attempts++ === 0 ? unavailable : EMPTY));
        const { store, delivered } = recovering(helpers, {
          script: { shards: { 0: 'ab-------c---|' } },
          toBlocks: (records$) =>
            single(records$).pipe(
              tap((block) => blocks.push(block)),
              mergeWith(failing),
            ),
          work: filter((block) => inLetters(block) !== 'a'),
          intervalMs: 1,
        });
        helpers.flush();

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
      'reads a block of another process with the option read',
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
      'errors for a block of another process without the option read',
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
});
