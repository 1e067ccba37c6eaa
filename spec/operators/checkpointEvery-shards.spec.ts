import { expect } from 'chai';
import { bufferCount, bufferTime, delay, filter, map, merge, tap, timer, type Observable } from 'rxjs';
import { LeaseLostError } from '../../lib/checkpoints/errors.js';
import { polling } from '../../lib/readers/polling.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import type { FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/index.js';
import { inLetters, instantKinesis, quickReading, quickShard } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';
import { working } from '../support/recovering.js';
import type { StreamFields } from '../support/fast-reading.js';

const single = <T>(source: Observable<T>): Observable<T[]> => source.pipe(map((value) => [value]));

/** A stream read as fast as virtual time allows. */
const quickStream = (client: FakeKinesis, fields: StreamFields) =>
  kinesisStream({ client, discoveryIntervalMs: Infinity, ...quickReading(), ...fields });

describe('checkpointEvery behind shards', () => {
  for (const lastPage of ['with-records', 'extra-page'] as const) {
    it(
      `writes SHARD_END only when the end is read and everything before it is settled (${lastPage})`,
      marbles(({ flush }) => {
        const kinesis = instantKinesis({ shards: { 0: 'ab---c|' }, lastPage });
        const store = recordingStore();
        quickShard(kinesis, { store })
          .pipe(single, withSequenceRanges(), working({ a: 5, b: 30, c: 10 }), checkpointEvery(10))
          .subscribe();
        flush();

        // c, the last record, is settled at 15, the end is read by then, and b is at work until 31.
        expect(store.asked).to.deep.equal(['10 1', '20 1 + 3..3 #1', '31 SHARD_END']);
      }),
    );

    it(
      `does not write SHARD_END while records are in no block yet (${lastPage})`,
      marbles(({ flush }) => {
        const kinesis = instantKinesis({ shards: { 0: 'ab---c|' }, lastPage });
        const store = recordingStore();
        quickShard(kinesis, { store }).pipe(delay(20), bufferCount(2), withSequenceRanges(), checkpointEvery(4)).subscribe();
        flush();

        expect(store.asked).to.deep.equal(['24 2', '25 SHARD_END']);
      }),
    );
  }

  it(
    'keeps an account for each shard of a stream behind mergeShards, where the children wait for the parent',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({
        shards: { 0: 'ab-|', 1: '-c--d-----|', 2: { parents: [0], records: '-----e-|' }, 3: { parents: [0], records: '------f-|' } },
      });
      const store = recordingStore();
      const finished: string[] = [];
      quickStream(kinesis, { store, stop: timer(60) })
        .pipe(
          mergeShards((shard) =>
            shard.pipe(
              single,
              withSequenceRanges(),
              working({ a: 20, b: 3, c: 1, d: 1, e: 2, f: 9 }),
              tap((block) => finished.push(`${scheduler.now()} ${inLetters(block)}`)),
              checkpointEvery(10),
            ),
          ),
        )
        .subscribe({ complete: () => finished.push(`${scheduler.now()} |`) });
      flush();

      expect(finished).to.deep.equal(['2 c', '4 b', '5 d', '20 a', '22 e', '29 f', '60 |']);
      const writes = store.kept.map((write) => write.split(' ').slice(0, 2).join(' '));
      const numbers = (letters: string): string[] => [...letters].map((letter) => kinesis.values[letter]!.sequenceNumber);
      const [b, d, e, f] = numbers('bdef');
      expect(writes).to.deep.equal([
        `10 ${d}`,
        '10 SHARD_END',
        `20 ${b}`,
        '20 SHARD_END',
        `22 ${e}`,
        '22 SHARD_END',
        `29 ${f}`,
        '29 SHARD_END',
      ]);
    }),
  );

  it(
    'writes each shard by itself when blocks are made of several',
    marbles(({ flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'a--c--e---|', 1: '-b--d---------f--|' } });
      const store = recordingStore();
      merge(quickShard(kinesis, { store }), quickShard(kinesis, { store }, 1))
        .pipe(bufferTime(6), withSequenceRanges(), working({ a: 9, e: 1, f: 1 }), checkpointEvery(4))
        .subscribe();
      flush();

      // abcd until 15; e at 12 and the end of shard 0 at 10 wait for it.
      expect(store.asked).to.deep.equal(['15 SHARD_END', '16 4', '18 SHARD_END']);
    }),
  );

  it(
    'ends with the lease, and writes nothing of the shard afterwards',
    marbles(({ flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'a---b---c---d---e---|' } });
      const store = recordingStore();
      const ends: string[] = [];
      let writes = 0;
      const losing = {
        ...store,
        write: (...args: Parameters<typeof store.write>) => {
          if (++writes === 2) store.refuse(new LeaseLostError({ streamName: 'stream', shardId: 'shardId-000000000000' }));
          return store.write(...args);
        },
      };
      quickShard(kinesis, { store: losing })
        .pipe(single, withSequenceRanges(), working({ a: 1, b: 1, c: 30, d: 1, e: 1 }), checkpointEvery(4))
        .subscribe({ error: () => ends.push('error'), complete: () => ends.push('complete') });
      flush();

      expect(store.asked).to.deep.equal(['4 1', '8 2']);
      expect(ends).to.deep.equal(['complete']);
    }),
  );

  it(
    'stores what is settled beyond the watermark, and a new process does not deliver it again',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'abcdefgh-----------------------i---|' } });
      const store = recordingStore();
      const delivered: string[] = [];
      const start = (timesMs: Readonly<Record<string, number>>) =>
        quickShard(kinesis, { store, reader: polling({ idleDelayMs: 1, maxRecordsPerPage: 3 }) })
          .pipe(
            tap((value) => delivered.push(inLetters(value))),
            single,
            withSequenceRanges(),
            working(timesMs),
            checkpointEvery(10),
          )
          .subscribe();
      const first = start({ b: 50, e: 50, f: 50 });
      scheduler.schedule(() => {
        first.unsubscribe();
        delivered.push('/');
        start({ b: 20 });
      }, 15);
      flush();

      expect(delivered.join('')).to.equal('abcdefgh/befi');
      expect(store.kept).to.deep.equal([
        '10 1 + 3..4 #2 + 7..8 #2',
        // Until 35 b holds the rest, of which what is settled is named.
        '25 1 + 3..4 #2 + 5..6 #2 + 7..8 #2',
        '35 9',
        '35 SHARD_END',
      ]);
    }),
  );

  it(
    'hands on what was settled beyond the watermark to a third process, and moves the watermark over it',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: '(abcdefgh)---------------------i' } });
      const store = recordingStore();
      const delivered: string[] = [];
      const start = (timesMs: Readonly<Record<string, number>>) =>
        quickShard(kinesis, { store })
          .pipe(
            tap((value) => delivered.push(inLetters(value))),
            single,
            withSequenceRanges(),
            working(timesMs),
            checkpointEvery(5),
          )
          .subscribe();
      const runs = [start({ b: 100, d: 100, g: 100 })];
      for (const [ms, timesMs] of [
        [10, { d: 100 }],
        [20, { d: 3 }],
        [40, {}],
      ] as const) {
        scheduler.schedule(() => {
          runs.at(-1)!.unsubscribe();
          delivered.push('/');
          runs.push(start(timesMs));
        }, ms);
      }
      scheduler.schedule(() => runs.at(-1)!.unsubscribe(), 50);
      flush();

      expect(delivered.join('')).to.equal('abcdefgh/bdg/di/');
      expect(store.kept).to.deep.equal([
        '5 1 + 3..3 #1 + 5..6 #2 + 8..8 #1',
        '15 2 + 3..3 #1 + 5..6 #2 + 7..7 #1 + 8..8 #1',
        '25 4 + 5..6 #2 + 7..7 #1 + 8..8 #1',
        '35 9',
      ]);
    }),
  );

  it(
    'lets a stopped stream end although all of a shard was dropped behind withSequenceRanges',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'ab' } });
      const store = recordingStore();
      const ends: number[] = [];
      const told: KinesisEvent[] = [];
      quickStream(kinesis, { store, stop: timer(9), events: { next: (event) => told.push(event) } })
        .pipe(
          mergeShards((shard) =>
            shard.pipe(
              single,
              withSequenceRanges(),
              filter(() => false),
              checkpointEvery(5),
            ),
          ),
        )
        .subscribe({ complete: () => ends.push(scheduler.now()) });
      flush();

      expect(ends).to.deep.equal([9]);
      expect(store.asked).to.deep.equal([]);
    }),
  );
});
