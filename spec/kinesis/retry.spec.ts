import { expect } from 'chai';
import { defer, of, throwError, type SchedulerLike } from 'rxjs';
import { retryFaults, retryPolicy, type RetryConfig, type RetryNotice } from '../../lib/kinesis/retry.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

const THROTTLED = 'ProvisionedThroughputExceededException';
const EXPIRED = 'ExpiredIteratorException';
const DENIED = 'AccessDeniedException';

function fault(name: string): Error {
  return Object.assign(new Error(name), { name });
}

/** A source that has these faults, one a subscription, then emits `v`. The dice always show one half. */
function withFaults(scheduler: SchedulerLike, faults: readonly string[], config: RetryConfig = {}) {
  const notices: RetryNotice[] = [];
  let subscriptions = 0;
  const source = defer(() => {
    const name = faults[subscriptions++];
    return name === undefined ? of('v') : throwError(() => fault(name));
  });
  const policy = retryPolicy(config, scheduler, () => 0.5);
  return { retried: source.pipe(retryFaults(policy, (notice) => void notices.push(notice))), notices };
}

describe('retryFaults', () => {
  it(
    'passes on what does not fail',
    marbles(({ scheduler, cold, expectObservable }) => {
      expectObservable(cold('-a-b|').pipe(retryFaults(retryPolicy({}, scheduler, Math.random), () => undefined))).toBe('-a-b|');
    }),
  );

  it(
    'tries again after a delay with full jitter, whose bound doubles up to the maximum',
    marbles(({ scheduler, expectObservable, flush }) => {
      const { retried, notices } = withFaults(scheduler, [THROTTLED, 'InternalFailure', THROTTLED, THROTTLED], { maxDelayMs: 300 });

      // 50, 100, then half of 300 twice.
      expectObservable(retried).toBe('450ms (v|)');
      flush();
      expect(notices.map(({ reason, attempt, delayMs, error }) => [reason, attempt, delayMs, (error as Error).name])).to.deep.equal([
        ['throttling', 1, 50, THROTTLED],
        ['transient', 2, 100, 'InternalFailure'],
        ['throttling', 3, 150, THROTTLED],
        ['throttling', 4, 150, THROTTLED],
      ]);
    }),
  );

  it(
    'replaces an iterator at once, but waits when that fails too',
    marbles(({ scheduler, expectObservable, flush }) => {
      const { retried, notices } = withFaults(scheduler, [EXPIRED, EXPIRED]);
      expectObservable(retried).toBe('100ms (v|)');
      flush();
      expect(notices.map(({ reason, delayMs }) => [reason, delayMs])).to.deep.equal([
        ['iterator', 0],
        ['iterator', 100],
      ]);
    }),
  );

  it(
    'does not try again what is fatal',
    marbles(({ scheduler, expectObservable, flush }) => {
      const { retried, notices } = withFaults(scheduler, [THROTTLED, DENIED]);
      expectObservable(retried).toBe('50ms #', undefined, fault(DENIED));
      flush();
      expect(notices).to.have.length(1);
    }),
  );

  it(
    'gives up after so many retries, with the last error',
    marbles(({ scheduler, expectObservable }) => {
      expectObservable(withFaults(scheduler, [THROTTLED, THROTTLED, 'TimeoutError'], { maxRetries: 2 }).retried).toBe(
        '150ms #',
        undefined,
        fault('TimeoutError'),
      );
      expectObservable(withFaults(scheduler, [THROTTLED], { maxRetries: 0 }).retried).toBe('#', undefined, fault(THROTTLED));
      expectObservable(withFaults(scheduler, [THROTTLED, THROTTLED], { maxRetries: 2 }).retried).toBe('150ms (v|)');
    }),
  );

  it(
    'has no timer left when unsubscribed',
    marbles(({ scheduler, expectObservable, flush }) => {
      expectObservable(withFaults(scheduler, [THROTTLED]).retried, '--!').toBe('');
      flush();
      expect(scheduler.now()).to.be.lessThan(50);
    }),
  );
});

describe('retryPolicy', () => {
  it('has defaults', () => {
    marbles(({ scheduler }) => {
      const random = () => 0;
      expect(retryPolicy({}, scheduler, random)).to.deep.equal({
        maxRetries: 10,
        initialDelayMs: 100,
        maxDelayMs: 10_000,
        scheduler,
        random,
      });
    })();
  });

  for (const config of [{ maxRetries: -1 }, { maxRetries: 1.5 }, { initialDelayMs: NaN }, { maxDelayMs: Infinity }] as const) {
    const [field, value] = Object.entries(config)[0]!;
    it(`refuses ${field} ${value}`, () => {
      const error = thrownBy(() => retryPolicy(config, undefined as never, Math.random));
      expect(isInvalidConfig(error)).to.equal(true);
      expect(error)
        .to.have.property('message')
        .that.matches(new RegExp(`^retry\\.${field}: expected .* got ${value}$`));
    });
  }
});
