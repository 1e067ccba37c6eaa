import { marbles, type MarbleHelpers, type MarblesConfig } from '../../../lib/testing/marbles/marbles.js';

/** Runs a marble test that must fail; gives its error. */
export function failureOf(test: (helpers: MarbleHelpers) => void, config?: MarblesConfig): Error {
  try {
    marbles(test, config)();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected the marble test to fail');
}
