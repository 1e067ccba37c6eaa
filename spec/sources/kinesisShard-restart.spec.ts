import { expect } from 'chai';
import { delay, merge, mergeMap, of, retry, tap, throwError, timer } from 'rxjs';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { isShardReadError } from '../../lib/kinesis/errors.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { marbles } from '../../lib/testing/index.js';
import { identityOf } from '../support/fast-reading.js';
import { instantKinesis, quickShard } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';

import { failAt, noting, single, working } from '../support/recovering.js';

describe('kinesisShard, subscribed again', () => {
  it(
    'begins at the watermark with retry, and what died with the first subscription does not hold up the second',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'abc------d----|' }, faults: failAt(5) });
      const store = recordingStore();
      const finished: string[] = [];
      quickShard(kinesis, { store })
        .pipe(single, working({ a: 2, b: 9, c: 1, d: 1 }), noting(scheduler, finished), checkpointEvery(4), retry(1))
        .subscribe();
      flush();

      // b was at work when it failed: it and c, which was done, come again.
      expect(finished).to.deep.equal(['2 a', '3 c', '6 c', '10 d', '14 b']);
      expect(store.kept).to.deep.equal(['4 1 + 3..3 #1', '13 1 + 3..4 #2', '14 SHARD_END']);
    }),
  );

  it(
    'repeats what is still at work with retry above the work; only the repetition settles',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'ab-------c----|' }, faults: failAt(3) });
      const store = recordingStore();
      const finished: string[] = [];
      let attempt = 0;
      quickShard(kinesis, { store })
        .pipe(
          single,
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
    'completes at once when it is read to its end and settled, and its end is written, although its last write is under way',
    marbles(({ scheduler, flush }) => {
      const store = recordingStore({ latencyMs: 30 });
      const notices: string[] = [];
      const note = (what: string) => () => void notices.push(`${scheduler.now()} ${what}`);
      const other$ = timer(40).pipe(mergeMap(() => throwError(() => new Error('of another shard'))));
      const shard$ = quickShard(instantKinesis({ shards: { 0: 'ab-|' }, latencyMs: 9 }), { store }).pipe(
        tap({ subscribe: note('subscribed'), next: note('record'), complete: note('completed') }),
      );
      merge(shard$, other$)
        .pipe(retry({ count: 1 }), single, checkpointEvery(2))
        .subscribe({ error: () => undefined });
      flush();

      expect(notices).to.deep.equal(['0 subscribed', '36 record', '36 record', '36 completed', '40 subscribed', '40 completed']);
      expect(store.kept.at(-1)).to.match(/ SHARD_END$/);
    }),
  );

  for (const fault of [{ error: 'KMSDisabledException' }, { answer: 'malformed' }] as const)
    it(
      `errors with the checkpoint when its first iterator cannot be had: ${Object.values(fault)[0]}`,
      marbles(({ flush }) => {
        const kinesis = instantKinesis({ shards: { 0: 'abc^' }, faults: [{ method: 'getShardIterator', ...fault, times: 99 }] });
        const stored = { ...identityOf(0), sequenceNumber: '2', subSequenceNumber: 0 };
        const store: CheckpointStore = { ...memoryCheckpoints(), read: () => [stored] };
        let failure: unknown;
        quickShard(kinesis, { store }).subscribe({ error: (error: unknown) => (failure = error) });
        flush();
        expect(isShardReadError(failure) && failure.position).to.deep.equal({ sequenceNumber: '2', subSequenceNumber: 0 });
        expect((failure as Error).message).to.match(/ after 2$/);
      }),
    );

  it(
    'begins at the checkpoint in a new process',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis({ shards: { 0: 'abcd-----e---|' } });
      const store = recordingStore();
      const delivered: string[] = [];
      const start = () =>
        quickShard(kinesis, { store })
          .pipe(single, recoverFrom(store), noting(scheduler, delivered), working({ a: 1, b: 1, c: 20, d: 20 }), checkpointEvery(3))
          .subscribe();
      const first = start();
      scheduler.schedule(() => {
        first.unsubscribe();
        start();
      }, 6);
      flush();

      expect(delivered).to.deep.equal(['0 a', '1 b', '2 c', '3 d', '6 c', '6 d', '9 e']);
      expect(store.kept).to.deep.equal(['3 2', '12 2 + 5..5 #1', '26 SHARD_END']);
    }),
  );
});
