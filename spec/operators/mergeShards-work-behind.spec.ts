import { expect } from 'chai';
import { bufferTime, concatMap, delay, of, timer, type Observable } from 'rxjs';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { fakeLeases } from '../support/fake-leases.js';
import { fastReading } from '../support/fast-reading.js';

describe('kinesisStream, stopped while the work behind mergeShards goes on', () => {
  const work = (block: Block): Observable<Block> => of(block).pipe(delay(100));
  const shapes = { 'a closed shard': '(abc|)', 'an open shard': '(abc)' };
  for (const [name, records] of Object.entries(shapes)) {
    it(
      `keeps the lease until that is done and written: ${name}`,
      marbles(({ scheduler, flush }) => {
        const store = fakeLeases({ scheduler });
        const client = fakeKinesis({ shards: { 0: records } });
        const ends: string[] = [];
        kinesisStream(fastReading(client, { store, stop: timer(30) }))
          .pipe(
            mergeShards((shard) => shard.pipe(bufferTime(5), withSequenceRanges())),
            concatMap(work),
            checkpointEvery(10),
          )
          .subscribe({ complete: () => ends.push('complete') });
        flush();
        const verbs = store.log.map((line) => line.split(' ')[1]);
        expect(verbs, store.log.join()).to.not.include('refuse');
        expect(verbs.at(-1), store.log.join()).to.equal('release');
        expect(verbs, store.log.join()).to.include('write');
        expect(ends).to.deep.equal(['complete']);
      }),
    );
  }
});
