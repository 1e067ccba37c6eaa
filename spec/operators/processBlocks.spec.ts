import { expect } from 'chai';
import {
  bufferCount,
  concatMap,
  defer,
  EMPTY,
  from,
  lastValueFrom,
  map,
  NEVER,
  of,
  Subject,
  tap,
  throwError,
  timer,
  toArray,
  Observable,
} from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import type { BlockFailure } from '../../lib/operators/part-handling.js';
import { processBlocks, type ProcessBlocksConfig } from '../../lib/operators/processBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { block, fakeKinesis, marbles, record } from '../../lib/testing/index.js';
import { makeBlock, type Block } from '../../lib/values/block.js';
import { InvalidConfigError, isInvalidConfig } from '../../lib/values/errors.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { rangeToString, SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { fakeLeases } from '../support/fake-leases.js';
import { fastReading } from '../support/fast-reading.js';
import { instantKinesis, quickReading } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';
import { seededRandom } from '../support/seeded-random.js';
import { thrownBy } from '../support/thrown-by.js';

const fault = new TypeError('of the user');
/** Retries after 0 ms, so that only the order matters. */
const AT_ONCE = { retryDelayMs: 0 };
const inWords = ({ ranges }: Block): string =>
  ranges.ranges.map((it) => rangeToString(it).replace('stream/shardId-00000000000', '')).join(' ');
const numbers = ({ records }: Block): string => records.map(({ sequenceNumber }) => sequenceNumber).join();

/** Work that fails for blocks with a record of these numbers, and notes with what it is called. */
function failingFor(...poison: number[]) {
  const calls: string[] = [];
  const handler = (part: Block): Observable<never> =>
    defer(() => {
      calls.push(numbers(part));
      if (part.records.some(({ sequenceNumber }) => poison.includes(Number(sequenceNumber)))) throw fault;
      return EMPTY;
    });
  return { calls, handler };
}

/** Takes what is given up. */
function keeping() {
  const kept: BlockFailure[] = [];
  const onFailure = (failure: BlockFailure): Observable<never> => (kept.push(failure), EMPTY);
  return { kept, onFailure };
}

