import { expect } from 'chai';
import type { Observable } from 'rxjs';
import {
  bufferCount,
  bufferTime,
  catchError,
  concatMap,
  delay,
  EMPTY,
  ignoreElements,
  map,
  mergeMap,
  of,
  take,
  throwError,
  timer,
} from 'rxjs';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { Shard } from '../../lib/shards/shard.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { fakeLeases } from '../support/fake-leases.js';
import { fastReading, textsOf } from '../support/fast-reading.js';
import { recordingStore } from '../support/recording-store.js';

const blocks = (shard: Shard): Observable<Block> => shard.pipe(bufferCount(1), withSequenceRanges());
const fail = concatMap((): Observable<Block> => throwError(() => new Error('work')));

/** Pipelines that complete before the shard's end, and without `stop`. */
const CUT_SHORT: Readonly<Record<string, (shard: Shard) => Observable<unknown>>> = {
  'take behind the checkpoints': (shard) => blocks(shard).pipe(checkpointEvery(5), take(1)),
  'take before the blocks': (shard) => shard.pipe(take(1), bufferTime(5), withSequenceRanges(), checkpointEvery(5)),
  'catchError(() => EMPTY)': (shard) =>
    blocks(shard).pipe(
      fail,
      catchError(() => EMPTY),
      checkpointEvery(5),
    ),
  'a pipeline without the shard': () => EMPTY,
};

/** Runs pipelines on a stream for so long, and keeps the events. */
function run(kinesis: FakeKinesis, project: (shard: Shard) => Observable<unknown>, config: Partial<KinesisStreamConfig> = {}, ms = 10_000) {
  const events: KinesisEvent[] = [];
  const starts: string[] = [];
  const subscription = kinesisStream(
    fastReading(kinesis, { discoveryIntervalMs: 50, events: { next: (event) => void events.push(event) }, ...config }),
  )
    .pipe(mergeShards((shard) => (starts.push(shard.shardId), project(shard))))
    .subscribe();
  timer(ms).subscribe(() => subscription.unsubscribe());
  const typesOf = (...types: readonly KinesisEvent['type'][]): string[] =>
    events.filter(({ type }) => types.includes(type)).map((event) => ('reason' in event ? `${event.type} ${event.reason}` : event.type));
  return { events, starts, typesOf };
}

