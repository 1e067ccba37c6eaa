import { expect } from 'chai';
import { asyncScheduler, catchError, EMPTY, map, mergeMap, of, queueScheduler, take, timer, type Observable } from 'rxjs';
import { isShardReadError } from '../../lib/kinesis/errors.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisPort, PortShard } from '../../lib/kinesis/port.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { isStreamRecreated } from '../../lib/shards/errors.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { fastReading, numberOf, texts } from '../support/fast-reading.js';
import { spiedScheduler } from '../support/spied-scheduler.js';

/** The numbers of the shards, as they come. */
function numbers(kinesis: FakeKinesis, config: Partial<KinesisStreamConfig> = {}): Observable<number> {
  return kinesisStream(fastReading(kinesis, config)).pipe(map(numberOf));
}

describe('kinesisStream', () => {
  it(
    'emits records as they are in Kinesis, and shards with their place in the stream',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^--|', 1: { parents: [0], records: '-----b' } } });
      const shards: object[] = [];
      const records$ = kinesisStream(fastReading(kinesis)).pipe(
        mergeMap((shard) => {
          const { streamName, shardId, parentShardIds, hashKeyRange } = shard;
          shards.push({ streamName, shardId, parentShardIds, hashKeyRange, hasToken: 'fencingToken' in shard });
          return shard;
        }),
      );
      expectObservable(records$, '^ 25ms !').toBe('---a------------b', kinesis.values);
      flush();

      const allKeys = { startingHashKey: '0', endingHashKey: String(2n ** 128n - 1n) };
      expect(shards).to.deep.equal([
        { streamName: 'stream', shardId: 'shardId-000000000000', parentShardIds: [], hashKeyRange: allKeys, hasToken: false },
        {
          streamName: 'stream',
          shardId: 'shardId-000000000001',
          parentShardIds: ['shardId-000000000000'],
          hashKeyRange: allKeys,
          hasToken: false,
        },
      ]);
    }),
  );

  it(
    'never completes by itself: a stream may get new shards',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^|' } });
      // A page without an iterator and without children: a listing tells that the shard is closed.
      expectObservable(texts(kinesis), '^ 10m !').toBe('----a');
    }),
  );

  describe('unsubscribed', () => {
    it(
      'aborts the reads of every shard',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: '', 1: '', 2: '' }, latencyMs: 10 });
        expectObservable(texts(kinesis), '^ 24ms !').toBe('-');
        flush();

        expect(kinesis.callsOf('getRecords').map(({ aborted, endedAtMs }) => [aborted, endedAtMs])).to.deep.equal(
          Array(3).fill([true, 25]),
        );
      }),
    );

    it(
      'leaves no timer behind',
      marbles(({ scheduler, expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a', 1: '' } });
        expectObservable(texts(kinesis, { store: memoryCheckpoints() }), '^ 99ms !').toBe('---a');
        flush();

        expect(scheduler.frame).to.equal(100);
      }),
    );
  });

  describe('as it discovers shards', () => {
    it(
      'follows every page of ListShards (regression: unpaged, shards beyond the first page were never read)',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: '', 1: '', 2: '', 3: '', 4: '' }, shardsPerPage: 2 });
        expectObservable(numbers(kinesis), '^ 10ms !').toBe('---(abcde)', { a: 0, b: 1, c: 2, d: 3, e: 4 });
      }),
    );

    it(
      'finds new shards each 30 s, by default',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: '', 1: { createdAtMs: 31_000 } } });
        expectObservable(numbers(kinesis), '^ 70s !').toBe('-a 60001ms b', { a: 0, b: 1 });
      }),
    );

    it(
      'finds new shards each discoveryIntervalMs, from the end of a listing on; Infinity leaves it to the ends of shards',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: '', 1: { createdAtMs: 25 } } });
        expectObservable(numbers(kinesis, { discoveryIntervalMs: 10 }), '^ 50ms !').toBe('-a 32ms b', { a: 0, b: 1 });
        const never = fakeKinesis({ shards: { 0: '', 1: { createdAtMs: 25 } } });
        expectObservable(numbers(never, { discoveryIntervalMs: Infinity }), '^ 10m !').toBe('-a', { a: 0 });
        flush();

        expect(kinesis.callsOf('listShards').map(({ atMs }) => atMs)).to.deep.equal([0, 11, 22, 33, 44]);
        expect(never.callsOf('listShards')).to.have.length(1);
      }),
    );

    it(
      'tells of each listing',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: '', 1: '', 2: { createdAtMs: 5 } } });
        const events: KinesisEvent[] = [];
        const config = { discoveryIntervalMs: 10, events: { next: (event: KinesisEvent) => void events.push(event) } };
        expectObservable(numbers(kinesis, config), '^ 20ms !').toBe('-(ab) 7ms c', { a: 0, b: 1, c: 2 });
        flush();

        expect(events.filter(({ type }) => type === 'shardsDiscovered')).to.deep.equal([
          { at: 1, type: 'shardsDiscovered', streamName: 'stream', added: ['shardId-000000000000', 'shardId-000000000001'], total: 2 },
          { at: 12, type: 'shardsDiscovered', streamName: 'stream', added: ['shardId-000000000002'], total: 3 },
        ]);
      }),
    );

    it(
      'errors with a helpful ShardReadError when the stream is unknown',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: {}, streamName: 'flights' });
        const errors: unknown[] = [];
        const caught$ = numbers(kinesis, { streamName: 'fligths' }).pipe(catchError((error: unknown) => of(errors.push(error))));
        expectObservable(caught$).toBe('-(a|)', { a: 1 });
        flush();

        const [error] = errors;
        if (!isShardReadError(error)) throw new Error('expected a ShardReadError');
        expect(error).to.deep.include({ code: 'SHARD_READ', retriable: false, streamName: 'fligths', shardId: undefined });
        expect(error.message)
          .to.match(/^fligths: no such stream/)
          .and.match(/region/);
        expect((error.cause as Error).name).to.equal('ResourceNotFoundException');
      }),
    );

    it(
      'tries a fault that passes again, and errors when its retries are used up, even if that takes longer than discoveryIntervalMs',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: '' }, faults: [{ method: 'listShards', error: 'LimitExceededException', times: 3 }] });
        const events: string[] = [];
        const config = { discoveryIntervalMs: 20, events: { next: ({ type }: KinesisEvent) => void events.push(type) } };
        // Delays of 50 and 100 ms, then 200: half of the bound each.
        expectObservable(numbers(kinesis, { ...config, retry: { maxRetries: 3 } }), '^ 360ms !').toBe('354ms a', { a: 0 });
        flush();
        expect(events.slice(0, 4)).to.deep.equal([...Array<string>(3).fill('discoveryFailed'), 'shardsDiscovered']);

        kinesis.fail({ method: 'listShards', error: 'LimitExceededException', times: 3 });
        const failing$ = numbers(kinesis, { ...config, retry: { maxRetries: 2 } }).pipe(catchError((error: unknown) => of(error)));
        const caught: unknown[] = [];
        failing$.subscribe((error) => caught.push(error));
        flush();
        expect(caught[0]).to.satisfy(isShardReadError).and.to.deep.include({ retriable: true });
      }),
    );

    it(
      'goes on with the shards that it knows when a later listing fails',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({
          shards: { 0: 'a 60s b', 1: { createdAtMs: 31_000 } },
          faults: [{ method: 'listShards', error: 'AccessDeniedException', fromMs: 30_000, untilMs: 40_000 }],
        });
        const events: KinesisEvent[] = [];
        const shards$ = numbers(kinesis, { events: { next: (event) => void events.push(event) } });
        expectObservable(shards$, '^ 70s !').toBe('-a 60001ms b', { a: 0, b: 1 });
        flush();

        const failures = events.filter((event) => event.type === 'discoveryFailed');
        expect(failures).to.have.length(1);
        expect((failures[0]!.error as Error).name).to.equal('AccessDeniedException');
      }),
    );

    it(
      'ends when a listing shows that the stream was deleted and made again meanwhile (regression: a failed listing, told and forgotten)',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a', 1: '' } });
        const anew = <T extends PortShard>(shard: T): T => ({ ...shard, SequenceNumberRange: { StartingSequenceNumber: '77' } });
        const client: KinesisPort = {
          ...kinesis,
          listShards: (request) =>
            kinesis
              .listShards(request)
              .pipe(map((page) => (asyncScheduler.now() < 40_000 ? page : { ...page, Shards: page.Shards.map(anew) }))),
        };
        const errors: unknown[] = [];
        const shards$ = kinesisStream(fastReading(client)).pipe(mergeShards((shard) => shard));
        shards$.subscribe({ error: (error: unknown) => errors.push(error, asyncScheduler.now()) });
        flush();
        expect(errors[0])
          .to.satisfy(isStreamRecreated)
          .and.to.include({ streamName: 'stream', shardId: 'shardId-000000000000', retriable: false });
        expect(errors[1]).to.be.within(60_000, 60_010);
      }),
    );

    it(
      'says of its shards that they are not there any more when it is deleted while they are read, also where no record was (regression: is the name right?)',
      marbles(({ flush }) => {
        const gone = { error: 'ResourceNotFoundException', fromMs: 40, untilMs: Infinity };
        const kinesis = fakeKinesis({ shards: { 0: 'a', 1: '' }, faults: [gone] });
        const messages: string[] = [];
        const shards$ = kinesisStream(fastReading(kinesis, { discoveryIntervalMs: Infinity }));
        const failed = (error: Error): Observable<never> => (messages.push(error.message), EMPTY);
        shards$.pipe(mergeMap((shard) => shard.pipe(catchError(failed)))).subscribe();
        flush();
        const gonePlace = 'the stream or the shard is not there any more (ResourceNotFoundException)';
        expect(messages).to.have.members([
          `stream/shardId-000000000000: ${gonePlace} after 1`,
          `stream/shardId-000000000001: ${gonePlace}`,
        ]);
      }),
    );

    it(
      'ends so also when only a shard is another that was read to its end: nobody would read what has its id now',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a|', 1: { parents: [0], records: '' } } });
        const client: KinesisPort = {
          ...kinesis,
          listShards: (request) =>
            kinesis.listShards(request).pipe(
              map((page) => {
                const [first] = page.Shards;
                const anew = { ...first!, SequenceNumberRange: { StartingSequenceNumber: '77' } };
                return asyncScheduler.now() < 40_000 ? page : { ...page, Shards: [anew] };
              }),
            ),
        };
        const errors: unknown[] = [];
        const shards$ = kinesisStream(fastReading(client)).pipe(mergeShards((shard) => shard));
        shards$.subscribe({ error: (error: unknown) => errors.push(error) });
        flush();
        expect(errors[0]).to.satisfy(isStreamRecreated).and.to.include({ shardId: 'shardId-000000000000' });
      }),
    );
  });

  it(
    'tells that a shard is released when the stream is unsubscribed, unless somebody still reads it',
    marbles(({ flush }) => {
      const released: unknown[] = [];
      const events = {
        next: (event: KinesisEvent) => void (event.type === 'shardReleased' && released.push([event.at, numberOf(event), event.reason])),
      };
      const kinesis = fakeKinesis({ shards: { 0: 'a', 1: 'b' } });
      const whole = kinesisStream(fastReading(kinesis, { events }))
        .pipe(mergeShards((shard) => shard))
        .subscribe();
      timer(50).subscribe(() => whole.unsubscribe());
      const first = kinesisStream(fastReading(kinesis, { events }))
        .pipe(
          take(1),
          mergeMap((shard) => shard),
        )
        .subscribe();
      timer(90).subscribe(() => first.unsubscribe());
      flush();
      expect(released).to.deep.equal([
        [50, 0, 'stopped'],
        [50, 1, 'stopped'],
      ]);
    }),
  );

  it(
    'keeps its time by the scheduler it is given',
    marbles(({ scheduler, flush }) => {
      // In virtual time the default scheduler would serve as well: so the work that this one is given is looked for.
      const kinesis = fakeKinesis({ shards: { 0: 'a|', 1: { parents: [0], records: '--b' } }, scheduler });
      const { spied, work } = spiedScheduler(scheduler);
      const subscription = texts(kinesis, { scheduler: spied, reader: undefined, discoveryIntervalMs: 500, random: () => 0 }).subscribe();
      scheduler.schedule(() => subscription.unsubscribe(), 1_200);
      flush();

      // Discovery, the end of the shard, the waking of its child, the idle polls.
      expect(work).to.include.members(['1+500', '4+0', '502+500', '1003+500']);
      expect(work.filter((entry) => entry.endsWith('+250'))).to.not.be.empty;
    }),
  );

  it(
    'loses no wake-up with a port that answers at once: the child of a shard that is done is read without another listing',
    marbles(({ expectObservable }) => {
      const keys = { StartingHashKey: '0', EndingHashKey: '9' };
      const SequenceNumberRange = { StartingSequenceNumber: '0' };
      const port: KinesisPort = {
        listShards: () =>
          of({
            Shards: [
              { ShardId: 'a', HashKeyRange: keys, SequenceNumberRange: { ...SequenceNumberRange, EndingSequenceNumber: '5' } },
              { ShardId: 'b', ParentShardId: 'a', HashKeyRange: keys, SequenceNumberRange },
            ],
          }),
        getShardIterator: ({ ShardId }) => of(ShardId),
        getRecords: ({ ShardIterator }) => {
          const number = ShardIterator === 'a' ? '5' : '7';
          const Records = ShardIterator === 'done' ? [] : [{ SequenceNumber: number, PartitionKey: '', Data: new Uint8Array() }];
          return of({ Records, ...(ShardIterator !== 'a' && { NextShardIterator: 'done' }), MillisBehindLatest: 0 });
        },
      };
      // The scheduler too: what it is given without a delay, it does at once.
      const config = { discoveryIntervalMs: Infinity, scheduler: queueScheduler };
      const records$ = kinesisStream(fastReading(port, config)).pipe(
        mergeMap((shard) => shard),
        map(({ sequenceNumber }) => sequenceNumber),
      );
      expectObservable(records$, '^ 5s !').toBe('(ab)', { a: '5', b: '7' });
    }),
  );

  it(
    'does not care what an observer of its events throws',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a|', 1: { parents: [0], records: '---b' } } });
      const events = {
        next: () => {
          throw new Error('observer');
        },
      };
      expectObservable(texts(kinesis, { events }), '^ 9ms !').toBe('----a-b');
    }),
  );

  it(
    'takes any ObservableInput as stop; one that only completes stops nothing, one that errors is an error',
    marbles(({ expectObservable, cold }) => {
      const kinesis = () => fakeKinesis({ shards: { 0: 'a' } });
      expectObservable(texts(kinesis(), { stop: ['now'] })).toBe('|');
      expectObservable(texts(kinesis(), { stop: cold('-|') }), '^----!').toBe('---a');
      expectObservable(texts(kinesis(), { stop: cold('-#') })).toBe('-#');
      expectObservable(texts(kinesis(), { stop: timer(5) })).toBe('---a-|');
    }),
  );

  describe('with a config that cannot work', () => {
    const kinesis = fakeKinesis({ shards: {} });
    const bad: Record<string, [object, RegExp]> = {
      'a misspelt option': [{ startFom: 'LATEST' }, /unknown option startFom; known are client, .*discoveryIntervalMs/],
      'an option of another source': [{ shardId: 'x' }, /unknown option shardId/],
      'startFrom missing: no choice is safe': [
        { startFrom: undefined },
        /startFrom: expected 'TRIM_HORIZON', 'LATEST' or a Date, got undefined/,
      ],
      'a discovery interval of 0': [{ discoveryIntervalMs: 0 }, /discoveryIntervalMs: expected a number from 1 up, got 0/],
      'a negative discovery interval': [{ discoveryIntervalMs: -5 }, /discoveryIntervalMs.*got -5/],
      'a discovery interval that is no number': [{ discoveryIntervalMs: NaN }, /discoveryIntervalMs.*got NaN/],
      'no stream': [{ streamName: undefined }, /expected either streamName or streamARN/],
      'two streams': [{ streamARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/flights' }, /either/],
      'a negative credit': [{ maxInFlightRecords: -1 }, /maxInFlightRecords.*got -1/],
    };
    for (const [name, [config, message]] of Object.entries(bad)) {
      it(`refuses when called: ${name}`, () => {
        expect(() => kinesisStream(fastReading(kinesis, config)))
          .to.throw(message)
          .that.satisfies(isInvalidConfig);
      });
    }
  });
});
