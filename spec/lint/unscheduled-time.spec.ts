import { expect } from 'chai';
import { Linter } from 'eslint';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

interface Restriction {
  readonly selector: string;
  readonly message: string;
}

/** A configuration that ESLint reads, not the compiler. */
const CONFIG = pathToFileURL(resolve(import.meta.dirname, '../../eslint.config.js')).href;

describe('the lint rule against time without a scheduler', () => {
  let restrictions: readonly Restriction[];

  before(async function () {
    // It loads the plugins.
    this.timeout(60_000);
    ({ unscheduledTime: restrictions } = (await import(CONFIG)) as { unscheduledTime: readonly Restriction[] });
  });

  function findings(code: string): string[] {
    return new Linter().verify(code, { rules: { 'no-restricted-syntax': ['error', ...restrictions] } }).map(({ message }) => message);
  }

  const refused = [
    'timer(5)',
    'timer(0, 5)',
    'timer(delayMs, periodMs)',
    'timer(5, asyncScheduler)',
    'interval(5)',
    'source.pipe(delay(5))',
    'source.pipe(debounceTime(5))',
    'source.pipe(auditTime(0))',
    'source.pipe(sampleTime(5))',
    'source.pipe(throttleTime(5, { leading: true }))',
    'source.pipe(bufferTime(5))',
    'source.pipe(bufferTime(5, null, 100))',
    'source.pipe(windowTime(5))',
    'source.pipe(timestamp())',
    'source.pipe(timeInterval())',
    'source.pipe(timeout(5))',
    'source.pipe(timeout({ each: 5, with: stalled }))',
    'source.pipe(repeat({ delay: 5 }))',
    'source.pipe(repeat({ count: 3, delay: 2 * 5 }))',
    'source.pipe(retry({ delay: delayMs }))',
    'source.pipe(retry({ delay: config.delayMs }))',
    'source.pipe(retry({ delay: this.#delayMs }))',
    'source.pipe(retry({ delay }))',
    'new ReplaySubject(1, 500)',
    'source.pipe(shareReplay(1, 500))',
    'source.pipe(shareReplay({ bufferSize: 1, windowTime: 500 }))',
    'const now = asyncScheduler.now()',
    'source.pipe(observeOn(asapScheduler))',
    'const config = { scheduler: asyncScheduler }',
  ];
  for (const code of refused) {
    it(`refuses ${code}`, () => {
      const [message] = findings(inClass(code));
      expect(message).to.match(/^Time comes from `scheduler` alone/);
    });
  }

  const taken = [
    'timer(5, scheduler)',
    'timer(0, 5, this.#scheduler)',
    'interval(5, context.scheduler)',
    'source.pipe(delay(5, testScheduler))',
    'source.pipe(auditTime(0, reading.scheduler))',
    'source.pipe(bufferTime(5, null, 100, scheduler))',
    'source.pipe(throttleTime(5, scheduler, { leading: true }))',
    'source.pipe(timeout({ each: 5, scheduler }))',
    'source.pipe(timeout({ first: 5, scheduler: this.#scheduler }))',
    'source.pipe(repeat({ delay: () => delayOf(5, scheduler) }))',
    'source.pipe(repeat(3))',
    'source.pipe(retry({ delay: backOff }))',
    'source.pipe(retry({ delay: this.#backOff }))',
    'new ReplaySubject(1)',
    'new ReplaySubject(1, 500, scheduler)',
    'source.pipe(shareReplay({ bufferSize: 1, refCount: true }))',
    'source.pipe(shareReplay({ bufferSize: 1, windowTime: 500, scheduler }))',
    'const { scheduler = asyncScheduler } = config',
    'const own = (scheduler = asyncScheduler) => scheduler.now()',
  ];
  for (const code of taken) {
    it(`takes ${code}`, () => {
      expect(findings(inClass(code))).to.deep.equal([]);
    });
  }

  it('takes an import of what it refuses elsewhere', () => {
    expect(findings("import { asyncScheduler, timer } from 'rxjs';")).to.deep.equal([]);
  });
});

/** Private names stand only in a class. */
function inClass(code: string): string {
  return `class C { #scheduler; #delayMs; #backOff; method() { ${code}; } }`;
}
