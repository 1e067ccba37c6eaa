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
