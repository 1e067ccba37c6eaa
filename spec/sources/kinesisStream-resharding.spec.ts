import { expect } from 'chai';
import { bufferTime, concatMap, delay, filter, from, ignoreElements, map, merge, mergeMap, of, type Observable } from 'rxjs';
import { CheckpointError } from '../../lib/checkpoints/errors.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisPort, PortShard } from '../../lib/kinesis/port.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import type { FakeShardScript } from '../../lib/testing/kinesis/fake-script.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { fastReading, identityOf, numberOf, textOf, texts, textsOf } from '../support/fast-reading.js';
import { recordingStore } from '../support/recording-store.js';
import { timelineOf } from '../support/timeline.js';

/** The numbers of the shards as they come; they are read, but their records left out. */
function numbers(kinesis: FakeKinesis, config: Partial<KinesisStreamConfig> = {}): Observable<number> {
  return kinesisStream(fastReading(kinesis, config)).pipe(mergeMap((shard) => merge(of(numberOf(shard)), shard.pipe(ignoreElements()))));
}

/** Blocks of 5 ms that are worked on for `workMs` and checkpointed often: their payloads, when they are done. */
function worked(kinesis: FakeKinesis, workMs: number, config: Partial<KinesisStreamConfig>): Observable<string> {
  return kinesisStream(fastReading(kinesis, config)).pipe(
    mergeMap((shard) =>
      shard.pipe(
        bufferTime(5),
        withSequenceRanges(),
        concatMap((block) => of(block).pipe(delay(workMs))),
        checkpointEvery(10),
        map((block) => textsOf(block.records)),
      ),
    ),
  );
}

/** A split at 10 ms, each shard with one record. */
const split = { 0: 'a^---------|', 1: { parents: [0], records: '-----------b' }, 2: { parents: [0], records: '-----------c' } };