describe('processBlocks', () => {
  describe('when its handler fails', () => {
    it(
      'calls it again after a delay with full jitter, doubled each time, while later blocks wait',
      marbles(({ cold, expectObservable, scheduler, flush }) => {
        const calledAt: string[] = [];
        const handler = (part: Block): Observable<never> => {
          calledAt.push(`${scheduler.now()}: ${numbers(part)}`);
          return calledAt.length < 5 ? throwError(() => fault) : EMPTY;
        };
        const source = cold('(ab|)', { a: block(1), b: block(2) });
        const result = source.pipe(processBlocks(handler, { retryDelayMs: 100, random: () => 0.5 }));
        expectObservable(result).toBe('750ms (ab|)', { a: block(1), b: block(2) });
        flush();
        expect(calledAt).to.deep.equal(['0: 1', '50: 1', '150: 1', '350: 1', '750: 1', '750: 2']);
      }),
    );

    it(
      'never waits longer than a minute',
      marbles(({ cold, expectObservable }) => {
        const result = cold('a', { a: block(1) }).pipe(
          processBlocks(() => throwError(() => fault), { maxAttempts: 8, random: () => 0.999 }),
        );
        // 1, 2, 4, 8, 16, 32 and 60 s, each less a thousandth, and rounded down.
        expectObservable(result).toBe('122877ms #', undefined, fault);
      }),
    );

    it('propagates its error after maxAttempts calls without onFailure', async () => {
      const { calls, handler } = failingFor(1);
      const result = lastValueFrom(of(block(1)).pipe(processBlocks(handler, { ...AT_ONCE, maxAttempts: 3 })));
      expect(await result.catch((error: unknown) => error)).to.equal(fault);
      expect(calls).to.deep.equal(['1', '1', '1']);
    });

    it('gives onFailure the whole block, with the last error and the number of calls, and emits the block then', async () => {
      const { kept, onFailure } = keeping();
      const { handler } = failingFor(2);
      const blocks = [block(1), block(2, 3), block(4)];
      const passed = await lastValueFrom(from(blocks).pipe(processBlocks(handler, { ...AT_ONCE, maxAttempts: 2, onFailure }), toArray()));
      expect(passed).to.deep.equal(blocks);
      expect(kept).to.deep.equal([{ block: blocks[1], reason: 'error', attempts: 2, error: fault }]);
      // The very instance: its ranges are the entry in the ledger.
      expect(kept[0]!.block).to.equal(blocks[1]);
    });

    it(
      'holds the block until what onFailure returns has completed',
      marbles(({ cold, expectObservable }) => {
        const source = cold(' a|', { a: block(1) });
        const expected = '    -----(a|)';
        const result = source.pipe(processBlocks(() => throwError(() => fault), { maxAttempts: 1, onFailure: () => timer(5) }));
        expectObservable(result).toBe(expected, { a: block(1) });
      }),
    );

    for (const [how, onFailure] of [
      [
        'throws',
        () => {
          throw new RangeError('full');
        },
      ],
      ['errors', () => throwError(() => new RangeError('full'))],
    ] as const)
      // prettier-ignore
      it(`errors with what onFailure fails with when that ${how}, and does not call the handler again`, async () => {
        const { calls, handler } = failingFor(1);
        const result = lastValueFrom(of(block(1)).pipe(processBlocks(handler, { ...AT_ONCE, maxAttempts: 2, onFailure })));
        expect(await result.catch((error: unknown) => error)).to.be.an.instanceOf(RangeError);
        expect(calls).to.have.length(2);
      });

    it('does not try again after an error that is not retriable', async () => {
      const { kept, onFailure } = keeping();
      const final = Object.assign(new Error('malformed'), { retriable: false });
      let calls = 0;
      const handler = () => (calls++, throwError(() => final));
      await lastValueFrom(of(block(1)).pipe(processBlocks(handler, { onFailure })));
      expect([calls, kept[0]!.error, kept[0]!.attempts]).to.deep.equal([1, final, 1]);
    });

    for (const odd of [undefined, null, 'text'])
      it(`takes ${odd} for an error like any other`, async () => {
        const { kept, onFailure } = keeping();
        let calls = 0;
        const handler = () => (calls++, throwError(() => odd));
        await lastValueFrom(of(block(1)).pipe(processBlocks(handler, { ...AT_ONCE, maxAttempts: 3, onFailure })));
        expect([calls, kept.map(({ error }) => error)]).to.deep.equal([3, [odd]]);
      });

    it('tries for ever where maxAttempts is Infinity', async () => {
      let calls = 0;
      const handler = () => (++calls < 500 ? throwError(() => fault) : EMPTY);
      await lastValueFrom(of(block(1)).pipe(processBlocks(handler, { ...AT_ONCE, maxAttempts: Infinity })));
      expect(calls).to.equal(500);
    });

    it(
      'leaves no timer behind when it is unsubscribed while it waits',
      marbles(({ cold, expectObservable, flush, scheduler }) => {
        const result = cold('a', { a: block(1) }).pipe(processBlocks(() => throwError(() => fault), { retryDelayMs: 60_000 }));
        expectObservable(result, '--!').toBe('');
        flush();
        // The last action was the unsubscription.
        expect(scheduler.now()).to.equal(2);
      }),
    );
  });

  describe('with bisectOnError', () => {
    const bisecting = (onFailure: (failure: BlockFailure) => Observable<never>): ProcessBlocksConfig => ({
      ...AT_ONCE,
      ...{ bisectOnError: true, maxAttempts: 3, onFailure },
    });

    it('cuts at once what fails, in order, down to the record that fails, which alone is tried maxAttempts times', async () => {
      const { calls, handler } = failingFor(3);
      const { kept, onFailure } = keeping();
      const whole = block(1, 2, 3, 4, 5);
      const passed = await lastValueFrom(of(whole, block(6)).pipe(processBlocks(handler, bisecting(onFailure)), toArray()));
      expect(calls).to.deep.equal(['1,2,3,4,5', '1,2,3', '1,2', '3', '3', '3', '4,5', '6']);
      expect(kept.map(({ block: part }) => inWords(part))).to.deep.equal(['0[3..3 #1]']);
      // Two calls with others, and three alone.
      expect([kept[0]!.attempts, kept[0]!.reason, kept[0]!.error]).to.deep.equal([5, 'error', fault]);
      expect(passed).to.deep.equal([whole, block(6)]);
    });

    it('makes no more than log2(n) calls while the sink is down, and loses and repeats nothing when it is up again', async () => {
      const { kept, onFailure } = keeping();
      const whole = block(...Array(64).keys());
      let isDown = true;
      let calls = 0;
      const done: string[] = [];
      const handler = (part: Block) =>
        defer(() => {
          if (++calls === 9) isDown = false;
          if (isDown) throw fault;
          done.push(...part.records.map(({ sequenceNumber }) => sequenceNumber));
          return EMPTY;
        });
      await lastValueFrom(of(whole).pipe(processBlocks(handler, bisecting(onFailure))));
      expect(kept).to.deep.equal([]);
      expect(done).to.deep.equal(whole.records.map(({ sequenceNumber }) => sequenceNumber));
      // 64, 32, 16, 8, 4, 2 and 1 fail, 1 once more, then 1, and 1, 2, 4, 8, 16 and 32.
      expect(calls).to.equal(15);
    });

    it('gives parts the ranges that their records have in the block, and their own ids', async () => {
      const whole = makeBlock(
        [1, 2, 5, 6].map((n) => record(n)),
        new SequenceNumberRanges([...block(1, 2).ranges.ranges, ...block(5, 6).ranges.ranges]),
        true,
      );
      const parts: Block[] = [];
      const handler = (part: Block) => (parts.push(part), part.records.length > 1 ? throwError(() => fault) : EMPTY);
      await lastValueFrom(
        of(whole).pipe(
          processBlocks(
            handler,
            bisecting(() => EMPTY),
          ),
        ),
      );
      expect(parts.map(inWords)).to.deep.equal([
        ...['0[1..2 #2] 0[5..6 #2]', '0[1..2 #2]', '0[1..1 #1]', '0[2..2 #1]'],
        ...['0[5..6 #2]', '0[5..5 #1]', '0[6..6 #1]'],
      ]);
      expect(new Set(parts.map(({ id }) => id)).size).to.equal(7);
      expect(parts.every(({ recovered }) => recovered)).to.equal(true);
    });

    it('makes no range over records that an operator before it has dropped from the block', async () => {
      const whole = { ...block(1, 2, 3, 4, 5), records: [1, 3, 5].map((n) => record(n)) };
      const parts: string[] = [];
      const handler = (part: Block) => (parts.push(inWords(part)), part.records.length > 1 ? throwError(() => fault) : EMPTY);
      await lastValueFrom(
        of(whole).pipe(
          processBlocks(
            handler,
            bisecting(() => EMPTY),
          ),
        ),
      );
      expect(parts).to.deep.equal(['0[1..5 #5]', '0[1..1 #1] 0[3..3 #1]', '0[1..1 #1]', '0[3..3 #1]', '0[5..5 #1]']);
    });
  });

  for (const [how, records] of [
    ['in another order', [3, 2, 1, 4]],
    ['with one of them twice', [1, 2, 2, 4]],
    ['with another one in place of the last', [1, 2, 3, 9]],
  ] as const)
    it(`gives each record of a part a range of its own where the block has its records ${how}`, async () => {
      const { kept, onFailure } = keeping();
      const changed = { ...block(1, 2, 3, 4), records: records.map((n, i) => record(n, { partitionKey: i < 3 ? 'a' : 'b' })) };
      const handler = (part: Block) => (part.records[0]!.partitionKey === 'a' ? throwError(() => fault) : EMPTY);
      const config: ProcessBlocksConfig = { orderBy: 'partitionKey', concurrency: 2, maxAttempts: 1, onFailure };
      await lastValueFrom(of(changed).pipe(processBlocks(handler, config)));
      expect(kept.map(({ block: part }) => inWords(part))).to.deep.equal([
        records
          .slice(0, 3)
          .map((n) => `0[${n}..${n} #1]`)
          .join(' '),
      ]);
    });

  it('gives each record of a part a range of its own where the block has a record of another shard', async () => {
    const { kept, onFailure } = keeping();
    const [a, other] = [{ partitionKey: 'a' }, { shardId: 'shardId-000000000001' }];
    const records = [record(1, a), record(2, { ...a, ...other }), record(3, a), record(4, { partitionKey: 'b' })];
    const handler = (part: Block) => (part.records[0]!.partitionKey === 'b' ? EMPTY : throwError(() => fault));
    const config: ProcessBlocksConfig = { orderBy: 'partitionKey', concurrency: 2, maxAttempts: 1, onFailure };
    await lastValueFrom(of({ ...block(1, 2, 3, 4), records }).pipe(processBlocks(handler, config)));
    expect(kept.map(({ block: part }) => inWords(part))).to.deep.equal(['0[1..1 #1] 1[2..2 #1] 0[3..3 #1]']);
  });

  describe('with maxRecordAgeMs', () => {
    const aged = (...ats: (number | undefined)[]): Block =>
      block(...ats.map((at, i) => record(i + 1, at === undefined ? {} : { approximateArrivalTimestamp: new Date(at) })));

    it(
      'gives up what is older, and handles the rest; a record without a time is never too old',
      marbles(({ cold, expectObservable, flush }) => {
        const { kept, onFailure } = keeping();
        const { calls, handler } = failingFor();
        const whole = aged(0, 4, undefined, 5, 6);
        expectObservable(cold('----------a', { a: whole }).pipe(processBlocks(handler, { maxRecordAgeMs: 5, onFailure }))).toBe(
          '----------a',
          { a: whole },
        );
        flush();
        expect(calls).to.deep.equal(['3,4,5']);
        expect(kept.map(({ block: old, ...rest }) => ({ ...rest, old: inWords(old) }))).to.deep.equal([
          { old: '0[1..2 #2]', reason: 'age', attempts: 0, error: undefined },
        ]);
      }),
    );

    it(
      'looks again after what onFailure took',
      marbles(({ cold, expectObservable, flush }) => {
        const { kept, onFailure } = keeping();
        const { calls, handler } = failingFor();
        const whole = aged(0, 8, 22);
        const slowly = (failure: BlockFailure) => (onFailure(failure), timer(10));
        expectObservable(cold('-----a', { a: whole }).pipe(processBlocks(handler, { maxRecordAgeMs: 4, onFailure: slowly }))).toBe(
          '25ms a',
          { a: whole },
        );
        flush();
        expect([calls, kept.map(({ block: old }) => numbers(old))]).to.deep.equal([['3'], ['1', '2']]);
      }),
    );

    it(
      'looks again before each call, and does not call with nothing',
      marbles(({ cold, expectObservable, flush }) => {
        const { kept, onFailure } = keeping();
        const { calls, handler } = failingFor(1, 2);
        const whole = aged(0, 15);
        const config = { maxRecordAgeMs: 20, retryDelayMs: 40, random: () => 0.4, onFailure };
        // At 0, 16 (0.4 of 40) and 48 (0.4 of 80).
        expectObservable(cold('a', { a: whole }).pipe(processBlocks(handler, config))).toBe('48ms a', { a: whole });
        flush();
        expect(calls).to.deep.equal(['1,2', '1,2']);
        expect(kept.map(({ attempts, error, block: old }) => [numbers(old), attempts, error])).to.deep.equal([['1,2', 2, fault]]);
      }),
    );
  });

  describe('ordered by partition key', () => {
    const keyed = (...keys: string[]): Block => block(...keys.map((partitionKey, i) => record(i + 1, { partitionKey })));

    it(
      'handles the records of other keys while those of one key wait, and emits a block when all of it is done',
      marbles(({ cold, expectObservable, flush, scheduler }) => {
        const calls: string[] = [];
        const keys = (part: Block): string => [...new Set(part.records.map(({ partitionKey }) => partitionKey))].join('');
        const handler = (part: Block) => {
          calls.push(`${scheduler.now()} ${keys(part)}:${numbers(part)}`);
          return timer(keys(part) === 'a' ? 10 : 2);
        };
        const [x, y] = [keyed('a', 'b', 'a'), keyed('b', 'b')];
        const result = cold('(xy|)', { x, y }).pipe(processBlocks(handler, { orderBy: 'partitionKey', concurrency: 2 }));
        expectObservable(result).toBe('----y-----(x|)', { x, y });
        flush();
        expect(calls).to.deep.equal(['0 a:1,3', '0 b:2', '2 b:1,2']);
      }),
    );

    it('has as many calls under way as concurrency says, and not more', async () => {
      let underWay = 0;
      let most = 0;
      const handler = () =>
        defer(() => {
          most = Math.max(most, ++underWay);
          return timer(1).pipe(tap({ complete: () => underWay-- }));
        });
      const blocks = [...Array(5).keys()].map(() => keyed(...[...Array(40).keys()].map(String)));
      await lastValueFrom(from(blocks).pipe(processBlocks(handler, { orderBy: 'partitionKey', concurrency: 4 })));
      expect(most).to.equal(4);
    });

    for (const [what, work] of [
      ['at once', () => EMPTY],
      ['later', () => timer(1)],
    ] as const)
      it(`keeps the order of each key when the source emits from within the handler, whose work is done ${what}`, async () => {
        const source = new Subject<Block>();
        const keys = [...Array(8).keys()].map((n) => `k${n}`);
        const [first, second] = [0, 8].map((from) => block(...keys.map((partitionKey, i) => record(from + i + 1, { partitionKey }))));
        const calls: KinesisRecord[] = [];
        const handler = (part: Block) => {
          const isFirst = calls.length === 0;
          calls.push(...part.records);
          if (isFirst) {
            source.next(second!);
            source.complete();
          }
          return work();
        };
        const done = lastValueFrom(source.pipe(processBlocks(handler, { orderBy: 'partitionKey', concurrency: 4 }), toArray()));
        source.next(first!);
        expect(await done).to.have.members([first, second]);
        for (const key of keys) {
          const own = calls.filter(({ partitionKey }) => partitionKey === key).map(({ sequenceNumber }) => Number(sequenceNumber));
          expect(own, key).to.deep.equal([...own].sort((a, b) => a - b));
        }
      });

    it('does not grow the stack where the consumer feeds the source', async () => {
      const source = new Subject<Block>();
      let fed = 0;
      const feed = (): void => (++fed <= 20_000 ? source.next(keyed('a', 'b', 'c')) : source.complete());
      const done = lastValueFrom(
        source.pipe(
          processBlocks(() => EMPTY, { orderBy: 'partitionKey', concurrency: 2 }),
          tap(feed),
        ),
      );
      feed();
      await done;
      expect(fed).to.equal(20_001);
    });

    it('keeps the order of each key, loses nothing and repeats only what failed, in random courses', async () => {
      for (let seed = 0; seed < 200; seed++) await randomCourse(seededRandom(seed));
    });
  });

  describe('in a stream', () => {
    it(
      'settles a block that was given up, and tells of retries and of what was given up',
      marbles(({ expectObservable, flush, scheduler }) => {
        const store = recordingStore({ scheduler });
        const events: KinesisEvent[] = [];
        const { kept, onFailure } = keeping();
        const poisoned = (part: Block) => (part.records.some(({ partitionKey }) => partitionKey === 'b') ? throwError(() => fault) : EMPTY);
        const client = instantKinesis({ streamName: 'stream', shards: { 0: '(abc)^' } });
        const config = { client, ...quickReading(), store, events: { next: (event: KinesisEvent) => events.push(event) }, stop: timer(50) };
        const result = kinesisStream(config).pipe(
          mergeShards((shard) =>
            shard.pipe(
              bufferCount(3),
              withSequenceRanges(),
              processBlocks(poisoned, { bisectOnError: true, maxAttempts: 2, retryDelayMs: 2, random: () => 0.5, onFailure }),
              checkpointEvery(30_000),
            ),
          ),
          map(numbers),
        );
        expectObservable(result.pipe(toArray())).toBe('50ms (x|)', { x: ['1,2,3'] });
        flush();
        expect(kept.map(({ block: part }) => numbers(part))).to.deep.equal(['2']);
        expect(store.kept.at(-1)).to.equal('50 3');
        const told = events.filter(({ type }) => ['blockRetry', 'blockFailed', 'shardRestarted'].includes(type));
        const place = { streamName: 'stream', shardId: 'shardId-000000000000' };
        const idOf = (first: number, last: number): string => `stream/shardId-000000000000/${first}-${last}/${last - first + 1}`;
        expect(told.map(({ at: _, ...event }) => event)).to.deep.equal([
          { type: 'blockRetry', ...place, blockId: idOf(1, 3), records: 3, attempt: 1, delayMs: 0, error: fault },
          { type: 'blockRetry', ...place, blockId: idOf(1, 2), records: 2, attempt: 2, delayMs: 0, error: fault },
          { type: 'blockRetry', ...place, blockId: idOf(2, 2), records: 1, attempt: 3, delayMs: 1, error: fault },
          { type: 'blockFailed', ...place, blockId: idOf(2, 2), records: 1, reason: 'error', attempts: 4, error: fault },
        ]);
      }),
    );

    it(
      'tells that records are given up before onFailure is called, which may hang',
      marbles(({ expectObservable, flush }) => {
        const events: string[] = [];
        const client = instantKinesis({ streamName: 'stream', shards: { 0: 'a^' } });
        const config = { client, ...quickReading(), events: { next: ({ type }: KinesisEvent) => events.push(type) } };
        const policy = { maxAttempts: 1, onFailure: () => NEVER };
        const result = kinesisStream(config).pipe(
          mergeShards((shard) =>
            shard.pipe(
              bufferCount(1),
              withSequenceRanges(),
              processBlocks(() => throwError(() => fault), policy),
            ),
          ),
        );
        expectObservable(result, '----------!').toBe('');
        flush();
        expect(events).to.include('blockFailed');
      }),
    );

    it(
      'calls the handler once more at once when the shard stops, and later after its delays as before',
      marbles(({ expectObservable, flush, scheduler }) => {
        const calls: number[] = [];
        const failing = () => (calls.push(scheduler.now()), calls.length < 5 ? throwError(() => fault) : EMPTY);
        const client = instantKinesis({ streamName: 'stream', shards: { 0: 'a^' } });
        const policy = { retryDelayMs: 100, random: () => 0.5 };
        const result = kinesisStream({ client, ...quickReading(), events: 'silent', stop: timer(60) }).pipe(
          mergeShards((shard) => shard.pipe(bufferCount(1), withSequenceRanges(), processBlocks(failing, policy), checkpointEvery(1_000))),
          map(numbers),
        );
        expectObservable(result).toBe('660ms (a|)', { a: '1' });
        flush();
        // 50 and 100 ms after the first two; then at the stop; then after 200 and 400.
        expect(calls).to.deep.equal([0, 50, 60, 260, 660]);
      }),
    );

    for (const bisectOnError of [false, true])
      it(
        `leaves a block that fails to the next owner when another worker has asked for the shard${bisectOnError ? ', uncut' : ''}`,
        marbles(({ scheduler, flush }) => {
          const { kept, onFailure } = keeping();
          const store = fakeLeases({
            scheduler,
            inner: memoryCheckpoints(),
            taking: (take$) => take$().pipe(map((lease) => ({ ...lease, asked$: timer(40) }))),
          });
          const calls: number[] = [];
          const failing = () => (calls.push(scheduler.now()), throwError(() => fault));
          const kinesis = fakeKinesis({ shards: { 0: '(ab)^' } });
          const told: string[] = [];
          const events = { next: ({ type, at }: KinesisEvent) => void (type === 'shardReleased' && told.push(`${type} ${at}`)) };
          kinesisStream(fastReading(kinesis, { store, events, stop: timer(2_000) }))
            .pipe(
              mergeShards((shard) =>
                shard.pipe(
                  bufferCount(2),
                  withSequenceRanges(),
                  processBlocks(failing, { retryDelayMs: 1_000, random: () => 0.5, maxAttempts: Infinity, bisectOnError, onFailure }),
                  checkpointEvery(1_000),
                ),
              ),
            )
            .subscribe();
          flush();
          // Asked for at 42 ms: it is tried once more, and released a millisecond later.
          expect([calls, told[0]]).to.deep.equal([bisectOnError ? [5, 5, 42] : [5, 42], 'shardReleased 43']);
          expect(kept).to.deep.equal([]);
        }),
      );

    it(
      'calls again when another worker has asked for the shard and the work is behind mergeShards (regression: the error ended the stream)',
      marbles(({ scheduler, flush }) => {
        const store = fakeLeases({
          scheduler,
          inner: memoryCheckpoints(),
          taking: (take$) => take$().pipe(map((lease) => ({ ...lease, asked$: timer(40) }))),
        });
        const calls: number[] = [];
        const failing = () => (calls.push(scheduler.now()) < 3 ? throwError(() => fault) : EMPTY);
        const kinesis = fakeKinesis({ shards: { 0: '(ab)^' } });
        const told: string[] = [];
        const events = { next: ({ type, at }: KinesisEvent) => void (type === 'shardReleased' && told.push(`${type} ${at}`)) };
        kinesisStream(fastReading(kinesis, { store, events, stop: timer(2_000) }))
          .pipe(
            mergeShards((shard) => shard.pipe(bufferCount(2), withSequenceRanges())),
            processBlocks(failing, { retryDelayMs: 1_000, random: () => 0.5, maxAttempts: Infinity }),
            checkpointEvery(1_000),
          )
          .subscribe({ error: (error: unknown) => told.push(String(error)) });
        flush();
        expect([calls, told[0]]).to.deep.equal([[5, 42, 1_042], 'shardReleased 1044']);
      }),
    );

    it(
      'is unsubscribed with its handler when the shard is, and settles nothing then',
      marbles(({ expectObservable, flush, cold, expectSubscriptions, scheduler }) => {
        const store = recordingStore({ scheduler });
        const work = cold('-');
        const client = instantKinesis({ streamName: 'stream', shards: { 0: 'a^' } });
        const result = kinesisStream({ client, ...quickReading(), store }).pipe(
          mergeShards((shard) =>
            shard.pipe(
              bufferCount(1),
              withSequenceRanges(),
              processBlocks(() => work),
              checkpointEvery(1_000),
            ),
          ),
        );
        expectObservable(result, '----------!').toBe('');
        flush();
        expectSubscriptions(work.subscriptions).toBe('^---------!');
        expect(store.asked).to.deep.equal([]);
      }),
    );
  });

  describe('refuses at once', () => {
    const refused: Record<string, ProcessBlocksConfig | Record<string, unknown>> = {
      'orderBy: expected one of partitionKey, shard': { orderBy: 'key' },
      'concurrency: expected a whole number from 1 up': { concurrency: 0, orderBy: 'partitionKey' },
      "concurrency: 2 needs orderBy: 'partitionKey'": { concurrency: 2 },
      "concurrency: needed with orderBy: 'partitionKey'": { orderBy: 'partitionKey' },
      'maxAttempts: expected a whole number from 1 up': { maxAttempts: 0 },
      'retryDelayMs: expected a finite number from 0 up': { retryDelayMs: Infinity },
      'bisectOnError: expected true or false': { bisectOnError: 'yes' },
      'maxRecordAgeMs: expected a number from 1 up': { maxRecordAgeMs: 0 },
      'onFailure: needed with bisectOnError': { bisectOnError: true },
      'onFailure: needed with maxRecordAgeMs': { maxRecordAgeMs: 1_000 },
      'onFailure: expected a function': { onFailure: 'queue' },
      'unknown option maxRetries': { maxRetries: 3 },
    };
    for (const [message, config] of Object.entries(refused))
      it(message, () => {
        const error = thrownBy(() => processBlocks(() => EMPTY, config as ProcessBlocksConfig));
        expect(error).to.be.an.instanceOf(InvalidConfigError);
        expect((error as Error).message).to.contain(message);
      });

    it('a handler that is no function', () => {
      expect(thrownBy(() => processBlocks(undefined as never))).to.satisfy(isInvalidConfig);
    });
  });

  describe('errors, and gives nothing up,', () => {
    const { kept, onFailure } = keeping();
    const run = (source: unknown, handler: unknown = () => EMPTY, config: object = {}) =>
      lastValueFrom(
        of(source as Block).pipe(processBlocks(handler as () => Observable<never>, { ...AT_ONCE, onFailure, ...config })),
      ).catch((error: unknown) => error as Error);
    const cases: Record<string, [() => Promise<unknown>, string]> = {
      'for a record': [() => run(record(1)), 'got a record: put it behind withSequenceRanges'],
      'for an array of records': [() => run([record(1)]), 'got an array with a record: put it behind withSequenceRanges'],
      'for a handle without records': [
        () => run({ id: 'x', ranges: block(1).ranges }),
        'expected a block with its records: put it behind loadBlocks',
      ],
      'for a block of something else': [() => run({ ...block(1), records: ['a'] }), 'expected records with the fields of a KinesisRecord'],
      'for a handler that returns an array, perhaps of promises': [
        () => run(block(1), () => [Promise.resolve()]),
        'wait for all of it with Promise.all or forkJoin',
      ],
      'for a handler that returns a text': [
        () => run(block(1), () => 'saved'),
        'handler: expected it to return a promise or an Observable',
      ],
      'for a handler that returns nothing': [
        () => run(block(1), () => undefined),
        'handler: expected it to return a promise or an Observable',
      ],
      'for an onFailure that returns nothing': [
        () => run(block(1), () => throwError(() => fault), { maxAttempts: 1, onFailure: () => undefined }),
        'onFailure: expected it to return a promise or an Observable',
      ],
    };
    for (const [what, [act, message]] of Object.entries(cases))
      it(what, async () => {
        const error = await act();
        expect(error).to.be.an.instanceOf(InvalidConfigError);
        expect((error as Error).message).to.contain(message);
        expect(kept).to.deep.equal([]);
      });
  });

  for (const orderBy of ['shard', 'partitionKey'] as const)
    it(`calls the handler for the next block only when what it returned for the last one has been torn down, ordered by ${orderBy}`, async () => {
      const log: string[] = [];
      const handler = (part: Block) =>
        new Observable<never>((subscriber) => {
          log.push(`begin ${numbers(part)}`);
          timer(1).subscribe(() => subscriber.complete());
          return () => log.push(`torn down ${numbers(part)}`);
        });
      const config = { orderBy, concurrency: orderBy === 'shard' ? 1 : 2 } as const;
      await lastValueFrom(of(block(1), block(2)).pipe(processBlocks(handler, config)));
      expect(log).to.deep.equal(['begin 1', 'torn down 1', 'begin 2', 'torn down 2']);
    });

  for (const orderBy of ['shard', 'partitionKey'] as const)
    it(`begins no further work once it has errored, ordered by ${orderBy}`, () => {
      const source = new Subject<Block>();
      const works: Subject<never>[] = [];
      const handler = () => (works.push(new Subject<never>()), works.at(-1)!);
      const config = { orderBy, concurrency: orderBy === 'shard' ? 1 : 2, maxAttempts: 1 } as const;
      // Whoever hears of the error ends the other work.
      source.pipe(processBlocks(handler, config)).subscribe({ error: () => works.forEach((work) => work.complete()) });
      const keys = (from: number) => block(...[...'abcdef'].map((partitionKey, i) => record(from + i, { partitionKey })));
      source.next(keys(1));
      source.next(keys(11));
      const before = works.length;
      works[0]!.error(fault);
      expect(works).to.have.length(before);
    });

  it('propagates what a random function throws, and gives nothing up for it', async () => {
    const { kept, onFailure } = keeping();
    const random = () => {
      throw new RangeError('no number');
    };
    const result = lastValueFrom(of(block(1)).pipe(processBlocks(() => throwError(() => fault), { random, onFailure })));
    expect(await result.catch((error: unknown) => error)).to.be.an.instanceOf(RangeError);
    expect(kept).to.deep.equal([]);
  });

  it('takes what from() takes as work, and keeps values of it to itself', async () => {
    const works = [() => Promise.resolve(7), () => of(1, 2), () => new Set([1, 2]), async function* () { yield 1; }]; // prettier-ignore
    for (const work of works) {
      const passed = await lastValueFrom(of(block(1)).pipe(processBlocks(work), toArray()));
      expect(passed).to.deep.equal([block(1)]);
    }
  });

  it('passes on a block whose records an operator before it has all dropped, in its turn, without a call', async () => {
    const { calls, handler } = failingFor();
    const empty = { ...block(2), records: [] };
    const work = (part: Block) => handler(part).pipe(concatMap(() => NEVER));
    const passed = await lastValueFrom(of(block(1), empty, block(3)).pipe(processBlocks(work), toArray()));
    expect(passed).to.deep.equal([block(1), empty, block(3)]);
    expect(calls).to.deep.equal(['1', '3']);
  });
});

