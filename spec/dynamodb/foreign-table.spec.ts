import { expect } from 'chai';
import { bufferTime, from, map, timer, type Observable } from 'rxjs';
import type { KinesisPort, PortShard } from '../../lib/kinesis/port.js';
import { isForeignCheckpoint } from '../../lib/checkpoints/errors.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, fakeLeases, marbles } from '../../lib/testing/index.js';
import { fastReading, textsOf } from '../support/fast-reading.js';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';

/** A stream whose shard begins at another number than that of a stream made before it. */
function streamFrom(first: number): KinesisPort {
  const records = [1, 2, 3].map((n) => ({ sequenceNumber: String(first + n), data: `${first + n}`, atMs: -1 }));
  const kinesis = fakeKinesis({ shards: { 0: { records } } });
  const beginning = (shard: PortShard): PortShard => ({ ...shard, SequenceNumberRange: { StartingSequenceNumber: String(first) } });
  return {
    getRecords: (request) => kinesis.getRecords(request),
    getShardIterator: (request) => kinesis.getShardIterator(request),
    listShards: (request) => kinesis.listShards(request).pipe(map((page) => ({ ...page, Shards: page.Shards.map(beginning) }))),
  };
}

function readAll(client: KinesisPort, store: CheckpointStore): { readonly texts: string[]; readonly end: () => unknown } {
  const texts: string[] = [];
  let end: unknown;
  const stream$: Observable<string> = kinesisStream({
    ...fastReading(fakeKinesis({ shards: {} })),
    client,
    store,
    stop: timer(5_000),
  }).pipe(
    mergeShards((shard) => shard.pipe(bufferTime(5), withSequenceRanges(), checkpointEvery(10))),
    map(({ records }) => textsOf(records)),
  );
  stream$.subscribe({ next: (text) => texts.push(text), error: (error: unknown) => (end = error), complete: () => (end = 'complete') });
  return { texts, end: () => end };
}

describe('A stream that is deleted and made again under its name', () => {
  for (const [kind, storeOf] of [
    ['a store of checkpoints', () => memoryCheckpoints()],
    ['a lease table, by another worker than before', undefined],
  ] as const) {
    it(
      `is refused with the checkpoints of the one before, which stay as they are (${kind})`,
      marbles(({ scheduler, flush }) => {
        const leases = fakeLeases({ scheduler });
        const store = storeOf?.();
        const former = readAll(streamFrom(100), store ?? leases.worker('w1'));
        flush();
        expect([former.texts.join(''), former.end()]).to.deep.equal(['101102103', 'complete']);

        const again = readAll(streamFrom(900), store ?? leases.worker('w2'));
        flush();
        expect(again.texts).to.deep.equal([]);
        expect(again.end()).to.satisfy(isForeignCheckpoint);
        let stored: unknown;
        const identity = { streamName: 'stream', shardId: 'shardId-000000000000', parentShardIds: [] };
        from((store ?? leases.worker('w3')).read(identity)).subscribe((checkpoint) => (stored = checkpoint));
        flush();
        expect(stored).to.deep.include({ sequenceNumber: '103' });
      }),
    );
  }
});

describe('A second stream in the lease table of another, by clients of its own', () => {
  /** A stream of two shards that begin at `first`, with the letters as payloads. */
  const streamOf = (first: number, letters: readonly [string, string]): KinesisPort => {
    const kinesis = fakeKinesis({ shards: { 0: `1s ${letters[0]}`, 1: `1s ${letters[1]}` } });
    const beginning = (shard: PortShard): PortShard => ({ ...shard, SequenceNumberRange: { StartingSequenceNumber: String(first) } });
    return {
      ...kinesis,
      listShards: (request) => kinesis.listShards(request).pipe(map((page) => ({ ...page, Shards: page.Shards.map(beginning) }))),
    };
  };

  it(
    'is refused before it asks for a lease of the first, which is read on',
    marbles(({ scheduler, flush }) => {
      const leases = fakeLeases({ scheduler });
      const first = readAll(streamOf(0, ['a', 'b']), leases.worker('w1'));
      let second: ReturnType<typeof readAll> | undefined;
      timer(500).subscribe(() => (second = readAll(streamOf(900, ['x', 'y']), leases.worker('w2'))));
      flush();
      expect(second!.texts).to.deep.equal([]);
      expect(second!.end()).to.satisfy(isForeignCheckpoint);
      expect([[...first.texts.join('')].sort().join(''), first.end()]).to.deep.equal(['ab', 'complete']);
      expect(leases.log.filter((line) => line.includes(' w2 update '))).to.deep.equal([]);
    }),
  );

  it(
    'is refused also when both begin at once: one of them is read',
    marbles(({ scheduler, flush }) => {
      const leases = fakeLeases({ scheduler });
      const streams = [readAll(streamOf(0, ['a', 'b']), leases.worker('w1')), readAll(streamOf(900, ['x', 'y']), leases.worker('w2'))];
      flush();
      const read = streams.filter(({ texts }) => texts.length > 0);
      const refused = streams.filter((stream) => isForeignCheckpoint(stream.end()));
      expect(read.map((stream) => stream.end())).to.deep.equal(['complete']);
      expect(refused.map(({ texts }) => texts)).to.deep.equal([[]]);
    }),
  );
});
