import { expect } from 'chai';
import { defer, map, NEVER, of, Subject, take, timer, VirtualTimeScheduler, type Observable, type SchedulerLike } from 'rxjs';
import type { GetRecordsPage } from '../../lib/kinesis/port.js';
import { polling, type PollingConfig } from '../../lib/readers/polling.js';
import { readBudget, type ReadBudget } from '../../lib/kinesis/read-budget.js';
import type { ReadContext, ReadStart } from '../../lib/readers/reader.js';
import { fakeKinesis, marbles, type FakeKinesis } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { collectGarbage, heldOf } from '../support/collect-garbage.js';
import { pageText, readContext } from '../support/read-context.js';
import { synchronousPort } from '../support/synchronous-port.js';
import { thrownBy } from '../support/thrown-by.js';

/** A budget that lets every read through at once. */
const unlimited: ReadBudget = { acquire: () => of(undefined), spend: () => undefined, forget: () => undefined };
/** Takes the place of a fake that is not read. */
const NONE = undefined as unknown as FakeKinesis;
const HORIZON: ReadStart = { type: 'TRIM_HORIZON' };

/** The pages of a shard in short. */
function poll(
  kinesis: FakeKinesis,
  config?: PollingConfig,
  credit: Observable<number> = of(10_000),
  fields: Partial<ReadContext> = {},
): Observable<string> {
  return polling(config)(readContext(kinesis, fields), HORIZON, credit).pipe(map(pageText));
}

function readTimes(kinesis: FakeKinesis): number[] {
  return kinesis.callsOf('getRecords').map(({ atMs }) => atMs);
}