/** Blocks of random keys, a handler of random speed that fails for some records always and for some calls by chance, against what must hold of any such course. */
async function randomCourse(random: () => number): Promise<void> {
  const upTo = (n: number): number => Math.floor(random() * n);
  let next = 1;
  const blocks = [...Array(1 + upTo(8))].map(() =>
    block(...[...Array(1 + upTo(12))].map(() => record(next++, { partitionKey: `k${upTo(6)}` }))),
  );
  const poison = new Set([...Array(upTo(4))].map(() => String(1 + upTo(next))));
  const maxAttempts = 1 + upTo(3);
  const isOrderedByKey = random() < 0.7;
  const isBisecting = random() < 0.6;
  const chance = random() < 0.5 ? 0 : 0.2;
  const done: Block['records'][number][] = [];
  const kept: BlockFailure[] = [];
  const handler = (part: Block): Observable<unknown> => {
    const fails = part.records.some(({ sequenceNumber }) => poison.has(sequenceNumber)) || random() < chance;
    const work$ = defer(() => (fails ? throwError(() => fault) : (done.push(...part.records), EMPTY)));
    return random() < 0.5 ? work$ : timer(upTo(3)).pipe(concatMap(() => work$));
  };
  const passed = await lastValueFrom(
    from(blocks).pipe(
      processBlocks(handler, {
        ...AT_ONCE,
        ...{ maxAttempts, bisectOnError: isBisecting, onFailure: (failure: BlockFailure) => (kept.push(failure), EMPTY) },
        ...(isOrderedByKey && { orderBy: 'partitionKey', concurrency: 1 + upTo(5) }),
      }),
      toArray(),
    ),
  );
  const givenUp = kept.flatMap(({ block: part }) => part.records);
  const all = blocks.flatMap(({ records }) => records);
  // Each record is done once, or given up once; each block passes once.
  expect([...done, ...givenUp].map(({ sequenceNumber }) => Number(sequenceNumber)).sort((a, b) => a - b)).to.deep.equal(
    all.map(({ sequenceNumber }) => Number(sequenceNumber)),
  );
  expect(passed).to.have.members(blocks);
  if (!isOrderedByKey) expect(passed).to.deep.equal(blocks);
  // In the order of the stream: all, or those of each key.
  for (const key of isOrderedByKey ? new Set(all.map(({ partitionKey }) => partitionKey)) : [undefined]) {
    const order = done
      .filter(({ partitionKey }) => key === undefined || partitionKey === key)
      .map(({ sequenceNumber }) => Number(sequenceNumber));
    expect(order).to.deep.equal([...order].sort((a, b) => a - b));
  }
  // What always fails is given up; with bisection, nothing but it and what failed by chance.
  for (const { sequenceNumber } of done) expect(poison.has(sequenceNumber)).to.equal(false);
  if (isBisecting && chance === 0) for (const { sequenceNumber } of givenUp) expect(poison.has(sequenceNumber)).to.equal(true);
  for (const { block: part } of kept) expect(part.ranges.recordCount).to.equal(part.records.length);
}
