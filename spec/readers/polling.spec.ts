import { expect } from 'chai';
import { defer, map, NEVER, of, Subject, take, timer, VirtualTimeScheduler, type Observable } from 'rxjs';
import type { GetRecordsPage } from '../../lib/kinesis/port.js';
import { polling, type PollingConfig } from '../../lib/readers/polling.js';
import { readBudget, type ReadBudget } from '../../lib/kinesis/read-budget.js';
import type { ReadContext, ReadStart } from '../../lib/readers/reader.js';
import { fakeKinesis, marbles, type FakeKinesis } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
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
      expectObservable(poll(kinesis, { maxRecordsPerPage: 2 })).toBe('(xy) 996ms z 999ms v 999ms (w|)', {
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
          expectObservable(poll(kinesis, { maxRecordsPerPage: 3 }, of(10_000), saying(kinesis)), '^ 1500ms !').toBe('(xyz) 995ms v', {
            x: 'abc',
            y: 'def',
            z: 'g',
            v: '',
          });
          flush();
          expect(readTimes(kinesis)).to.deep.equal([0, 0, 0, 1_000]);
        }),
      );

      it(
        `${what}, as many as there was credit for`,
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abc)' } });
          const subscription = poll(kinesis, {}, of(1), saying(kinesis)).subscribe();
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
          const subscription = poll(kinesis, {}, of(10_000), saying(kinesis)).subscribe();
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

  for (const [config, message] of [
    [{ maxRecordsPerPage: 0 }, /^maxRecordsPerPage: expected a whole number from 1 to 10000, got 0$/],
    [{ maxRecordsPerPage: 10_001 }, /^maxRecordsPerPage: .* got 10001$/],
    [{ maxRecordsPerPage: 1.5 }, /^maxRecordsPerPage: .* got 1.5$/],
    [{ idleDelayMs: -1 }, /^idleDelayMs: expected a finite number from 0 up, got -1$/],
    [{ idleDelayMs: Infinity }, /^idleDelayMs: .* got Infinity$/],
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
