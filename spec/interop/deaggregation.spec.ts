import { expect } from 'chai';
import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { deaggregateRecord } from '../../lib/kinesis/aggregation/deaggregateRecord.js';
import { aggregate } from '../../lib/testing/index.js';
import type { HashKeyRange } from '../../lib/values/shard-id.js';
import { anyEdits, edited } from '../support/edited-message.js';
import { sealed } from '../support/hand-made-aggregate.js';
import { buildDirectory, kclLines, type KclLine } from './kcl-lines.js';

/** Payloads of each kind. */
const RUNS = 3_000;
const LARGEST = 2n ** 128n - 1n;

/** A payload, and the hash keys of the shard that it came from. */
interface Asked {
  readonly payload: Uint8Array;
  readonly range: HashKeyRange;
}

const anyRange = fc.oneof(
  fc.constant<[bigint, bigint]>([0n, LARGEST]),
  fc.tuple(fc.bigInt(0n, LARGEST), fc.bigInt(0n, LARGEST)).map(([a, b]): [bigint, bigint] => (a < b ? [a, b] : [b, a])),
);
const anyKey = fc.oneof(
  fc.bigInt(0n, LARGEST + 5n).map(String),
  fc.constantFrom('+7', '007', '-1', '\u0667', '', ' 7', '0x7', '-', '\u{1d7d8}'),
);
const anyAggregate = fc.array(
  fc.record({
    partitionKey: fc.string({ unit: 'binary', maxLength: 8 }),
    explicitHashKey: fc.option(anyKey, { nil: undefined, freq: 2 }),
    data: fc.uint8Array({ maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 6 },
);
const anyIntact = anyAggregate.map((records) => aggregate(records));
const anyDamaged = fc.tuple(anyAggregate, anyEdits).map(([records, edits]) => sealed(edited(aggregate(records).slice(4, -16), edits)));

const KINDS: Readonly<Record<string, fc.Arbitrary<Uint8Array>>> = {
  'aggregates of all kinds of keys': anyIntact,
  'aggregates that were damaged before they were sealed': anyDamaged,
  'messages of any bytes': fc.uint8Array({ minLength: 1, maxLength: 40 }).map((message) => sealed(message)),
  'any bytes': fc.uint8Array({ maxLength: 40 }),
};

for (const line of kclLines) {
  describe(`deaggregateRecord opens payloads as KCL ${line.version} does:`, function () {
    this.timeout(120_000);
    for (const [kind, anyPayload] of Object.entries(KINDS)) {
      it(`${RUNS} ${kind}`, () => {
        const seed = Math.floor(Math.random() * 2 ** 31);
        const all = fc.sample(fc.record({ payload: anyPayload, range: anyRange.map(rangeOf) }), { numRuns: RUNS, seed });
        const answers = byKcl(line, all);
        expect(answers).to.have.length(RUNS);
        all.forEach((asked, i) => expectSame(asked, answers[i]!, seed));
        if (anyPayload !== anyIntact) return;
        const outcomes = answers.map((answer) => (answer === '' ? 'dropped' : answer === 'throws' ? 'throws' : 'opened'));
        for (const outcome of ['dropped', 'opened', 'throws'])
          expect(
            outcomes.filter((each) => each === outcome),
            outcome,
          ).to.have.length.above(RUNS / 20);
      });
    }
  });
}

function rangeOf([start, end]: [bigint, bigint]): HashKeyRange {
  return { startingHashKey: String(start), endingHashKey: String(end) };
}

/** Where KCL throws, and where it would if it had not dropped the aggregate before, the record is a plain one here. */
function expectSame({ payload, range }: Asked, kcl: string, seed: number): void {
  const what = `${Buffer.from(payload).toString('hex')} in ${range.startingHashKey} to ${range.endingHashKey}, seed ${seed}`;
  const { shown, reason } = here(payload, range);
  if (reason === 'key-index' || reason === 'hash-key') expect(kcl, what).to.be.oneOf(['throws', '']);
  else expect(shown, what).to.equal(kcl);
}

/** What comes of a payload here, in the words of `Deaggregator.java`; and why it could not be opened. */
function here(Data: Uint8Array, range: HashKeyRange): { readonly shown: string; readonly reason: string | undefined } {
  let reason: string | undefined;
  const users = deaggregateRecord({ SequenceNumber: '1', PartitionKey: 'outer', Data }, range, {
    report: (problem) => (reason = problem.type === 'malformed' ? problem.reason : undefined),
  });
  const words = users.map(({ subSequenceNumber, explicitHashKey = '', partitionKey, data }) =>
    [data === Data ? 'plain' : String(subSequenceNumber), base64(explicitHashKey), base64(partitionKey), base64(data)].join(':'),
  );
  return { shown: words.join(' '), reason };
}

function byKcl(line: KclLine, all: readonly Asked[]): string[] {
  const directory = buildDirectory(line);
  const classPath = `${join(directory, 'kcl-worker-1.jar')}:${join(directory, 'lib')}/*`;
  const lines = all.map(({ payload, range }) => `${base64(payload)} ${range.startingHashKey} ${range.endingHashKey}\n`);
  const { stdout, status } = spawnSync('java', ['-Xmx192m', '-cp', classPath, 'kclworker.Deaggregator'], {
    input: lines.join(''),
    encoding: 'ascii',
    maxBuffer: 2 ** 28,
  });
  expect(status).to.equal(0);
  return stdout.split('\n').slice(0, -1);
}

function base64(content: Uint8Array | string): string {
  return Buffer.from(content as string).toString('base64');
}
