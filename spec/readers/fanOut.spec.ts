import { expect } from 'chai';
import { asyncScheduler, concat, defer, EMPTY, map, NEVER, of, Subject, take, throwError, timer, type SchedulerLike } from 'rxjs';
import type { FanOutPort, ShardSubscription, SubscribeToShardEvent } from '../../lib/kinesis/fan-out-port.js';
import { isRangeExpired, isShardReadError } from '../../lib/kinesis/errors.js';
import { isForeignCheckpoint } from '../../lib/checkpoints/errors.js';
import { retryPolicy } from '../../lib/kinesis/retry.js';
import { fanOut, type FanOutConfig } from '../../lib/readers/fanOut.js';
import { polling } from '../../lib/readers/polling.js';
import type { GapPolicy, ReadContext, ReadStart } from '../../lib/readers/reader.js';
import { fakeKinesis, marbles, type FakeKinesis, type FakeScript, type TrimmedReads } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { read, starts, subscribedAt, type FanOutReading } from '../support/fan-out.js';
import { pageText, readContext } from '../support/read-context.js';
import { thrownBy } from '../support/thrown-by.js';

/** A fake whose calls take no time, with a consumer. */
function quick(shards: FakeScript['shards'], script: Partial<FakeScript> = {}): FakeKinesis {
  return fakeKinesis({ latencyMs: 0, consumers: ['app'], shards, ...script });
}

/** All that is read until the end, in one text; the message of an error at its end. */
function textOf(kinesis: FakeKinesis, reading: FanOutReading = {}): { readonly text: string; readonly error: unknown; stop(): void } {
  const result = { text: '', error: undefined as unknown, stop: () => subscription.unsubscribe() };
  const subscription = read(kinesis, reading).subscribe({
    next: (text) => void (result.text += text),
    error: (error: unknown) => void (result.error = error),
  });
  return result;
}

function after(sequenceNumber: number, subSequenceNumber = 0): ReadStart {
  return { type: 'AFTER', position: { sequenceNumber: String(sequenceNumber), subSequenceNumber } };
}

function eventsOf(context: ReturnType<typeof readContext>, type: string): readonly Record<string, unknown>[] {
  return context.events.filter((event) => event.type === type) as object[] as Record<string, unknown>[];
}

/** A client whose subscriptions are as the fake's, with each event changed. */
function changing(kinesis: FakeKinesis, change: (event: SubscribeToShardEvent, index: number) => SubscribeToShardEvent): FakeKinesis {
  let index = 0;
  const changed = (subscription: ShardSubscription): ShardSubscription => ({
    next: () => subscription.next().pipe(map((event) => event && change(event, index++))),
    close: () => subscription.close(),
  });
  return { ...kinesis, subscribeToShard: (request) => kinesis.subscribeToShard(request).pipe(map(changed)) };
}

/** Answers the first call as `first`, and the others as `later`. */
function firstCallTo<T extends (...args: never[]) => unknown>(first: T, later: T): T {
  let calls = 0;
  return ((...args: never[]) => (calls++ === 0 ? first : later)(...args)) as T;
}