describe("mergeShards with a pipeline that completes before the shard's end", () => {
  for (const [name, project] of Object.entries(CUT_SHORT)) {
    it(
      `tells of it once, releases the shard, and does not take it again: ${name}`,
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: '(abc)--d--|', 1: { parents: [0], records: '--------------------e' } } });
        const { starts, typesOf } = run(kinesis, project, { store: recordingStore() });
        flush();
        expect(typesOf('pipelineCompleted', 'shardReleased')).to.deep.equal(['pipelineCompleted', 'shardReleased stopped']);
        expect(starts).to.deep.equal(['shardId-000000000000']);
      }),
    );

    it(
      `gives the lease up, and does not take it again though it is free: ${name}`,
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: '(abc)--d--|' } });
        const store = fakeLeases({ scheduler });
        const { starts, typesOf } = run(kinesis, project, { store });
        timer(2_000).subscribe(() => expect(store.held.size).to.equal(0));
        flush();
        expect(typesOf('pipelineCompleted', 'shardReleased')).to.deep.equal(['pipelineCompleted', 'shardReleased stopped']);
        expect(store.log.map((line) => line.split(' ')[1]).filter((verb) => verb !== 'write')).to.deep.equal(['take', 'release']);
        expect(starts).to.have.length(1);
      }),
    );
  }

  it(
    'starts the children when another worker has read the shard to its end',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a|', 1: { parents: [0], records: '-----b' } } });
      const store = fakeLeases({ scheduler });
      const { starts } = run(kinesis, (shard) => blocks(shard).pipe(checkpointEvery(5), take(1)), { store });
      timer(2_000).subscribe(() => store.end(0));
      flush();
      expect(starts).to.deep.equal(['shardId-000000000000', 'shardId-000000000001']);
    }),
  );

  it(
    'waits for the work that the pipeline has passed on, and writes its checkpoint, before it gives the lease up',
    marbles(({ scheduler, flush }) => {
      const store = fakeLeases({ scheduler });
      const done: string[] = [];
      const subscription = kinesisStream(fastReading(fakeKinesis({ shards: { 0: '(abc)' } }), { store, events: 'silent' }))
        .pipe(
          mergeShards((shard) => blocks(shard).pipe(take(2))),
          concatMap((block) => of(block).pipe(delay(100))),
          map((block) => (done.push(textsOf(block.records)), block)),
          checkpointEvery(10),
        )
        .subscribe();
      timer(5_000).subscribe(() => subscription.unsubscribe());
      flush();
      const verbs = store.log.map((line) => line.split(' ')[1]);
      expect(done).to.deep.equal(['a', 'b']);
      expect(verbs).to.include('write').and.not.to.include('refuse');
      expect(store.log.at(-1)).to.match(/ release 0$/);
      expect(store.log.filter((line) => line.includes('write')).at(-1)).to.match(/ write 0 2$/);
    }),
  );

  it(
    "says nothing when the shard's end, stop or a lost lease completes it",
    marbles(({ scheduler, flush }) => {
      const whole = (shard: Shard): Observable<unknown> => blocks(shard).pipe(checkpointEvery(5));
      const ended = run(fakeKinesis({ shards: { 0: 'abc|' } }), whole, { store: recordingStore() });
      const stopped = run(fakeKinesis({ shards: { 0: 'abc' } }), whole, { store: recordingStore(), stop: timer(30) });
      const leases = fakeLeases({ scheduler });
      const lost = run(fakeKinesis({ shards: { 0: 'abc' } }), whole, { store: leases });
      timer(30).subscribe(() => leases.lose(0));
      // What was done before is not read, which is no fault of the pipeline.
      const store = recordingStore();
      const kinesis = fakeKinesis({ shards: { 0: 'abc|' } });
      run(kinesis, whole, { store });
      flush();
      const again = run(kinesis, whole, { store });
      flush();
      for (const { typesOf } of [ended, stopped, lost, again]) expect(typesOf('pipelineCompleted')).to.deep.equal([]);
      expect(ended.typesOf('shardReleased')).to.deep.equal(['shardReleased ended']);
    }),
  );

  it(
    'says nothing while somebody else reads the shard',
    marbles(({ flush }) => {
      const seen: string[] = [];
      const { typesOf } = run(
        fakeKinesis({ shards: { 0: 'abc|' } }),
        (shard) => {
          blocks(shard)
            .pipe(checkpointEvery(5))
            .subscribe(({ records }) => seen.push(textsOf(records)));
          return EMPTY;
        },
        { store: recordingStore() },
      );
      flush();
      expect(seen).to.deep.equal(['a', 'b', 'c']);
      expect(typesOf('pipelineCompleted', 'shardReleased')).to.deep.equal(['shardReleased ended']);
    }),
  );
});

describe('mergeShards and errors that no restart mends', () => {
  const failures: Readonly<Record<string, (shard: Shard) => Observable<unknown>>> = {
    'project returns nothing': () => undefined as never,
    'project returns a number': () => 5 as never,
    'two withSequenceRanges': (shard) => blocks(shard).pipe(bufferCount(1), withSequenceRanges() as never),
    'work that returns nothing': (shard) =>
      blocks(shard).pipe(
        mergeMap(() => of(undefined as unknown as Block)),
        checkpointEvery(5),
      ),
  };
  for (const [name, project] of Object.entries(failures)) {
    it(
      `does not restart after an InvalidConfigError: ${name}`,
      marbles(({ flush, scheduler }) => {
        const errors: unknown[] = [];
        const events: KinesisEvent[] = [];
        kinesisStream(fastReading(fakeKinesis({ shards: { 0: 'a^' } }), { events: { next: (event) => void events.push(event) } }))
          .pipe(mergeShards(project), ignoreElements())
          .subscribe({ error: (error: unknown) => errors.push(error, scheduler.now()) });
        flush();
        expect(errors[0]).to.satisfy(isInvalidConfig);
        expect(errors[1]).to.be.below(100);
        expect(events.map(({ type }) => type))
          .to.include('shardFailed')
          .and.not.to.include('shardRestarted');
      }),
    );
  }

  it(
    'does not restart after an error of the work that says that it is not retriable',
    marbles(({ flush, scheduler }) => {
      const error = Object.assign(new Error('poison'), { retriable: false });
      const seen: unknown[] = [];
      kinesisStream(fastReading(fakeKinesis({ shards: { 0: 'a^' } })))
        .pipe(mergeShards((shard) => blocks(shard).pipe(concatMap(() => throwError(() => error)))))
        .subscribe({ error: (caught: unknown) => seen.push(caught, scheduler.now()) });
      flush();
      expect(seen[0]).to.equal(error);
      expect(seen[1]).to.be.below(100);
    }),
  );
});