describe('polling', () => {
  it(
    'reads to the end of the shard, and completes',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde|)' } });
      expectObservable(poll(kinesis, { maxRecordsPerPage: 2 })).toBe('(xyz|)', { x: 'ab', y: 'cd', z: 'e|' });
    }),
  );

  it(
    'reads again at once while it is behind, and after a pause when it has caught up',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abc) 995ms d 1s e|' } });
      expectObservable(poll(kinesis, { maxRecordsPerPage: 2, idleDelayMs: 1_000 })).toBe('(xy) 996ms z 999ms v 999ms (w|)', {
        x: 'ab',
        y: 'c',
        z: 'd',
        v: '',
        w: 'e|',
      });
      flush();
      expect(readTimes(kinesis)).to.deep.equal([0, 0, 1_000, 2_000, 3_000]);
    }),
  );

  describe('reads again at once after a full page, whatever it says of more:', () => {
    /** What a service says of how far behind a page is that does not know, or does not say. */
    const lags: Readonly<Record<string, Partial<GetRecordsPage>>> = {
      'a lag of 0': { MillisBehindLatest: 0 },
      'no lag': { MillisBehindLatest: undefined },
    };
    for (const [what, lag] of Object.entries(lags)) {
      const saying = (kinesis: FakeKinesis): Partial<ReadContext> => ({
        port: { ...kinesis, getRecords: (request) => kinesis.getRecords(request).pipe(map((page) => ({ ...page, ...lag }))) },
      });

      it(
        `${what}, as many records as were asked for`,
        marbles(({ expectObservable, flush }) => {
          const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcdefg)' } });
          expectObservable(poll(kinesis, { maxRecordsPerPage: 3, idleDelayMs: 1_000 }, of(10_000), saying(kinesis)), '^ 1500ms !').toBe(
            '(xyz) 995ms v',
            {
              x: 'abc',
              y: 'def',
              z: 'g',
              v: '',
            },
          );
          flush();
          expect(readTimes(kinesis)).to.deep.equal([0, 0, 0, 1_000]);
        }),
      );

      it(
        `${what}, as many as there was credit for`,
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abc)' } });
          const subscription = poll(kinesis, { idleDelayMs: 1_000 }, of(1), saying(kinesis)).subscribe();
          timer(500).subscribe(() => subscription.unsubscribe());
          flush();
          expect(readTimes(kinesis)).to.deep.equal([0, 0, 0, 0]);
        }),
      );

      it(
        `${what}, as many bytes as leave no room for another large record`,
        marbles(({ flush }) => {
          const data = new Uint8Array(6 * 2 ** 20);
          const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abc)' }, values: { a: { data }, b: { data } } });
          const subscription = poll(kinesis, { idleDelayMs: 1_000 }, of(10_000), saying(kinesis)).subscribe();
          timer(500).subscribe(() => subscription.unsubscribe());
          flush();
          // Two pages of 6 MiB, as Kinesis cuts them; of the second one cannot tell that nothing is left.
          expect(readTimes(kinesis)).to.deep.equal([0, 0, 0]);
        }),
      );
    }
  });

  it(
    'pauses as long as it is told',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '' } });
      expectObservable(poll(kinesis, { idleDelayMs: 50 }), '^ 149ms !').toBe('a 49ms a 49ms a', { a: '' });
      flush();
      expect(readTimes(kinesis)).to.deep.equal([0, 50, 100]);
    }),
  );

  describe('pauses for a fifth of the time since the last record,', () => {
    /** Reads a shard for a while; returns a function of the times of the reads. */
    function readFor(ms: number, script: string, config?: PollingConfig, fields?: Partial<ReadContext>): () => number[] {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: script } });
      const reading = poll(kinesis, config, undefined, fields).subscribe();
      timer(ms).subscribe(() => reading.unsubscribe());
      return () => readTimes(kinesis);
    }
    const pausesOf = (times: readonly number[]): number[] => times.slice(1).map((atMs, i) => Math.round(atMs - times[i]!));

    it(
      'from 250 ms up to a second',
      marbles(({ flush }) => {
        const times = readFor(10_000, 'a');
        flush();
        const pauses = pausesOf(times());
        expect(pauses.slice(0, 7)).to.deep.equal([250, 250, 250, 250, 250, 250, 300]);
        expect(Math.max(...pauses)).to.equal(1_000);
        expect(pauses.slice(-3)).to.deep.equal([1_000, 1_000, 1_000]);
      }),
    );

    it(
      'which is shortest again after a record',
      marbles(({ flush }) => {
        const times = readFor(10_000, '9s a');
        flush();
        const pauses = pausesOf(times().filter((atMs) => atMs >= 9_000));
        expect(pauses.slice(0, 2)).to.deep.equal([250, 250]);
      }),
    );

    it(
      'within the bounds that it is given',
      marbles(({ flush }) => {
        const times = readFor(100, '', { idleDelayMs: { min: 5, max: 10 } });
        flush();
        const pauses = pausesOf(times());
        expect(pauses.slice(0, 5)).to.deep.equal([5, 5, 5, 5, 5]);
        expect(pauses.at(-1)).to.equal(10);
      }),
    );

    it(
      'the first time longer by chance, so that shards which begin together are not read in step',
      marbles(({ flush }) => {
        const firstTwo = [0, 0.4, 0.8].map((chance) => readFor(460, '', {}, { random: () => chance }));
        const exact = readFor(460, '', { idleDelayMs: 250 }, { random: () => 0.8 });
        flush();
        expect(firstTwo.map((times) => times()[1])).to.deep.equal([250, 350, 450]);
        expect(exact()).to.deep.equal([0, 250]);
      }),
    );

    it(
      'and no longer when the clock is set back',
      marbles(({ scheduler, flush }) => {
        const now = (): number => (scheduler.now() < 300 ? 5_000_000 : 0) + scheduler.now();
        const times = readFor(1_200, 'a', {}, { scheduler: Object.create(scheduler, { now: { value: now } }) as SchedulerLike });
        flush();
        expect(times()).to.deep.equal([0, 250, 500, 750, 1_000]);
      }),
    );
  });

  describe("with latency: 'low'", () => {
    it(
      'reads each 200 ms from the beginning of one read to that of the next, however long it was silent',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 30, shards: { 0: '' } });
        const reading = poll(kinesis, { latency: 'low' }, undefined, { budget: readBudget() }).subscribe();
        timer(60_000).subscribe(() => reading.unsubscribe());
        flush();
        const times = readTimes(kinesis);
        expect(times.slice(0, 4)).to.deep.equal([30, 230, 430, 630]);
        expect(times).to.have.length(300);
      }),
    );

    it(
      'does so with a budget that has no limit too, and with calls that take longer',
      marbles(({ flush }) => {
        const quick = fakeKinesis({ latencyMs: 0, shards: { 0: '' } });
        const slow = fakeKinesis({ latencyMs: 300, shards: { 0: '' } });
        const readings = [quick, slow].map((kinesis) => poll(kinesis, { latency: 'low' }).subscribe());
        timer(1_000).subscribe(() => readings.forEach((reading) => reading.unsubscribe()));
        flush();
        expect(readTimes(quick)).to.deep.equal([0, 200, 400, 600, 800]);
        expect(readTimes(slow)).to.deep.equal([300, 600, 900]);
      }),
    );
  });

  it(
    'keeps to the budget, however far behind',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 10, shards: { 0: '(abc|)', 1: { parents: [0] } } });
      const pages = poll(kinesis, { maxRecordsPerPage: 1 }, of(10_000), { budget: readBudget() });
      // The last one once the list of shards says that the shard is closed.
      expectObservable(pages).toBe('20ms a 199ms b 209ms (c|)', { a: 'a', b: 'b', c: 'c|' });
      flush();
      expect(readTimes(kinesis)).to.deep.equal([10, 210, 410]);
    }),
  );

  it(
    'asks for each page when there is credit, anew each time',
    marbles(({ hot, expectObservable, expectSubscriptions, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abc|)' } });
      const credit = hot('--x-(xx)---x', { x: 10_000 });
      expectObservable(poll(kinesis, { maxRecordsPerPage: 1 }, credit)).toBe('--a-b------(c|)', { a: 'a', b: 'b', c: 'c|' });
      expectSubscriptions(credit.subscriptions).toBe(['^-!', '--^-!', '----^------!']);
      flush();
      expect(readTimes(kinesis)).to.deep.equal([2, 4, 11]);
    }),
  );

  it(
    'asks for nothing without credit',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc' } });
      expectObservable(poll(kinesis, {}, NEVER), '^ 10m !').toBe('');
      flush();
      expect(kinesis.calls).to.deep.equal([]);
    }),
  );

  it(
    'begins anew with each subscription',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(ab|)' } });
      const pages = poll(kinesis);
      expectObservable(pages).toBe('(a|)', { a: 'ab|' });
      expectObservable(pages, '---^').toBe('---(a|)', { a: 'ab|' });
    }),
  );

  it(
    'fails with what the reading fails with, or the credit',
    marbles(({ expectObservable, cold }) => {
      const fault = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '' }, faults: [{ method: 'getRecords', error: fault, fromMs: 5 }] });
      expectObservable(poll(kinesis, { idleDelayMs: 5 })).toBe('a----#', { a: '' }, fault);
      expectObservable(poll(kinesis, {}, cold('--#', {}, fault))).toBe('--#', {}, fault);
    }),
  );

  it(
    'aborts its request, and leaves no timer, when unsubscribed',
    marbles(({ scheduler, expectObservable, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 10, shards: { 0: '' } });
      expectObservable(poll(kinesis), '^ 14ms !').toBe('');
      expectObservable(poll(kinesis), '^ 24ms !').toBe('20ms a', { a: '' });
      flush();
      expect(kinesis.callsOf('getRecords').map(({ aborted, endedAtMs }) => [aborted, endedAtMs])).to.deep.equal([
        [true, 15],
        [false, 20],
      ]);
      expect(scheduler.now()).to.equal(25);
    }),
  );

  it(
    'emits a page before it asks for credit again',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(ab|)' } });
      const order: string[] = [];
      const asked = new Subject<string>();
      asked.subscribe((text) => order.push(text));
      const credit = of(10_000).pipe(map((value) => (asked.next('credit'), value)));
      const pages = poll(kinesis, { maxRecordsPerPage: 1 }, credit).pipe(map((text) => (asked.next(text), text)));
      expectObservable(pages).toBe('(ab|)', { a: 'a', b: 'b|' });
      flush();
      expect(order).to.deep.equal(['credit', 'a', 'credit', 'b|']);
    }),
  );

  it('asks for the next page as soon as the answer is there, without a timer between (regression: a millisecond of sleep for each page)', () => {
    const answers: Subject<GetRecordsPage>[] = [];
    const asked = (): Subject<GetRecordsPage> => {
      const answer$ = new Subject<GetRecordsPage>();
      answers.push(answer$);
      return answer$;
    };
    const port = { ...synchronousPort('a'), getRecords: asked };
    // Its timers never fire.
    const context = readContext(NONE, { port, scheduler: new VirtualTimeScheduler(), budget: unlimited });
    const reading = polling()(context, HORIZON, of(10_000)).subscribe();
    for (let page = 0; page < 3; page++) {
      expect(answers).to.have.length(page + 1);
      answers[page]!.next({ Records: [], NextShardIterator: 'next', MillisBehindLatest: 1 });
      answers[page]!.complete();
    }
    expect(answers).to.have.length(4);
    reading.unsubscribe();
    expect(answers[3]!.observed).to.equal(false);
  });

  it('reads 50 000 pages that are there at once, in a stack that does not grow', () => {
    const scheduler = new VirtualTimeScheduler();
    const port = synchronousPort('a'.repeat(50_000));
    let pages = 0;
    const reading = polling({ maxRecordsPerPage: 1 })(readContext(NONE, { port, scheduler, budget: unlimited }), HORIZON, of(1)).pipe(
      take(50_000),
    );
    reading.subscribe(() => pages++);
    scheduler.flush();
    expect(pages).to.equal(50_000);
  });

  it('asks for nothing more when it is unsubscribed at a page, with more to read', () => {
    const answer$ = new Subject<GetRecordsPage>();
    const port = { ...synchronousPort('a'), getRecords: () => answer$ };
    let credits = 0;
    const context = readContext(NONE, { port, scheduler: new VirtualTimeScheduler(), budget: unlimited });
    polling()(
      context,
      HORIZON,
      defer(() => of(++credits)),
    )
      .pipe(take(1))
      .subscribe();
    answer$.next({ Records: [], NextShardIterator: 'next', MillisBehindLatest: 1 });
    expect(credits).to.equal(1);
    expect(answer$.observed).to.equal(false);
  });

  it('keeps no page while it pauses', async () => {
    const scheduler = new VirtualTimeScheduler();
    const page = (): GetRecordsPage => ({
      Records: [{ SequenceNumber: '1', PartitionKey: 'a', Data: new Uint8Array() }],
      NextShardIterator: 'next',
      MillisBehindLatest: 0,
    });
    const port = { ...synchronousPort('a'), getRecords: () => defer(() => of(page())) };
    const pages: WeakRef<object>[] = [];
    const reading = polling()(readContext(NONE, { port, scheduler, budget: unlimited }), HORIZON, of(10)).subscribe((one) =>
      pages.push(new WeakRef(one)),
    );
    await collectGarbage();
    expect(pages).to.have.length(1);
    expect(heldOf(pages)).to.equal(0);
    expect(scheduler.actions).to.have.length(1);
    reading.unsubscribe();
  });

  for (const [config, message] of [
    [{ maxRecordsPerPage: 0 }, /^maxRecordsPerPage: expected a whole number from 1 to 10000, got 0$/],
    [{ maxRecordsPerPage: 10_001 }, /^maxRecordsPerPage: .* got 10001$/],
    [{ maxRecordsPerPage: 1.5 }, /^maxRecordsPerPage: .* got 1.5$/],
    [{ idleDelayMs: -1 }, /^idleDelayMs: expected a finite number from 0 up, got -1$/],
    [{ idleDelayMs: Infinity }, /^idleDelayMs: .* got Infinity$/],
    [{ idleDelayMs: { min: -1 } }, /^idleDelayMs.min: expected a finite number from 0 up, got -1$/],
    [{ idleDelayMs: { min: 2_000 } }, /^idleDelayMs.max: expected a finite number from 2000 up, got 1000$/],
    [{ idleDelayMs: { max: Infinity } }, /^idleDelayMs.max: .* got Infinity$/],
    [{ idleDelayMs: { most: 1 } as never }, /^idleDelayMs: unknown option most; known are min, max$/],
    [{ idleDelayMs: '5' as never }, /^idleDelayMs: expected an object, got "5"$/],
    [{ latency: 'high' as never }, /^latency: expected 'low', got "high"$/],
    [{ latency: 'low', idleDelayMs: 250 }, /^latency: 'low' sets the pauses itself: leave out idleDelayMs$/],
  ] as const) {
    it(`refuses ${JSON.stringify(config)} when called`, () => {
      const error = thrownBy(() => polling(config));
      expect(isInvalidConfig(error)).to.equal(true);
      expect(error).to.have.property('message').that.matches(message);
    });
  }

  it(
    'asks for no more records than it has credit for, nor than a page may have',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdefghij|^' } });
      let credit = 0;
      poll(
        kinesis,
        { maxRecordsPerPage: 4 },
        defer(() => of(++credit)),
      ).subscribe();
      flush();
      expect(kinesis.callsOf('getRecords').map(({ limit }) => limit)).to.deep.equal([1, 2, 3, 4]);
    }),
  );
});
