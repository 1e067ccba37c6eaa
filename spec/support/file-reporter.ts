import Mocha, { type MochaOptions, type Runnable, type Runner, type Suite, type Test } from 'mocha';
import { relative } from 'node:path';

const { EVENT_HOOK_BEGIN, EVENT_HOOK_END, EVENT_RUN_BEGIN, EVENT_RUN_END, EVENT_TEST_BEGIN, EVENT_TEST_END, EVENT_TEST_FAIL } =
  Mocha.Runner.constants;
const { EVENT_TEST_PASS, EVENT_TEST_PENDING } = Mocha.Runner.constants;

/**
 * One line a file, when it is done, with the time that its specs and hooks took; the failures in full and the totals at the end, as mocha's own
 * reporters have them. Also under `--parallel`: the events of a file then come together, when it is done.
 */
export default class FileReporter extends Mocha.reporters.Base {
  #current: FileResult | undefined;

  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    runner.once(EVENT_RUN_BEGIN, () => announce(runner, options.parallel === true));
    runner.on(EVENT_HOOK_BEGIN, (hook) => void this.#resultOf(hook));
    runner.on(EVENT_HOOK_END, (hook) => this.#took(hook));
    runner.on(EVENT_TEST_BEGIN, (test) => void this.#resultOf(test));
    runner.on(EVENT_TEST_END, (test) => this.#took(test));
    runner.on(EVENT_TEST_PASS, (test) => void this.#resultOf(test).passed++);
    runner.on(EVENT_TEST_FAIL, (test) => void this.#resultOf(test).failed.push(test));
    runner.on(EVENT_TEST_PENDING, (test) => void this.#resultOf(test).pending++);
    runner.once(EVENT_RUN_END, () => {
      this.#close();
      this.epilogue();
    });
  }

  #took(runnable: Runnable): void {
    this.#resultOf(runnable).ms += runnable.duration ?? 0;
  }

  /** The first sign of another file is the end of the one before. Root hooks have no file. */
  #resultOf({ file: path }: Runnable): FileResult {
    const file = path === undefined ? this.#current?.file : relative(process.cwd(), path);
    if (this.#current && this.#current.file !== file) this.#close();
    return (this.#current ??= { file: file ?? 'root', ms: 0, passed: 0, failed: [], pending: 0 });
  }

  #close(): void {
    if (this.#current) console.log(lineOf(this.#current));
    this.#current = undefined;
  }
}

interface FileResult {
  readonly file: string;
  ms: number;
  passed: number;
  readonly failed: Runnable[];
  pending: number;
}

function announce(runner: Runner, isParallel: boolean): void {
  // Which specs there are is known when the other processes have loaded them.
  if (isParallel) return console.log(`\nall specs, ${WHOLE}\n`);
  const files = new Set(testsOf(runner.suite).map(({ file }) => file));
  console.log(`\n${runner.total} specs in ${files.size} files${files.size > 20 ? `, ${QUICK}` : ''}\n`);
}

const WHOLE = 'four to five minutes on two quiet cores; more under load, and where Java runs DynamoDB Local';
const QUICK = 'about 45 s on two quiet cores';

function testsOf(suite: Suite): Test[] {
  return [...suite.tests, ...suite.suites.flatMap(testsOf)];
}

function lineOf({ file, ms, passed, failed, pending }: FileResult): string {
  const counts = [`${passed} passed`, failed.length > 0 && `${failed.length} FAILED`, pending > 0 && `${pending} pending`];
  const seconds = (ms / 1_000).toFixed(1);
  const titles = failed.map((test) => `\n    failed: ${test.fullTitle()}`);
  return `${seconds.padStart(6)} s  ${file}: ${counts.filter(Boolean).join(', ')}${titles.join('')}`;
}
