import { expect } from 'chai';
import { BehaviorSubject, of, Subject } from 'rxjs';
import type { AggregateProblem } from '../../lib/kinesis/aggregation/config.js';
import { deaggregate, type DeaggregateConfig } from '../../lib/operators/deaggregate.js';
import { aggregate, record } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { sealed, text } from '../support/hand-made-aggregate.js';
import { thrownBy } from '../support/thrown-by.js';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const ofLetters = (letters: string): Uint8Array => aggregate([...letters].map((letter) => ({ partitionKey: letter, data: letter })));
const fields = { approximateArrivalTimestamp: new Date(5) };
const user = (letter: string, subSequenceNumber: number): KinesisRecord =>
  record(7, { ...fields, subSequenceNumber, partitionKey: letter, data: bytesOf(letter) });

/** `A` holds a and b, `E` nothing; `p` is a plain record. */
const values: Record<string, KinesisRecord> = {
  A: record(7, { ...fields, data: ofLetters('ab') }),
  E: record(8, { data: sealed(text(1, 'a key without records')) }),
  p: record(9, { data: bytesOf('plain') }),
  a: user('a', 0),
  b: user('b', 1),
};

describe('deaggregate', () => {
  it('keeps the order of records that arrive while an aggregate is handed on, and completes behind them', () => {
    const source = new Subject<KinesisRecord>();
    const seen: string[] = [];
    source.pipe(deaggregate()).subscribe({
      next: ({ sequenceNumber, subSequenceNumber }) => {
        seen.push(`${sequenceNumber}.${subSequenceNumber}`);
        if (seen.length > 1) return;
        source.next(values.p!);
        source.next(values.A!);
        source.complete();
      },
      complete: () => seen.push('end'),
    });
    source.next(values.A!);
    expect(seen).to.deep.equal(['7.0', '7.1', '9.0', '7.0', '7.1', 'end']);
  });

  it('takes 50 000 records that each arrive while the one before is handed on', () => {
    const source = new BehaviorSubject(values.p!);
    let count = 0;
    source.pipe(deaggregate()).subscribe(() => {
      if (++count < 50_000) source.next(values.p!);
    });
    expect(count).to.equal(50_000);
  }).timeout(60_000);

  it('passes a plain record on, not a copy, and emits nothing for an aggregate without records', () => {
    const seen: KinesisRecord[] = [];
    of(values.E!, values.p!)
      .pipe(deaggregate())
      .subscribe((it) => seen.push(it));
    expect(seen).to.have.length(1);
    expect(seen[0]).to.equal(values.p);
  });

  it('drops what the hash keys of the shard do not hold, as it is told, and reports it', () => {
    const data = aggregate([
      { partitionKey: 'a', data: 'x', explicitHashKey: '5' },
      { partitionKey: 'a', data: 'y', explicitHashKey: '6' },
      { partitionKey: 'a', data: 'z', explicitHashKey: '5' },
    ]);
    const run = (outOfRange?: DeaggregateConfig['outOfRange']): unknown[] => {
      const told: unknown[] = [];
      const report = (problem: AggregateProblem): void => void told.push(problem.type === 'out-of-range' ? problem.dropped : problem);
      of(record(7, { data }))
        .pipe(deaggregate({ hashKeyRange: { startingHashKey: '5', endingHashKey: '5' }, outOfRange, report }))
        .subscribe((it) => told.push(`${it.subSequenceNumber}:${it.explicitHashKey}`));
      return told;
    };
    expect(run()).to.deep.equal([3]);
    expect(run('drop-aggregate')).to.deep.equal([3]);
    expect(run('drop-records')).to.deep.equal([1, '0:5', '2:5']);
    expect(run('keep')).to.deep.equal([0, '0:5', '1:6', '2:5']);
  });

  it('emits what cannot be opened as it is, and reports it', () => {
    const data = ofLetters('ab');
    data[5]! ^= 1;
    const told: unknown[] = [];
    of(record(7, { data }))
      .pipe(deaggregate({ report: (problem) => told.push(problem) }))
      .subscribe((it) => told.push(it.data));
    expect(told[0]).to.deep.equal({ type: 'malformed', position: { sequenceNumber: '7', subSequenceNumber: 0 }, reason: 'checksum' });
    expect(told[1]).to.equal(data);
  });

  it('refuses a config that cannot work when it is called', () => {
    const refused = [
      { hashKeyRange: { startingHashKey: '6', endingHashKey: '5' } },
      { hashKeyRange: { startingHashKey: '6' } },
      { outOfRange: 'drop' },
      { report: 'console' },
      { hashkeyRange: undefined },
    ];
    for (const config of refused) expect(thrownBy(() => deaggregate(config as DeaggregateConfig))).to.satisfy(isInvalidConfig);
  });
});