describe('kinesisStream, when a stream is resharded,', () => {
  it(
    'reads a parent to its end before the children of its split',
    marbles(({ flush }) => {
      const timeline = timelineOf(texts(fakeKinesis({ shards: split })), 40);
      flush();
      // The end comes with the poll at 12; iterators and pages of the children take a millisecond each.
      expect(timeline).to.deep.equal(['3 a', '16 b', '16 c']);
    }),
  );

  for (const slow of [0, 1]) {
    it(
      `waits for both parents of a merge, also when the ${slow ? 'adjacent' : 'first'} one ends last (regression: the adjacent parent was ignored)`,
      marbles(({ flush }) => {
        const parent = (name: string, ms: number): FakeShardScript => ({ records: [{ data: name, atMs: 0 }], closedAtMs: ms });
        const kinesis = fakeKinesis({
          shards: {
            0: parent('a', slow ? 5 : 45),
            1: parent('b', slow ? 45 : 5),
            2: { parents: [0, 1], records: [{ data: 'c', atMs: 45 }] },
          },
        });
        const timeline = timelineOf(texts(kinesis), 90);
        flush();
        expect(timeline.slice(0, 2)).to.have.members(['3 a', '3 b']);
        expect(timeline.slice(2)).to.deep.equal(['56 c']);
      }),
    );
  }

  for (const parents of [
    [7, 0],
    [0, 7],
  ]) {
    it(
      `does not wait for a parent that is out of view, but for the other (parents ${parents.join(' and ')})`,
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^-----|', 1: { parents, createdAtMs: 6 } } });
        const timeline = timelineOf(numbers(kinesis), 30);
        flush();
        // A millisecond of it for the listing that is made once more.
        expect(timeline).to.deep.equal(['1 0', '16 1']);
      }),
    );
  }

  it(
    'reads closed shards that are still in retention (regression: what a closed shard held was skipped)',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab|--^', 1: { parents: [0], records: '---c--^' } } });
      const timeline = timelineOf(texts(kinesis), 30);
      flush();
      expect(timeline).to.deep.equal(['4 a', '4 b', '6 c']);
    }),
  );

  it(
    'ends a shard whose last page is empty, and one that never had a record (regression: an empty final batch hung the end)',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { ...split, 0: 'a^---------|', 3: '|' }, lastPage: 'extra-page' });
      const store = memoryCheckpoints();
      const ends: string[] = [];
      const events = {
        next: (event: KinesisEvent) => void (event.type === 'shardReleased' && ends.push(`${numberOf(event)} ${event.reason}`)),
      };
      // The children are read until that is unsubscribed.
      timelineOf(kinesisStream(fastReading(kinesis, { store, events })).pipe(mergeShards((shard) => shard.pipe(ignoreElements()))), 60);
      flush();
      expect(ends).to.have.members(['0 ended', '3 ended', '1 stopped', '2 stopped']);
    }),
  );

  it(
    'finds the children where GetRecords names none, by an immediate listing',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: split, childShards: false });
      const timeline = timelineOf(texts(kinesis, { discoveryIntervalMs: 100 }), 350);
      flush();
      // One listing tells the reader that the shard is closed, the next one what it became; from there the interval counts.
      expect(timeline).to.deep.equal(['3 a', '17 b', '17 c']);
      expect(kinesis.callsOf('listShards').map(({ atMs }) => atMs)).to.deep.equal([0, 13, 14, 115, 216, 317]);
    }),
  );

  it(
    'lists the shards when a child has a parent that was never seen',
    marbles(({ flush }) => {
      // Shard 1 appears and closes between two listings; only the end of shard 0 tells of their child.
      const kinesis = fakeKinesis({
        shards: {
          0: 'a^-------------|',
          1: { createdAtMs: 5, records: '------b---|' },
          2: { parents: [0, 1], records: '-----------------c' },
        },
      });
      const timeline = timelineOf(texts(kinesis), 60);
      flush();
      expect(timeline).to.deep.equal(['3 a', '28 b', '30 c']);
    }),
  );

  for (const [what, short] of [
    ['the first listing', 1],
    ['the listing that first has the child', 2],
  ] as const)
    it(
      `reads a parent before its child although ${what} leaves the parent out (regression: the child was read first, or alone)`,
      marbles(({ flush }) => {
        const atMs = short === 1 ? -5 : 5;
        const kinesis = fakeKinesis({
          shards: {
            0: '',
            1: { createdAtMs: atMs, closedAtMs: atMs + 1, records: [{ data: 'a', atMs }] },
            2: { parents: [1], records: [{ data: 'b', atMs: 9 }] },
          },
        });
        let listings = 0;
        const listShards: KinesisPort['listShards'] = (request) => {
          const isShort = ++listings === short;
          const listed = ({ ShardId }: PortShard): boolean => !isShort || ShardId !== toShardId(1);
          return kinesis.listShards(request).pipe(map((page) => ({ ...page, Shards: page.Shards.filter(listed) })));
        };
        const timeline = timelineOf(texts({ ...kinesis, listShards }, { discoveryIntervalMs: 20 }), 90);
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['a', 'b']);
        // One in 21 ms, one that is made once more, and one at the end of the parent.
        expect(listings).to.equal(7);
      }),
    );

  it(
    'reads children from their beginning, whatever startFrom says',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { ...split, 0: '----a^-----|' } });
      const timeline = timelineOf(texts(kinesis, { startFrom: 'LATEST' }), 60);
      flush();
      expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['b', 'c']);
      expect(kinesis.callsOf('getShardIterator').map(({ type }) => type)).to.deep.equal(['AT_TIMESTAMP', 'TRIM_HORIZON', 'TRIM_HORIZON']);
    }),
  );

  describe('with a store', () => {
    it(
      'starts the children when the work of the parent is done and SHARD_END is written',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: split });
        const store = recordingStore({ latencyMs: 7, scheduler });
        const timeline = timelineOf(worked(kinesis, 20, { store }), 80);
        flush();

        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['a', 'b', 'c']);
        const [end] = store.kept.filter((line) => line.endsWith('SHARD_END'));
        const [firstOfChild] = kinesis.callsOf('getShardIterator', 1);
        expect(firstOfChild!.atMs).to.be.at.least(Number.parseInt(end!));
        expect(Number.parseInt(timeline[0]!)).to.be.lessThan(Number.parseInt(end!));
      }),
    );

    it(
      'does not start the children as long as a block is not settled (regression: the end was written when it was seen)',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: split });
        const store = recordingStore();
        const timeline = timelineOf(worked(kinesis, 10_000, { store }), 5_000);
        flush();
        expect(timeline).to.deep.equal([]);
        expect(store.asked).to.deep.equal([]);
        expect(kinesis.callsOf('getShardIterator', 1)).to.deep.equal([]);
      }),
    );

    const place = { streamName: 'stream', shardId: 'shardId-000000000000' };
    const refusals = [
      ['a passing fault', new Error('down')],
      ['final', new CheckpointError('denied', { ...place, retriable: false })],
    ] as const;
    for (const [what, refusal] of refusals) {
      it(
        `tries to write SHARD_END until it is written, the children waiting, also when the store calls it ${what}`,
        marbles(({ scheduler, flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: '^--|', 1: { parents: [0], records: '----b' } } });
          const store = recordingStore({ scheduler });
          store.refuse(refusal, 15);
          const timeline = timelineOf(numbers(kinesis, { store }), 300_000);
          flush();
          expect(store.asked).to.have.length(16);
          expect(store.kept[0]).to.match(/SHARD_END$/);
          expect(timeline[1]).to.equal(`${Number.parseInt(store.kept[0]!)} 1`);
        }),
      ).timeout(60_000);
    }

    it(
      'passes over shards that are done after a restart, and goes on with their children',
      marbles(({ flush }) => {
        const store = memoryCheckpoints();
        const first = fakeKinesis({ shards: split });
        timelineOf(worked(first, 1, { store }), 15);
        flush();
        // The children are not checkpointed by now.
        const child = (name: string): FakeShardScript => ({ parents: [0], records: [{ data: name, atMs: -1 }] });
        const again = fakeKinesis({ shards: { 0: 'a--|--^', 1: child('b'), 2: child('c') } });
        const timeline = timelineOf(texts(again, { store }), 60);
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['b', 'c']);
        expect(again.callsOf('getRecords', 0)).to.deep.equal([]);
      }),
    );

    it(
      'starts the children of a shard of which every record was filtered out',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: split });
        const stream$ = kinesisStream(fastReading(kinesis, { store: memoryCheckpoints() })).pipe(
          mergeShards((shard) =>
            shard.pipe(
              filter((record) => textOf(record) !== 'a'),
              bufferTime(5),
              withSequenceRanges(),
              checkpointEvery(10),
            ),
          ),
          map((block) => textsOf(block.records)),
        );
        const timeline = timelineOf(stream$, 60);
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.have.members(['b', 'c']);
      }),
    );

    it(
      'starts the children of shards that nobody tracks, once their pipeline has completed',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: split });
        const store = recordingStore();
        const timeline = timelineOf(
          kinesisStream(fastReading(kinesis, { store })).pipe(mergeShards((shard) => shard.pipe(map(textOf)))),
          60,
        );
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['a', 'b', 'c']);
        expect(store.kept.map((line) => line.split(' ')[1])).to.deep.equal(['SHARD_END']);
      }),
    );
  });

  describe('without a store', () => {
    it(
      'starts the children when the blocks of the parent are settled',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: split });
        const timeline = timelineOf(worked(kinesis, 100, {}), 400);
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['a', 'b', 'c']);
        expect(kinesis.callsOf('getShardIterator', 1)[0]!.atMs).to.be.at.least(Number.parseInt(timeline[0]!));
      }),
    );

    it(
      'starts the children at once when nobody tracks the parent, and tracks records that come into a block only later all the same',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: split });
        const blocks$ = kinesisStream(fastReading(kinesis)).pipe(
          mergeMap((shard) => shard),
          bufferTime(100),
          withSequenceRanges(),
          checkpointEvery(1_000),
          map((block) => textsOf(block.records)),
        );
        const timeline = timelineOf(blocks$, 150);
        flush();
        expect(timeline).to.deep.equal(['100 abc']);
      }),
    );
  });

  describe('with 2 000 shards that are done already', () => {
    const count = 2_000;
    /** A store that says that all shards but the last are done. */
    function doneStore() {
      const store = memoryCheckpoints();
      const write = (i: number) =>
        from(store.write({ ...identityOf(i), sequenceNumber: 'SHARD_END', subSequenceNumber: 0 }, identityOf(i)));
      for (let i = 0; i < count - 1; i++) write(i).subscribe();
      return store;
    }
    const last: FakeShardScript = { records: [{ data: 'last', atMs: 0 }] };
    const closed: FakeShardScript = { createdAtMs: -1, closedAtMs: -1 };
    const shape = (shardOf: (i: number) => FakeShardScript) => Object.fromEntries(Array.from({ length: count }, (_, i) => [i, shardOf(i)]));

    it(
      'does not grow the stack when they are in a line',
      marbles(({ flush }) => {
        const shards = shape((i) => ({ ...(i < count - 1 ? closed : last), parents: i > 0 ? [i - 1] : [], createdAtMs: -1 }));
        const timeline = timelineOf(texts(fakeKinesis({ shards }), { store: doneStore() }), 50);
        flush();
        // The listing has two pages.
        expect(timeline).to.deep.equal(['4 last']);
      }),
    ).timeout(60_000);

    it(
      'does not grow the stack when they are beside each other',
      marbles(({ flush }) => {
        const shards = shape((i) => (i < count - 1 ? closed : last));
        const timeline = timelineOf(texts(fakeKinesis({ shards }), { store: doneStore() }), 50);
        flush();
        expect(timeline).to.deep.equal(['4 last']);
      }),
    );
  });
});
