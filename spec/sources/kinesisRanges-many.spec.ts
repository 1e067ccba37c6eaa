import { expect } from 'chai';
import { map, NEVER } from 'rxjs';
import { isRangeIncomplete, isRecoveryTimeout } from '../../lib/kinesis/errors.js';
import { kinesisRanges, type KinesisRangesConfig } from '../../lib/sources/kinesisRanges.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { RangeToRead } from '../../lib/values/sequence-range.js';
import { logPort, numbered, type LogPort } from '../support/log-port.js';
import { unbounded } from '../support/range-reading.js';
import { rangeOf } from '../support/ranges.js';

/** Ranges of `size` records, the first of every `spacing`. */
function every(spacing: number, count: number, size = 10): RangeToRead[] {
  return Array.from({ length: count }, (_, i) => rangeOf(i * spacing + 1, i * spacing + size, size));
}

/** The numbers that are emitted, and the error at the end, if there is one. */
function numbersOf(port: LogPort, ranges: readonly RangeToRead[], config: Partial<KinesisRangesConfig> = {}) {
  const numbers: number[] = [];
  const result: { numbers: number[]; error?: unknown; completed: boolean } = { numbers, completed: false };
  marbles(({ flush }) => {
    kinesisRanges(ranges, { client: port, budget: unbounded(), deaggregate: false, ...config })
      .pipe(map(({ sequenceNumber }) => Number(sequenceNumber)))
      .subscribe({
        next: (number) => numbers.push(number),
        error: (error: unknown) => (result.error = error),
        complete: () => (result.completed = true),
      });
    flush();
  })();
  return result;
}

const all = (ranges: readonly RangeToRead[]): number[] =>
  ranges.flatMap(({ fromSeqNumber, recordCount = 0 }) => Array.from({ length: recordCount }, (_, i) => Number(fromSeqNumber) + i));

describe('kinesisRanges of many ranges of a shard', () => {
  for (const [spacing, count, reads] of [
    [10, 1_000, 1],
    [50, 100, 3],
    [100, 100, 3],
    [100, 1_000, 12],
    [1_000, 100, 12],
  ] as const) {
    it(`reads ${count} ranges of 10 records, one in every ${spacing}, with one iterator and at most ${reads} reads`, () => {
      const port = logPort(numbered(spacing * count, 200));
      const ranges = every(spacing, count);
      expect(numbersOf(port, ranges)).to.deep.equal({ numbers: all(ranges), completed: true });
      expect(port.iterators).to.have.length(1);
      expect(port.reads.length).to.be.at.most(reads);
    });
  }

  it('jumps from range to range where what lies between costs more than an iterator', () => {
    // 4 MB between two ranges: to read them would take two seconds each.
    const port = logPort(numbered(200_000, 200));
    const ranges = every(20_000, 10);
    expect(numbersOf(port, ranges)).to.deep.equal({ numbers: all(ranges), completed: true });
    expect(port.iterators).to.have.length(10);
    expect(port.reads.length).to.be.at.most(14);
    expect(port.sent() * 200).to.be.at.most(10 * 1024 * 1024);
  });

  it('reads on where ranges that were far are near again', () => {
    const port = logPort(numbered(210_000, 200));
    const ranges = [...every(20_000, 10), ...Array.from({ length: 300 }, (_, i) => rangeOf(200_001 + i * 20, 200_001 + i * 20, 1))];
    expect(numbersOf(port, ranges)).to.deep.equal({ numbers: all(ranges), completed: true });
    expect(port.iterators.length + port.reads.length).to.be.at.most(40);
  });

  it('reads no more than a few records too many, wherever ranges lie dense', () => {
    const port = logPort(numbered(50_000));
    const ranges = [rangeOf(1_001, 4_000, 3_000), rangeOf(4_001, 6_000, 2_000)];
    expect(numbersOf(port, ranges).numbers).to.have.length(5_000);
    expect([port.sent(), port.reads.length]).to.deep.equal([5_000, 1]);
  });

  it('refuses a range as soon as it has given more than its count', () => {
    for (const count of [1, 10, 500]) {
      const port = logPort(numbered(10_000));
      const { numbers, error } = numbersOf(port, [rangeOf(1, 9_999, count)]);
      if (!isRangeIncomplete(error)) throw new Error(`expected a RangeIncompleteError, got ${String(error)}`);
      expect(numbers.length).to.equal(count);
      expect(error.found).to.be.above(count);
      expect(error.missing).to.deep.equal([rangeOf(1, 9_999, count)]);
      expect(port.reads).to.have.length(2);
    }
  });

  describe('in linear time', function () {
    // Each took a minute and more when the list was copied for each range; a second is enough on a busy machine.
    this.timeout(30_000);
    const shapes: Readonly<Record<string, (count: number) => RangeToRead[]>> = {
      'adjacent ones': (count) => Array.from({ length: count }, (_, i) => rangeOf(i + 1, i + 1, 1)),
      'the same one many times': (count) => Array.from({ length: count }, () => rangeOf(1, 1_000, 1_000)),
      'ranges within ranges': (count) => Array.from({ length: count }, (_, i) => rangeOf(1, i + 1, i + 1)),
      'ranges within ranges, their ends the same': (count) => Array.from({ length: count }, (_, i) => rangeOf(i + 1, count, count - i)),
      backwards: (count) => Array.from({ length: count }, (_, i) => rangeOf(count - i, count - i, 1)),
    };
    for (const [what, make] of Object.entries(shapes)) {
      it(`reads 80 000: ${what}`, () => {
        const port = logPort(numbered(80_000));
        const ranges = make(80_000);
        const startMs = performance.now();
        const { numbers, completed } = numbersOf(port, ranges);
        expect(performance.now() - startMs).to.be.below(10_000);
        expect([completed, new Set(numbers).size]).to.deep.equal([true, what.startsWith('the same') ? 1_000 : 80_000]);
        expect(port.reads.length).to.be.at.most(20);
      });
    }
  });

  it('names few of many ranges that are missing in its message, and all of them in the error', () => {
    const port = logPort(numbered(10));
    const ranges = every(100, 50_000);
    const { error } = numbersOf({ ...port, getRecords: () => NEVER }, ranges);
    if (!isRecoveryTimeout(error)) throw new Error(`expected a RecoveryTimeoutError, got ${String(error)}`);
    expect(error.missing).to.have.length(50_000);
    expect(error.message).to.equal(
      'stream/shardId-000000000000[1..10 #10], stream/shardId-000000000000[101..110 #10], stream/shardId-000000000000[201..210 #10]' +
        ' and 49997 more: no progress for 10000 ms',
    );
  });
});