describe('fanOut', () => {
  describe('where one subscription follows another', () => {
    it(
      'gives each record once when Kinesis has ended the first, three times',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^ 6s b 3s c 6s d 4s e 7s f|' }, { subscriptionMs: 7_000 });
        const context = readContext(kinesis);
        const result = textOf(kinesis, { context });
        flush();
        expect(result).to.include({ text: 'abcdef|', error: undefined });
        expect(starts(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AFTER 2', 'AFTER 3', 'AFTER 5']);
        expect(eventsOf(context, 'shardSubscribed').map(({ reason }) => reason)).to.deep.equal([
          'started',
          'expired',
          'expired',
          'expired',
        ]);
        expect(eventsOf(context, 'readRetry')).to.deep.equal([]);
        // The consumer is known from the first one on.
        expect(kinesis.callsOf('describeStreamConsumer')).to.have.length(1);
      }),
    );

    it(
      'subscribes at once after five minutes, and after 5 s at the earliest',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: '' });
        const subscription = read(kinesis).subscribe();
        timer(2_000).subscribe(() => kinesis.endSubscriptions());
        timer(320_000).subscribe(() => subscription.unsubscribe());
        flush();
        // The one at 5 000 ended at 305 000.
        expect(subscribedAt(kinesis)).to.deep.equal([0, 5_000, 305_000]);
      }),
    );

    for (const [what, error] of [
      ['is cut', 'Error'],
      ['fails', 'InternalFailureException'],
      ['says that nothing was found', 'ResourceNotFoundException'],
      ['was taken over', 'ResourceInUseException'],
    ] as const)
      it(
        `gives each record once when the first ${what}, and tells of it`,
        marbles(({ flush }) => {
          const kinesis = quick({ 0: 'a^ 6s b 1s c 6s d|' });
          const context = readContext(kinesis);
          const result = textOf(kinesis, { context });
          timer(6_500).subscribe(() => kinesis.endSubscriptions(error));
          flush();
          expect(result).to.include({ text: 'abcd|', error: undefined });
          expect(starts(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AFTER 2']);
          expect(eventsOf(context, 'readRetry').map(({ reason, attempt }) => [reason, attempt])).to.deep.equal([['transient', 1]]);
          expect(eventsOf(context, 'shardSubscribed').map(({ reason }) => reason)).to.deep.equal(['started', 'failed']);
        }),
      );

    it(
      'waits 5 s after another one has taken over, and takes over again',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^ 20s b|' });
        const result = textOf(kinesis);
        let other: ShardSubscription | undefined;
        const request = {
          ConsumerARN: 'arn:aws:kinesis:us-east-1:123456789012:stream/stream/consumer/app:1',
          ShardId: 'shardId-000000000000',
        };
        timer(7_000).subscribe(() =>
          kinesis.subscribeToShard({ ...request, StartingPosition: { Type: 'LATEST' } }).subscribe((taken) => (other = taken)),
        );
        flush();
        expect(result.text).to.equal('ab|');
        expect(subscribedAt(kinesis)).to.deep.equal([0, 7_000, 12_000]);
        expect(other).to.not.equal(undefined);
      }),
    );

    it(
      'replaces one that is silent',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^ 40s b|' }, { faults: [{ method: 'subscribeToShard', answer: 'empty' }] });
        const context = readContext(kinesis);
        const result = textOf(kinesis, { context, config: { idleTimeoutMs: 12_000 } });
        flush();
        expect(result.text).to.equal('ab|');
        expect(subscribedAt(kinesis)).to.deep.equal([0, 12_000]);
        expect(eventsOf(context, 'readRetry').map(({ error }) => String(error))).to.deep.equal([
          'TimeoutError: the next event of SubscribeToShard: no answer within 12000 ms',
        ]);
      }),
    );

    it(
      'errors when subscriptions end without an event, again and again',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^' });
        const ended: Partial<FanOutPort> = { subscribeToShard: () => of({ next: () => of(undefined), close: () => undefined }) };
        const result = textOf({ ...kinesis, ...ended });
        flush();
        expect(isShardReadError(result.error)).to.equal(true);
        expect(result.error).to.have.property('message', 'stream/shardId-000000000000: a subscription ended without an event');
      }),
    );

    it(
      'errors when subscriptions complete without a value for their next event, again and again',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^' });
        let asked = 0;
        // A loop without end would hang the spec.
        const next = () => (++asked > 50 ? throwError(() => new TypeError('still asked')) : EMPTY);
        const result = textOf({ ...kinesis, subscribeToShard: () => of({ next, close: () => undefined }) });
        flush();
        expect(String(result.error)).to.include('the next event of SubscribeToShard was answered with nothing');
        expect(asked).to.equal(4);
      }),
    );

    it(
      'counts the retries of each event for themselves',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^ 9s b 9s c 9s d 9s e 9s f|' });
        const context = readContext(kinesis, { retry: retryPolicy({ maxRetries: 1, initialDelayMs: 0 }, asyncScheduler, () => 0) });
        const result = textOf(kinesis, { context });
        for (const atMs of [8_000, 17_000, 26_000, 35_000]) timer(atMs).subscribe(() => kinesis.endSubscriptions('Error'));
        flush();
        expect(result).to.include({ text: 'abcdef|', error: undefined });
        expect(eventsOf(context, 'readRetry').map(({ attempt }) => attempt)).to.deep.equal([1, 1, 1, 1]);
      }),
    );
  });

  describe('within its credit', () => {
    it(
      'takes an event for each credit, and no other',
      marbles(({ hot, expectObservable }) => {
        const kinesis = quick({ 0: '(abc)^' }, { maxRecordsPerPage: 1 });
        const credit = hot('--x---(xx)--x', { x: 1 });

        expectObservable(read(kinesis, { credit }).pipe(take(3))).toBe('--a---b-----(c|)');
      }),
    );

    it(
      'makes no call without credit',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^' });
        const subscription = read(kinesis, { credit: NEVER }).subscribe();
        timer(60_000).subscribe(() => subscription.unsubscribe());
        flush();
        expect(kinesis.calls).to.deep.equal([]);
      }),
    );

    it(
      'ends a subscription that nobody takes from, and goes on with another one when there is credit',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: '(abc)^ 5s d 25s e|' }, { maxRecordsPerPage: 1 });
        const credit = new Subject<number>();
        const context = readContext(kinesis);
        const result = textOf(kinesis, { context, credit, config: { maxPauseMs: 10_000 } });
        const seen: [number, number][] = [];
        for (const atMs of [9_999, 10_001, 29_000]) timer(atMs).subscribe(() => seen.push([atMs, kinesis.subscriptions]));
        credit.next(1);
        timer(1).subscribe(() => credit.next(1));
        timer(30_000).subscribe(() => result.stop());
        timer(29_500).subscribe(() => credit.next(1));
        flush();
        expect(result.text).to.equal('abc');
        expect(seen).to.deep.equal([
          [9_999, 1],
          [10_001, 1],
          [29_000, 0],
        ]);
        expect(starts(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AFTER 2']);
        expect(eventsOf(context, 'shardSubscribed').map(({ reason }) => reason)).to.deep.equal(['started', 'paused']);
      }),
    );

    it(
      'keeps it for ever with maxPauseMs: Infinity',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: '(ab)^' }, { maxRecordsPerPage: 1 });
        const credit = new Subject<number>();
        const result = textOf(kinesis, { credit, config: { maxPauseMs: Infinity } });
        credit.next(1);
        let open = 0;
        timer(200_000).subscribe(() => ((open = kinesis.subscriptions), result.stop()));
        flush();
        expect(open).to.equal(1);
        expect(kinesis.subscriptions).to.equal(0);
      }),
    );

    it(
      'finds a gap after a pause so long that records were trimmed',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^ 1s b 1s c 400s d' }, { trims: [{ shard: 0, atMs: 390_000, through: 'b' }] });
        const credit = new Subject<number>();
        const result = textOf(kinesis, { credit });
        credit.next(1);
        timer(395_000).subscribe(() => credit.next(1));
        const more = timer(401_000, 1_000).subscribe(() => credit.next(1));
        timer(460_000).subscribe(() => (more.unsubscribe(), result.stop()));
        flush();
        expect(isRangeExpired(result.error), String(result.error)).to.equal(true);
        expect(starts(kinesis).slice(0, 2)).to.deep.equal(['TRIM_HORIZON', 'AT 1']);
      }),
    );
  });

  describe('after a pause of more than five minutes, begins at the last record,', () => {
    for (const [what, now] of [
      ['although the clock was set back meanwhile', () => 0],
      ['also when timers stood still while the machine slept', (ms: number) => (ms < 50_000 ? ms : ms + 400_000)],
    ] as const)
      it(
        what,
        marbles(({ flush }) => {
          const kinesis = quick({ 0: '(abc)^' }, { maxRecordsPerPage: 1 });
          const asleep = what.includes('slept');
          const scheduler: SchedulerLike = {
            now: () => now(asyncScheduler.now()),
            schedule: (work, delay, state) => asyncScheduler.schedule(work as never, delay, state),
          };
          const credit = new Subject<number>();
          const result = textOf(kinesis, { credit, context: readContext(kinesis, { scheduler }) });
          credit.next(1);
          timer(asleep ? 60_000 : 400_000).subscribe(() => credit.next(1));
          timer(asleep ? 70_000 : 410_000).subscribe(() => result.stop());
          flush();
          expect(starts(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT 1']);
        }),
      );

    it(
      'also when the machine slept, or nobody took events, while the subscription was open',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: '(abc)^' }, { maxRecordsPerPage: 1 });
        const scheduler: SchedulerLike = {
          now: () => asyncScheduler.now() + (asyncScheduler.now() < 50_000 ? 0 : 172_800_000),
          schedule: (work, delay, state) => asyncScheduler.schedule(work as never, delay, state),
        };
        const credit = new Subject<number>();
        const context = readContext(kinesis, { scheduler });
        const result = textOf(kinesis, { credit, context, config: { maxPauseMs: Infinity } });
        credit.next(1);
        timer(60_000).subscribe(() => kinesis.endSubscriptions());
        timer(61_000).subscribe(() => credit.next(1));
        timer(70_000).subscribe(() => result.stop());
        flush();
        expect(starts(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT 1']);
      }),
    );

    it(
      'but after its continuation number before that',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: '(abc)^' }, { maxRecordsPerPage: 1 });
        const credit = new Subject<number>();
        const result = textOf(kinesis, { credit });
        credit.next(1);
        timer(300_000).subscribe(() => credit.next(1));
        timer(310_500).subscribe(() => result.stop());
        flush();
        expect(result.text).to.equal('ab');
        expect(starts(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AFTER 1']);
      }),
    );
  });

  describe('its consumer', () => {
    it(
      'is registered when the stream has none, and waited for',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a|^' }, { consumers: [], consumerDelayMs: 2_500 });
        const context = readContext(kinesis);
        const result = textOf(kinesis, { context });
        flush();
        expect(result.text).to.equal('a|');
        expect(kinesis.callsOf('registerStreamConsumer')).to.have.length(1);
        expect(eventsOf(context, 'consumerRegistered').map(({ consumerName }) => consumerName)).to.deep.equal(['app']);
        expect(eventsOf(context, 'consumerAwaited').map(({ status, waitedMs }) => [status, waitedMs])).to.deep.equal([
          ['CREATING', 0],
          ['CREATING', 1_000],
          ['CREATING', 2_000],
        ]);
        expect(subscribedAt(kinesis)).to.deep.equal([3_000]);
      }),
    );

    it(
      'is used when another worker has registered it at the same moment',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a|^' }, { consumers: [] });
        const first = textOf(kinesis);
        const second = textOf({ ...kinesis, describeStreamConsumer: notFoundOnce(kinesis) });
        flush();
        expect([first.error, second.error]).to.deep.equal([undefined, undefined]);
        expect([first.text, second.text]).to.deep.equal(['a|', 'a|']);
        expect(kinesis.callsOf('registerStreamConsumer').map(({ error }) => error)).to.deep.equal([undefined, 'ResourceInUseException']);
      }),
    );

    it(
      'is looked up once for all shards, and again after a failure',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a|^', 1: 'b|^' }, { faults: [{ method: 'describeStreamConsumer', error: 'InternalFailure' }] });
        const reader = fanOut({ consumerName: 'app' });
        const texts: string[] = [];
        for (const shardId of ['shardId-000000000000', 'shardId-000000000001'])
          reader({ ...readContext(kinesis), shardId }, { type: 'TRIM_HORIZON' }, of(9)).subscribe((page) => texts.push(pageText(page)));
        flush();
        expect(texts.sort()).to.deep.equal(['a|', 'b|']);
        expect(kinesis.callsOf('describeStreamConsumer')).to.have.length(2);
      }),
    );

    it(
      'is not registered when its ARN is given, nor the stream asked for',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a|^' });
        const consumerArn = 'arn:aws:kinesis:us-east-1:123456789012:stream/stream/consumer/app:1';
        const result = textOf(kinesis, { config: { consumerName: undefined, consumerArn } });
        flush();
        expect(result.text).to.equal('a|');
        expect(kinesis.calls.map(({ method }) => method)).to.deep.equal(['describeStreamConsumer', 'subscribeToShard', 'listShards']);
      }),
    );

    it(
      'is used by its ARN when it may not be looked up',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a|^' }, { faults: [{ method: 'describeStreamConsumer', error: 'AccessDeniedException' }] });
        const consumerArn = 'arn:aws:kinesis:us-east-1:123456789012:stream/stream/consumer/app:1';
        const result = textOf(kinesis, { config: { consumerName: undefined, consumerArn } });
        flush();
        expect(result).to.include({ text: 'a|', error: undefined });
      }),
    );

    it(
      'tells a later subscription of one reader of its consumer, and not the first, which has been unsubscribed',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^ 9s b|' });
        const reader = fanOut({ consumerName: 'app' });
        const [first, second] = [readContext(kinesis), readContext(kinesis)];
        reader(first, { type: 'TRIM_HORIZON' }, of(10_000)).subscribe().unsubscribe();
        timer(10).subscribe(() => reader(second, { type: 'TRIM_HORIZON' }, of(10_000)).subscribe());
        timer(6_000).subscribe(() => kinesis.deregister('app'));
        flush();
        expect([eventsOf(first, 'consumerRegistered').length, eventsOf(second, 'consumerRegistered').length]).to.deep.equal([0, 1]);
      }),
    );

    it(
      'tells a later subscription of the wait for it, when the first was unsubscribed while it waited',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a|' }, { consumers: [], consumerDelayMs: 3_000 });
        const reader = fanOut({ consumerName: 'app' });
        const [first, second] = [readContext(kinesis), readContext(kinesis)];
        const reading = reader(first, { type: 'TRIM_HORIZON' }, of(10_000)).subscribe();
        timer(500).subscribe(() => reading.unsubscribe());
        timer(600).subscribe(() => reader(second, { type: 'TRIM_HORIZON' }, of(10_000)).subscribe());
        flush();
        expect(eventsOf(first, 'consumerAwaited')).to.have.length(1);
        expect(eventsOf(second, 'consumerAwaited').length).to.be.within(2, 4);
      }),
    );

    it(
      'is registered again when it was deleted',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^ 9s b|' });
        const context = readContext(kinesis);
        const result = textOf(kinesis, { context });
        timer(6_000).subscribe(() => kinesis.deregister('app'));
        flush();
        expect(result).to.include({ text: 'ab|', error: undefined });
        expect(eventsOf(context, 'consumerRegistered')).to.have.length(1);
        expect(eventsOf(context, 'readRetry').length).to.be.within(1, 3);
      }),
    );

    for (const [what, script, config, message] of [
      [
        'may not be registered',
        { consumers: [], faults: [{ method: 'registerStreamConsumer', error: 'AccessDeniedException', times: 9 }] },
        {},
        "the stream's consumer cannot be used (AccessDeniedException)",
      ],
      [
        'is one too many',
        { consumers: [], faults: [{ method: 'registerStreamConsumer', error: 'LimitExceededException', times: 9 }] },
        {},
        "the stream's consumer cannot be used (LimitExceededException)",
      ],
      [
        'is gone, and only its ARN is known',
        { consumers: [] },
        { consumerName: undefined, consumerArn: 'arn:aws:kinesis:us-east-1:123456789012:stream/stream/consumer/app:1' },
        'the stream or its consumer is not there (ResourceNotFoundException)',
      ],
      [
        'does not become active',
        { consumers: [], consumerDelayMs: Infinity },
        { consumerTimeoutMs: 5_000 },
        "the stream's consumer is not active after 5000 ms",
      ],
      [
        'may not subscribe',
        { faults: [{ method: 'subscribeToShard', error: 'AccessDeniedException', times: 9 }] },
        {},
        'the credentials may not subscribe (AccessDeniedException)',
      ],
    ] as readonly [string, Partial<FakeScript>, Partial<FanOutConfig>, string][]) {
      it(
        `errors when it ${what}`,
        marbles(({ flush }) => {
          const kinesis = quick({ 0: 'a|^' }, script);
          const result = textOf(kinesis, { config });
          flush();
          expect(isShardReadError(result.error)).to.equal(true);
          expect((result.error as Error).name).to.equal('ShardReadError');
          expect((result.error as Error).message).to.match(new RegExp(`^stream(?:/shardId-0+)?: ${message.replace(/[()]/g, '\\$&')}$`));
        }),
      );

      it(
        `has the fallback read when it ${what}, and tells of it`,
        marbles(({ flush }) => {
          const kinesis = quick({ 0: 'a|^' }, script);
          const context = readContext(kinesis);
          const result = textOf(kinesis, { context, config: { ...config, fallback: polling() } });
          flush();
          expect(result).to.include({ text: 'a|', error: undefined });
          expect(eventsOf(context, 'readerFellBack').map(({ shardId }) => shardId)).to.deep.equal(['shardId-000000000000']);
          expect(kinesis.callsOf('getRecords').length).to.be.at.least(1);
        }),
      );
    }

    it(
      'has the fallback read on where reading stands when it was deleted and only its ARN is known',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'ab^ 9s c|' });
        const consumerArn = 'arn:aws:kinesis:us-east-1:123456789012:stream/stream/consumer/app:1';
        const result = textOf(kinesis, { config: { consumerName: undefined, consumerArn, fallback: polling() } });
        timer(6_000).subscribe(() => kinesis.deregister('app'));
        flush();
        expect(result).to.include({ text: 'abc|', error: undefined });
        expect(kinesis.callsOf('getShardIterator').map(({ type, startingSequenceNumber }) => [type, startingSequenceNumber])).to.deep.equal(
          [['AT_SEQUENCE_NUMBER', '2']],
        );
      }),
    );

    describe('and may not be looked up, while SubscribeToShard does not find the shard or it', () => {
      const consumerArn = 'arn:aws:kinesis:us-east-1:123456789012:stream/stream/consumer/app:1';
      const denied = { method: 'describeStreamConsumer', error: 'AccessDeniedException', times: 999 } as const;
      const config: Partial<FanOutConfig> = { consumerName: undefined, consumerArn };

      it(
        'has the fallback read on where reading stands, since the shard is listed (regression: it was tried for ever)',
        marbles(({ flush }) => {
          const kinesis = quick({ 0: 'ab^ 9s c|' }, { faults: [denied] });
          const context = readContext(kinesis);
          const result = textOf(kinesis, { context, config: { ...config, fallback: polling() } });
          timer(6_000).subscribe(() => kinesis.deregister('app'));
          flush();
          expect(result).to.include({ text: 'abc|', error: undefined });
          expect(kinesis.callsOf('getShardIterator').map(({ startingSequenceNumber }) => startingSequenceNumber)).to.deep.equal(['2']);
          expect(eventsOf(context, 'readerFellBack')).to.have.length(1);
        }),
      );

      it(
        'errors without a fallback, and may be tried again',
        marbles(({ flush }) => {
          const result = textOf(quick({ 0: 'a|^' }, { faults: [denied], consumers: [] }), { config });
          flush();
          expect(isShardReadError(result.error) && result.error.retriable).to.equal(true);
          expect((result.error as Error).message).to.match(/: SubscribeToShard does not find .*may not be looked up/);
        }),
      );

      it(
        'is subscribed to again when it finds them then, and no answer but that counts: what was just made is not known everywhere',
        marbles(({ flush }) => {
          const unfound = (times: number) => ({ method: 'subscribeToShard', error: 'ResourceNotFoundException', times }) as const;
          for (const [maxRetries, error] of [
            [1, undefined],
            [0, 'ShardReadError'],
          ] as const) {
            const kinesis = quick({ 0: 'a|^' }, { faults: [denied, unfound(1)] });
            const context = readContext(kinesis, { retry: retryPolicy({ maxRetries }, asyncScheduler, () => 0) });
            const result = textOf(kinesis, { context, config: { ...config, fallback: polling() } });
            flush();
            expect(result).to.include({ text: error ? '' : 'a|' });
            expect((result.error as Error | undefined)?.name).to.equal(error);
            expect(eventsOf(context, 'readerFellBack')).to.deep.equal([]);
          }
        }),
      );
    });

    it(
      'reads on at the last record once its consumer is gone, and not behind a number that the stream made again may not know',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'ab^ 20s c|' });
        const result = textOf(kinesis);
        timer(6_000).subscribe(() => kinesis.deregister('app'));
        flush();
        expect(result).to.include({ text: 'abc|', error: undefined });
        expect(starts(kinesis).at(-1)).to.equal('AT 2');
      }),
    );

    it(
      'has the fallback read from the record on, also while the oldest record is looked at',
      marbles(({ flush }) => {
        // The subscription at the record gives nothing, so that the next one looks at the oldest record: it is refused.
        const kinesis = quick({ 0: 'ab^c|' });
        let subscriptions = 0;
        const silentAtFirst: FakeKinesis = {
          ...kinesis,
          subscribeToShard: (request) =>
            defer(() =>
              ++subscriptions === 1
                ? of({
                    next: () => of({ Records: [], ContinuationSequenceNumber: '2', MillisBehindLatest: 0 }),
                    close: () => undefined,
                  })
                : throwError(() => Object.assign(new Error(request.StartingPosition.Type), { name: 'AccessDeniedException' })),
            ),
        };
        const result = textOf(silentAtFirst, { start: after(2), config: { fallback: polling() } });
        flush();
        expect(subscriptions).to.equal(2);
        expect(result).to.include({ text: 'c|', error: undefined });
      }),
    );

    it(
      'has the fallback read as soon as it is not active in time, and not after all retries',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a|^' }, { consumers: [], consumerDelayMs: Infinity });
        const context = readContext(kinesis);
        textOf(kinesis, { context, config: { consumerTimeoutMs: 5_000, fallback: polling() } });
        flush();
        expect(kinesis.callsOf('getRecords')[0]?.atMs).to.be.within(5_000, 5_010);
        expect(eventsOf(context, 'readRetry')).to.deep.equal([]);
      }),
    );

    for (const [what, stream, consumerStream] of [
      ['another stream', { streamName: 'stream', id: { StreamName: 'stream' } }, 'us-east-1:123456789012:stream/other'],
      [
        'a stream of this name in another account',
        { streamName: 'stream', id: { StreamARN: 'arn:aws:kinesis:us-east-1:210987654321:stream/stream' } },
        'us-east-1:123456789012:stream/stream',
      ],
    ] as const)
      it(
        `is refused when it belongs to ${what}, whose shards have the same ids`,
        marbles(({ flush }) => {
          const kinesis = quick({ 0: 'a|^' });
          const consumerArn = `arn:aws:kinesis:${consumerStream}/consumer/app:1`;
          const config = { consumerName: undefined, consumerArn, fallback: polling() };
          const result = textOf(kinesis, { context: readContext(kinesis, { stream }), config });
          flush();
          expect(isInvalidConfig(result.error)).to.equal(true);
          expect((result.error as Error).message).to.equal(
            `consumerArn: expected a consumer of ${stream.id.StreamARN ?? 'stream'}, got ${consumerArn}`,
          );
          expect(kinesis.calls).to.deep.equal([]);
        }),
      );

    it(
      'is not replaced by the fallback for a fault that passes, nor for one of the shard',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a|^' }, { faults: [{ method: 'subscribeToShard', error: 'KMSDisabledException' }] });
        const result = textOf(kinesis, { config: { fallback: polling() } });
        flush();
        expect((result.error as Error).name).to.equal('KMSDisabledException');
        expect(kinesis.callsOf('getRecords')).to.deep.equal([]);
      }),
    );

    for (const method of ['describeStreamSummary', 'describeStreamConsumer', 'registerStreamConsumer', 'subscribeToShard'] as const)
      for (const fault of [{ error: 'InternalFailure' }, { error: 'LimitExceededException' }, { answer: 'malformed' }] as const)
        it(
          `is found in spite of a fault that passes, of the first ${method}: ${Object.values(fault)[0]}`,
          marbles(({ flush }) => {
            const kinesis = quick({ 0: 'a|^' }, { consumers: [], faults: [{ method, ...fault }] });
            const context = readContext(kinesis);
            const result = textOf(kinesis, { context });
            flush();
            expect(result).to.include({ text: 'a|', error: undefined });
            // A subscription whose answer was lost is open: the next call may be refused for 5 s.
            expect(eventsOf(context, 'readRetry').length).to.be.within(1, method === 'subscribeToShard' ? 2 : 1);
          }),
        );
  });

  describe('the end of a shard', () => {
    it(
      'is not believed of an event without a continuation number while the shard is listed as open',
      marbles(({ flush }) => {
        const kinesis = changing(quick({ 0: 'a^ 9s b|' }), ({ ContinuationSequenceNumber, ...event }, index) =>
          index === 0 ? event : { ...event, ...(ContinuationSequenceNumber !== undefined && { ContinuationSequenceNumber }) },
        );
        const result = textOf(kinesis);
        timer(1_000).subscribe(() => kinesis.endSubscriptions());
        flush();
        expect(result).to.include({ text: 'ab|', error: undefined });
        // At the last record, since no number says where the first subscription ended.
        expect(starts(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT 1']);
      }),
    );

    it(
      'is not believed of an event of a shard that was closed long ago, where it is behind and names no children (regression: the rest was lost)',
      marbles(({ flush }) => {
        const kinesis = changing(quick({ 0: '(abcde|)^' }, { maxRecordsPerPage: 1 }), ({ ContinuationSequenceNumber, ...event }, index) =>
          index === 1
            ? { ...event, MillisBehindLatest: 7 }
            : { ...event, ...(ContinuationSequenceNumber !== undefined && { ContinuationSequenceNumber }) },
        );
        const context = readContext(kinesis);
        const result = textOf(kinesis, { context });
        flush();
        expect(result).to.include({ text: 'abcde|', error: undefined });
        expect(starts(kinesis)).to.deep.equal(['TRIM_HORIZON']);
        expect(eventsOf(context, 'readRetry')).to.deep.equal([]);
      }),
    );

    it(
      'is not believed of an event without a continuation number while an old listing does not have the shard yet (regression: the rest was lost)',
      marbles(({ flush }) => {
        const kinesis = changing(quick({ 0: 'a^ 9s b|' }), ({ ContinuationSequenceNumber, ...event }, index) =>
          index === 0 ? event : { ...event, ...(ContinuationSequenceNumber !== undefined && { ContinuationSequenceNumber }) },
        );
        const parent = fakeKinesis({ latencyMs: 0, shards: { 1: '' } });
        const listing = { ...kinesis, listShards: firstCallTo(parent.listShards, kinesis.listShards) };
        const result = textOf(listing);
        flush();
        expect(result).to.include({ text: 'ab|', error: undefined });
      }),
    );

    it(
      'is not believed of a second such event of one subscription either (regression: the rest was lost)',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: '(abcde|)^' }, { maxRecordsPerPage: 1 });
        const odd: SubscribeToShardEvent = { Records: [], MillisBehindLatest: 7 };
        const oddEvents = [odd, odd, undefined];
        const changed = (subscription: ShardSubscription): ShardSubscription =>
          oddEvents.length === 0 ? subscription : { next: () => of(oddEvents.shift()), close: () => subscription.close() };
        const result = textOf({ ...kinesis, subscribeToShard: (request) => kinesis.subscribeToShard(request).pipe(map(changed)) });
        flush();
        expect(result).to.include({ text: 'abcde|', error: undefined });
        expect(subscribedAt(kinesis)).to.have.length(2);
      }),
    );

    for (const [what, childShards, opened] of [
      ['at once where it names the children', true, ['TRIM_HORIZON']],
      ['where it names none, once nothing new comes behind it', false, ['TRIM_HORIZON', 'AT 2']],
    ] as const)
      it(
        `is believed of an event that is behind ${what}`,
        marbles(({ flush }) => {
          const shards = { 0: '(ab|)^', 1: { parents: [0] } };
          const kinesis = changing(quick(shards, { childShards }), (event) => ({ ...event, MillisBehindLatest: 7 }));
          const result = textOf(kinesis);
          flush();
          expect(result).to.include({ text: 'ab|', error: undefined });
          expect(starts(kinesis)).to.deep.equal(opened);
        }),
      );

    it(
      'is read again when the list of shards could not be read',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: '(ab)^|' }, { faults: [{ method: 'listShards', error: 'LimitExceededException' }] });
        const context = readContext(kinesis);
        const result = textOf(kinesis, { context });
        flush();
        expect(result).to.include({ text: 'ab|', error: undefined });
        expect(eventsOf(context, 'readRetry').map(({ reason }) => reason)).to.deep.equal(['throttling']);
      }),
    );

    it(
      'names the children, where the service does',
      marbles(({ flush }) => {
        const childrenIn = (childShards: boolean): string[] => {
          const kinesis = quick({ 0: 'a^|', 1: { parents: [0] }, 2: { parents: [0] } }, { childShards });
          const children: string[] = [];
          fanOut({ consumerName: 'app' })(readContext(kinesis), { type: 'TRIM_HORIZON' }, of(9)).subscribe((page) =>
            children.push(...page.childShards.map(({ ShardId }) => ShardId)),
          );
          flush();
          return children;
        };
        expect(childrenIn(true)).to.deep.equal(['shardId-000000000001', 'shardId-000000000002']);
        expect(childrenIn(false)).to.deep.equal([]);
      }),
    );

    it(
      'is found when the event that tells of it was lost with its connection',
      marbles(({ flush }) => {
        let lost = 0;
        const kinesis = changing(quick({ 0: 'a^-b|' }), (event) => {
          if (event.ContinuationSequenceNumber === undefined && lost++ === 0)
            throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
          return event;
        });
        const result = textOf(kinesis);
        flush();
        expect(result).to.include({ text: 'ab|', error: undefined });
        expect(lost).to.equal(2);
      }),
    );
  });

  describe('from a record on', () => {
    it(
      'begins at it, and does not give it again',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: '(abcd)|^' });
        const result = textOf(kinesis, { start: after(2) });
        flush();
        expect(result.text).to.equal('cd|');
        expect(starts(kinesis)).to.deep.equal(['AT 2']);
      }),
    );

    it(
      'begins inside an aggregate',
      marbles(({ flush }) => {
        const values = { b: { subSequenceNumber: 1 }, c: { subSequenceNumber: 2 } };
        const kinesis = quick({ 0: '(abc)d|^' }, { values });
        const result = textOf(kinesis, { start: after(1, 1) });
        flush();
        expect(result.text).to.equal('cd|');
      }),
    );

    for (const reads of ['horizon', 'empty-pages', 'InvalidArgumentException'] satisfies TrimmedReads[]) {
      const trimmed = (): FakeKinesis => quick({ 0: '(abcd) 200s (e|)^' }, { trims: [{ shard: 0, through: 'c', reads }] });

      it(
        `finds that records were trimmed: ${reads}`,
        marbles(({ flush }) => {
          const kinesis = trimmed();
          const result = textOf(kinesis, { start: after(2) });
          flush();
          expect(isRangeExpired(result.error), String(result.error)).to.equal(true);
          expect(result.text).to.equal('');
          expect(kinesis.subscriptions).to.equal(0);
        }),
      );

      it(
        `goes on without them if told so: ${reads}`,
        marbles(({ flush }) => {
          const kinesis = trimmed();
          const context = readContext(kinesis, { onGap: 'continue' as GapPolicy });
          const result = textOf(kinesis, { context, start: after(2) });
          flush();
          expect(result).to.include({ text: 'de|', error: undefined });
          expect(eventsOf(context, 'gap')).to.have.length(1);
        }),
      );
    }

    it(
      'ends when the shard is gone with all its records, and says so',
      marbles(({ flush }) => {
        const gone = { trims: [{ shard: 0, through: 'b', reads: 'ResourceNotFoundException' as const }] };
        const kinesis = quick({ 0: '(ab)|^', 1: { parents: [0], createdAtMs: 0 } }, gone);
        const context = readContext(kinesis, { onGap: 'continue' as GapPolicy });
        const result = textOf(kinesis, { context, start: after(1) });
        flush();
        expect(result).to.include({ text: '|', error: undefined });
        expect(eventsOf(context, 'gap')).to.have.length(1);
      }),
    );

    it(
      'refuses a number of another shard',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: '(ab) 900s |^' });
        const result = textOf(kinesis, { start: after(77) });
        flush();
        expect(isForeignCheckpoint(result.error), String(result.error)).to.equal(true);
      }),
    );

    it(
      'begins at a time; puts back one that has not come for Kinesis',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a^--b-|' });
        let timestamp = new Date(1_000_000);
        const start: ReadStart = {
          type: 'AT_TIMESTAMP',
          get timestamp() {
            return timestamp;
          },
          putBack: () => ((timestamp = new Date(0)), true),
        };
        const result = textOf(kinesis, { start });
        flush();
        expect(result).to.include({ text: 'b|', error: undefined });
        expect(kinesis.callsOf('subscribeToShard').map(({ timestamp: at }) => Number(at))).to.deep.equal([1_000_000, 0]);
        // A call that was refused may be made again after a second.
        expect(subscribedAt(kinesis)).to.deep.equal([0, 1_000]);
      }),
    );
  });

  describe('an answer that cannot be right', () => {
    const bad: Readonly<Record<string, (event: SubscribeToShardEvent) => unknown>> = {
      'without Records': ({ Records: _records, ...event }) => event,
      'with a record without its number': (event) => ({ ...event, Records: [{ PartitionKey: 'k', Data: new Uint8Array() }] }),
      'with records that go back': (event) => ({ ...event, Records: [...event.Records].reverse() }),
      'with a continuation number before its last record': (event) => ({ ...event, ContinuationSequenceNumber: '1' }),
      'with a continuation number that is none': (event) => ({ ...event, ContinuationSequenceNumber: 'x' }),
      'with children that are no list': (event) => ({ ...event, ChildShards: 'x' }),
      'that is no object': () => 7,
    };
    for (const [what, garble] of Object.entries(bad))
      it(
        `is read again: an event ${what}`,
        marbles(({ flush }) => {
          const kinesis = changing(quick({ 0: '(ab)^ 9s |' }), (event, index) =>
            index === 0 ? (garble(event) as SubscribeToShardEvent) : event,
          );
          const context = readContext(kinesis);
          const result = textOf(kinesis, { context });
          flush();
          expect(result).to.include({ text: 'ab|', error: undefined });
          expect(eventsOf(context, 'readRetry')).to.have.length(1);
          expect(kinesis.callsOf('subscribeToShard')).to.have.length(2);
        }),
      );

    it(
      'is not believed: events that were given before',
      marbles(({ flush }) => {
        const first: SubscribeToShardEvent[] = [];
        const kinesis = changing(quick({ 0: 'a^ 1s b 8s c|' }), (event, index) => {
          if (index === 0) first.push(event);
          return index === 1 ? first[0]! : event;
        });
        const context = readContext(kinesis);
        const result = textOf(kinesis, { context });
        flush();
        expect(result).to.include({ text: 'abc|', error: undefined });
        expect(eventsOf(context, 'readRetry').map(({ error }) => (error as Error).message)).to.deep.equal([
          'stream/shardId-000000000000: SubscribeToShard gave records again that it had given',
        ]);
      }),
    );

    it(
      'is not believed: a continuation number that goes back',
      marbles(({ flush }) => {
        const kinesis = changing(quick({ 0: '(ab)^ 20s c|' }), (event, index) =>
          index === 1 ? { ...event, ContinuationSequenceNumber: '1' } : event,
        );
        const result = textOf(kinesis);
        flush();
        expect(result).to.include({ text: 'abc|', error: undefined });
        expect(starts(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT 2']);
      }),
    );

    it(
      'is tried again: a shard that is not found although it is listed, as right after it was made',
      marbles(({ flush }) => {
        const kinesis = quick({ 0: 'a|^' }, { faults: [{ method: 'subscribeToShard', error: 'ResourceNotFoundException', times: 2 }] });
        const context = readContext(kinesis);
        const result = textOf(kinesis, { context });
        flush();
        expect(result).to.include({ text: 'a|', error: undefined });
        expect(eventsOf(context, 'readRetry')).to.have.length(2);
      }),
    );

    it(
      'errors: a shard that is not listed either',
      marbles(({ flush }) => {
        const kinesis = quick({ 1: '' });
        const result = textOf(kinesis);
        flush();
        expect((result.error as Error).name).to.equal('ResourceNotFoundException');
      }),
    );

    it(
      'errors: a client that knows no subscriptions',
      marbles(({ flush }) => {
        const { listShards, getShardIterator, getRecords } = quick({ 0: 'a' });
        const client = { listShards, getShardIterator, getRecords };
        let error: unknown;
        const context: ReadContext = { ...readContext(quick({ 0: 'a' })), client };
        fanOut({ consumerName: 'app' })(context, { type: 'TRIM_HORIZON' }, of(1)).subscribe({
          error: (thrown: unknown) => (error = thrown),
        });
        flush();
        expect(isInvalidConfig(error)).to.equal(true);
      }),
    );
  });

  it(
    'leaves neither a subscription nor a timer when it is unsubscribed, also while paused and between two subscriptions',
    marbles(({ scheduler, flush }) => {
      for (const atMs of [100, 6_000, 12_000]) {
        const kinesis = quick({ 0: '(ab)^' }, { maxRecordsPerPage: 1 });
        const startMs = scheduler.now();
        const credit = concat(of(1), NEVER);
        let isFirst = true;
        const result = textOf(kinesis, {
          credit: defer(() => (isFirst ? ((isFirst = false), credit) : NEVER)),
          config: { maxPauseMs: 5_000 },
        });
        timer(atMs).subscribe(() => result.stop());
        flush();
        expect(kinesis.subscriptions).to.equal(0);
        expect(scheduler.now() - startMs).to.equal(atMs);
      }
    }),
  );

  it(
    'fails with what the credit fails with',
    marbles(({ expectObservable, cold }) => {
      const fault = new Error('no');
      expectObservable(read(quick({ 0: '' }), { credit: cold('--#', {}, fault) })).toBe('--#', {}, fault);
    }),
  );

  for (const [fallback, call] of [
    [polling, 'polling()'],
    [fanOut, 'fanOut({ consumerName })'],
  ] as const)
    it(`refuses a fallback that is not called when it is called itself: ${call}`, () => {
      const error = thrownBy(() => fanOut({ consumerName: 'a', fallback: fallback as never }));
      expect(isInvalidConfig(error)).to.equal(true);
      expect(error).to.have.property('message', `fallback: expected ${call}, got the function ${fallback.name} itself`);
    });

  for (const [config, message] of [
    [{}, /^fanOut: expected either consumerName or consumerArn$/],
    [{ consumerName: 'a', consumerArn: 'arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/a:1' }, /^fanOut: expected either/],
    [{ consumerName: 'a b' }, /^consumerName: expected 1 to 128 letters, .* got "a b"$/],
    [{ consumerArn: 'a' }, /^consumerArn: expected the ARN of a stream's consumer, got "a"$/],
    [{ consumerName: 'a', fallback: {} }, /^fallback: expected a function, got object$/],
    [{ consumerName: 'a', consumerTimeoutMs: 0 }, /^consumerTimeoutMs: expected a finite number from 1 up, got 0$/],
    [{ consumerName: 'a', idleTimeoutMs: Infinity }, /^idleTimeoutMs: .* got Infinity$/],
    [{ consumerName: 'a', maxPauseMs: -1 }, /^maxPauseMs: expected a number from 0 up, got -1$/],
    [{ consumerName: 'a', shards: 1 }, /^config: unknown option shards/],
  ] as const) {
    it(`refuses ${JSON.stringify(config)} when called`, () => {
      const error = thrownBy(() => fanOut(config as FanOutConfig));
      expect(isInvalidConfig(error)).to.equal(true);
      expect(error).to.have.property('message').that.matches(message);
    });
  }
});

/** The first look finds no consumer. */
function notFoundOnce(kinesis: FakeKinesis): FanOutPort['describeStreamConsumer'] {
  let looks = 0;
  const notFound = Object.assign(new Error('not found'), { name: 'ResourceNotFoundException' });
  return (request) => (looks++ === 0 ? throwError(() => notFound) : kinesis.describeStreamConsumer(request));
}
