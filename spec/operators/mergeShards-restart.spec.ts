import { expect } from 'chai';
import { concatMap, delay, of, throwError, type Observable } from 'rxjs';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { marbles } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { inLetters, instantKinesis, quickReading } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';
import { noting, single } from '../support/recovering.js';

describe('mergeShards, with a pipeline that fails', () => {
  it(
    'starts a shard whose work failed again at its watermark, and leaves the others alone',
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
            (shard) => shard.pipe(single, noting(scheduler, delivered), concatMap(work), noting(scheduler, finished), checkpointEvery(2)),
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
});
