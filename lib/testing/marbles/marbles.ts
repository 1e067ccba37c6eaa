import type { Observable } from 'rxjs';
import { TestScheduler, type RunHelpers } from 'rxjs/testing';
import { assertFunction, assertKnownFields, assertPositive } from '../../internal/validate.js';
import { Expectations } from './expectations.js';
import { limitVirtualTime } from './virtual-limits.js';

/** The argument of a marble test: the helpers of `TestScheduler.run`, and the scheduler. */
export interface MarbleHelpers extends RunHelpers {
  /** The test's own scheduler: pass it as the option `scheduler`, or schedule the test's own steps with it. */
  readonly scheduler: TestScheduler;
}

/** How long a marble test may run. */
export interface MarblesConfig {
  /** The virtual time after which the test counts as endless and fails, in ms. @defaultValue 1_000_000, more than 16 minutes */
  readonly maxFrames?: number | undefined;
  /** The number of scheduled actions after which it fails too, to catch a loop without delay. @defaultValue 500_000 */
  readonly maxActions?: number | undefined;
}

/**
 * Makes a marble test in virtual time, for any test runner whose test is a function without parameters.
 *
 * @remarks
 * Each run has its own TestScheduler. Values are compared by structure; errors by name, message, `code` and own enumerable fields. Unlike
 * `TestScheduler.run` alone, which would pass or hang, the test fails when the callback is asynchronous, when an expectation has no `toBe`
 * or `toEqual`, when virtual time passes `maxFrames`, and when one marble test runs inside another.
 *
 * @param test - the test; its expectations are checked after it has returned and virtual time is over.
 * @throws InvalidConfigError when called with an unknown option, or a limit that is none.
 *
 * @example
 * ```ts
 * import { marbles } from 'rx-kinesis/testing';
 * import { delay } from 'rxjs';
 *
 * it(
 *   'delays',
 *   marbles(({ cold, expectObservable, expectSubscriptions }) => {
 *     const source = cold(' -a--b|    ');
 *     const subs = '        ^----!    ';
 *     const expected = '    ---a--(b|)';
 *
 *     expectObservable(source.pipe(delay(2))).toBe(expected);
 *     expectSubscriptions(source.subscriptions).toBe(subs);
 *   }),
 * );
 * ```
 */
export function marbles(test: (helpers: MarbleHelpers) => void, config: MarblesConfig = {}): () => void {
  assertFunction('marbles: test', test);
  assertKnownFields(config, { maxFrames: true, maxActions: true }, 'marbles');
  const { maxFrames = 1_000_000, maxActions = 500_000 } = config;
  assertPositive('marbles: maxFrames', maxFrames, true);
  assertPositive('marbles: maxActions', maxActions, true);
  return () => {
    refuseNesting();
    const expectations = new Expectations();
    const scheduler = new TestScheduler((actual: readonly unknown[], expected: readonly unknown[]) => expectations.check(actual, expected));
    limitVirtualTime(scheduler, { maxFrames, maxActions });
    scheduler.run((helpers) => {
      refuseAsync(test({ ...helpers, ...watched(helpers, expectations), scheduler }));
      expectations.assertStated();
    });
    expectations.assertStated();
  };
}

/** Wraps the two `expect` functions, to note for each call whether it has a matcher. */
function watched(helpers: RunHelpers, expectations: Expectations): Pick<RunHelpers, 'expectObservable' | 'expectSubscriptions'> {
  return {
    expectObservable<T>(observable: Observable<T>, subscriptionMarbles?: string | null) {
      const stated = expectations.open('expectObservable', ['toBe', 'toEqual']);
      const matchers = helpers.expectObservable(observable, subscriptionMarbles);
      return {
        toBe: (marbles: string, values?: unknown, error?: unknown) => stated(() => matchers.toBe(marbles, values, error)),
        toEqual: (other: Observable<T>) => stated(() => matchers.toEqual(other)),
      };
    },
    expectSubscriptions(logs) {
      const stated = expectations.open('expectSubscriptions', ['toBe']);
      const matcher = helpers.expectSubscriptions(logs);
      return { toBe: (marbles) => stated(() => matcher.toBe(marbles)) };
    },
  };
}

function refuseAsync(result: unknown): void {
  if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return;
  // After its first await the callback runs outside virtual time; a failure there would only be a second, confusing one.
  (result as PromiseLike<unknown>).then(undefined, () => undefined);
  throw new Error(
    'marbles: the callback is asynchronous, but virtual time ends when it returns: expectations after an await would never be checked',
  );
}

function refuseNesting(): void {
  // Only in run mode RxJS reads a character as one frame; outside, as ten.
  const [end] = TestScheduler.parseMarbles('-|', undefined, undefined, false, true);
  if (end?.frame !== 1) return;
  throw new Error('marbles: already inside TestScheduler.run: one marble test cannot run inside another');
}
