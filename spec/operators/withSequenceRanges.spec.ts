import { expect } from 'chai';
import {
  BehaviorSubject,
  bufferCount,
  concatMap,
  delay,
  filter,
  map,
  of,
  retry,
  Subject,
  take,
  takeUntil,
  tap,
  timer,
  type MonoTypeOperatorFunction,
} from 'rxjs';
import { trackedShardOf } from '../../lib/tracking/tracked-shard.js';
import { isOutOfOrder } from '../../lib/ledger/errors.js';
import { entriesOf } from '../../lib/tracking/tracked-block.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { marbles, record } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { rangeToString } from '../../lib/values/sequence-range.js';
import { collectGarbage, heldOf } from '../support/collect-garbage.js';
import { inLetters, instantKinesis, PASSING, quickReading, quickShard } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';
import { handFedShard } from '../support/hand-fed-shard.js';

const inWords = ({ ranges }: Block): string[] => ranges.ranges.map((it) => rangeToString(it).replace('stream/shardId-00000000000', ''));

describe('withSequenceRanges', () => {
  it('gives each subscription ranges of its own', () => {
    const source = of([record(1), record(2)]).pipe(withSequenceRanges());
    const keys: unknown[] = [];
    for (let i = 0; i < 2; i++) source.subscribe(({ ranges }) => keys.push(ranges));
    expect(keys).to.have.length(2);
    expect(keys[0]).to.not.equal(keys[1]);
  });

  it('takes arrays that come while one is being handed on', () => {
    const { deliver, account } = handFedShard();
    const source = new BehaviorSubject(deliver(1));
    const seen: string[] = [];
    source.pipe(withSequenceRanges()).subscribe(({ ranges }) => {
      seen.push(ranges.ranges[0]!.fromSeqNumber);
      if (seen.length < 4) source.next(deliver(seen.length + 1));
    });
    expect(seen).to.deep.equal(['1', '2', '3', '4']);
    expect(account.ledger.openEntries()).to.have.length(4);
  });

  describe('in a block', () => {
    it('makes one range of each run of records of a shard that were read one after the other', () => {
      const [one, two] = [handFedShard(), handFedShard({}, 'shardId-000000000001')];
      const [a, b] = [one.deliver(1, 2, 3, 4, 5), two.deliver(10, 20)];
      const dropped = a.filter((_, i) => i !== 2);
      const made: Block[] = [];
      of([...dropped, ...b], [...one.deliver(6), ...two.deliver(30), ...one.deliver(7)])
        .pipe(withSequenceRanges())
        .subscribe((it) => made.push(it));

      expect(made.map(inWords)).to.deep.equal([
        ['0[1..2 #2]', '0[4..5 #2]', '1[10..20 #2]'],
        ['0[6..6 #1]', '1[30..30 #1]', '0[7..7 #1]'],
      ]);
      expect(made[0]?.records).to.deep.equal([...dropped, ...b]);
      expect(entriesOf(made[0]!.ranges)).to.have.length(2);
    });

    it('notes the sub-sequence numbers of both ends', () => {
      const records = [0, 1, 2].map((subSequenceNumber) => record({ sequenceNumber: '7', subSequenceNumber }));
      const made: Block[] = [];
      of(records.slice(1))
        .pipe(withSequenceRanges())
        .subscribe((it) => made.push(it));
      expect(made[0]?.ranges.ranges).to.deep.equal([
        {
          streamName: 'stream',
          shardId: 'shardId-000000000000',
          fromSeqNumber: '7',
          toSeqNumber: '7',
          fromSubSeqNumber: 1,
          toSubSeqNumber: 2,
          recordCount: 2,
        },
      ]);
    });

    it('gives records made by hand ranges, but no account', () => {
      of([record(1), record(5)])
        .pipe(withSequenceRanges())
        .subscribe((it) => {
          expect(inWords(it)).to.deep.equal(['0[1..5 #2]']);
          expect(entriesOf(it.ranges)).to.deep.equal([]);
        });
    });
  });

  describe('with records out of order', () => {
    const cases: Record<string, (records: readonly KinesisRecord[]) => (readonly KinesisRecord[])[]> = {
      'when a record comes twice': (r) => [[r[0]!], [r[1]!], [r[1]!]],
      'when a record comes twice in one array': (r) => [[r[0]!, r[1]!, r[1]!]],
      'when a record comes after a later one': (r) => [[r[1]!], [r[0]!]],
      'when an array is not in order': (r) => [[r[1]!, r[0]!]],
    };
    for (const [when, arrange] of Object.entries(cases)) {
      it(`errors with OutOfOrderError, and leaves the watermark where it is, ${when}`, () => {
        const { deliver, account } = handFedShard();
        const errors: unknown[] = [];
        of(...arrange(deliver(1, 2)))
          .pipe(withSequenceRanges())
          .subscribe({ error: (error: unknown) => errors.push(error) });
        expect(errors).to.have.length(1);
        expect(errors[0])
          .to.satisfy(isOutOfOrder)
          .and.to.include({ streamName: 'stream', shardId: 'shardId-000000000000', retriable: false });
        expect(account.ledger.watermark).to.equal(undefined);
      });
    }
  });

  describe('behind a shard', () => {
    it(
      'holds up nothing for records that a filter dropped before it, not even the end of the shard',
      marbles(({ flush }) => {
        const kinesis = instantKinesis({ shards: { 0: 'abcdefghij|' } });
        const store = recordingStore();
        const seen: string[] = [];
        quickShard(kinesis, { store, maxInFlightRecords: 2 })
          .pipe(
            filter((it) => 'ceh'.includes(inLetters(it))),
            bufferCount(2),
            withSequenceRanges(),
            tap((it) => seen.push(inWords(it).join())),
            checkpointEvery(1_000),
          )
          .subscribe();
        flush();

        expect(seen).to.deep.equal(['0[3..3 #1],0[5..5 #1]', '0[8..8 #1]']);
        expect(store.kept.at(-1)).to.match(/ SHARD_END$/);
      }),
    );

    for (const [what, cut] of Object.entries({
      'takeUntil behind a buffer': takeUntil<readonly KinesisRecord[]>(timer(5)),
      take: take<readonly KinesisRecord[]>(1),
    })) {
      it(
        `does not take what ${what} cut off for dropped: it comes again`,
        marbles(({ flush }) => {
          const kinesis = instantKinesis({ shards: { 0: '(abc)def|' } });
          const store = recordingStore();
          quickShard(kinesis, { store }).pipe(bufferCount(2), cut, withSequenceRanges(), checkpointEvery(50)).subscribe();
          flush();
          const again: string[] = [];
          quickShard(kinesis, { store }).subscribe((it) => again.push(inLetters(it)));
          flush();

          expect(again.join('')).to.equal('cdef');
        }),
      );
    }

    const inTurn = concatMap((it: KinesisRecord) => of(it).pipe(delay(10)));
    const read = (stop: Subject<void>, operator: MonoTypeOperatorFunction<KinesisRecord>) => {
      const store = recordingStore();
      kinesisStream({ client: instantKinesis({ shards: { 0: '(abcd)|' } }), ...quickReading(), store, stop })
        .pipe(mergeShards((shard) => shard.pipe(operator, bufferCount(1), withSequenceRanges(), checkpointEvery(50))))
        .subscribe();
      timer(25).subscribe(() => stop.next());
      return store;
    };

    it(
      'does not take for dropped what an asynchronous operator held when `takeUntil(stop)` completed it, although the end of the shard was read',
      marbles(({ flush }) => {
        const stop = new Subject<void>();
        const store = read(stop, (shard) => shard.pipe(inTurn, takeUntil(stop)));
        flush();
        expect(store.kept.at(-1)).to.match(/ 2$/);
      }),
    );

    it(
      'writes the end of the shard when what an asynchronous operator held comes after `stop`',
      marbles(({ flush }) => {
        const store = read(new Subject<void>(), inTurn);
        flush();
        expect(store.kept.at(-1)).to.match(/ SHARD_END$/);
      }),
    );

    it('keeps no shard whose lease is lost', async () => {
      const blocks$ = new Subject<readonly KinesisRecord[]>();
      const subscription = blocks$.pipe(withSequenceRanges()).subscribe();
      const refs = Array.from({ length: 5 }, () => {
        const { deliver, account } = handFedShard();
        blocks$.next(deliver(1, 2));
        account.lose();
        return new WeakRef(account);
      });
      await collectGarbage();
      expect(heldOf(refs)).to.equal(1);
      subscription.unsubscribe();
    });

    it(
      'begins a new account with a new subscription',
      marbles(({ flush }) => {
        const kinesis = instantKinesis({ shards: { 0: 'ab-c|' }, faults: [{ method: 'getRecords', error: PASSING, fromMs: 2 }] });
        const shard = quickShard(kinesis);
        const seen: string[] = [];
        shard
          .pipe(
            map((it) => [it]),
            withSequenceRanges(),
            retry(1),
          )
          .subscribe((it) => seen.push(inLetters(it)));
        flush();

        expect(seen).to.deep.equal(['a', 'b', 'a', 'b', 'c']);
        expect(trackedShardOf(shard)?.ledger.openEntries()).to.have.length(3);
      }),
    );
  });
});
