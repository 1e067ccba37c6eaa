import { mismatch } from './mismatch.js';

/** One call of an `expect` function. */
interface Expectation {
  /** Such as `expectObservable 2`. */
  readonly label: string;
  readonly matchers: readonly string[];
  /** The caller's stack, so that a failure found later points at the line of the call. */
  readonly site: string;
  stated: boolean;
  checked: boolean;
}

/** The expectations of one marble test, in the order of their calls, in which a flush also checks them. */
export class Expectations {
  private readonly all: Expectation[] = [];

  /** Notes a call of an `expect` function; returns a function that runs the matcher and notes that there was one. */
  open(kind: string, matchers: readonly string[]): (state: () => void) => void {
    const number = this.all.filter(({ label }) => label.startsWith(kind)).length + 1;
    const expectation: Expectation = { label: `${kind} ${number}`, matchers, site: callSite(), stated: false, checked: false };
    this.all.push(expectation);
    return (state) => {
      state();
      expectation.stated = true;
    };
  }

  /** Compares the messages of the next expectation. */
  check(actual: readonly unknown[], expected: readonly unknown[]): void {
    const expectation = this.all.find(({ stated, checked }) => stated && !checked);
    if (expectation) expectation.checked = true;
    const text = mismatch(actual, expected);
    if (text !== undefined) throw failure(`${expectation?.label ?? 'expectation'} does not hold\n${text}`, expectation);
  }

  /** Throws when an `expect` function was called without a matcher. */
  assertStated(): void {
    const open = this.all.find(({ stated }) => !stated);
    if (open) throw failure(`marbles: ${open.label} has no ${open.matchers.join(' or ')}, so it would expect nothing`, open);
  }
}

function failure(message: string, expectation: Expectation | undefined): Error {
  const error = new Error(message);
  error.name = 'AssertionError';
  if (expectation) error.stack = `${error.name}: ${message}\n${expectation.site}`;
  return error;
}

/** The stack without the frames of this package's helpers. */
function callSite(): string {
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  return lines.slice(OWN_FRAMES).join('\n');
}

/** The frames of `callSite`, `Expectations.open`, and the `expect` function. */
const OWN_FRAMES = 3;
