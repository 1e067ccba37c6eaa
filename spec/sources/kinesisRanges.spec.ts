import { expect } from 'chai';
import { concat, map, mergeMap, NEVER, of, timer } from 'rxjs';
import { isRangeIncomplete } from '../../lib/kinesis/errors.js';
import { polling } from '../../lib/readers/polling.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { kinesisRanges } from '../../lib/sources/kinesisRanges.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { SequenceNumberRanges, type SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { manyLetters, numberOf, textOf } from '../support/fast-reading.js';
import { failureOf, letters, range, ranges, unbounded } from '../support/range-reading.js';
import { timelineOf } from '../support/timeline.js';

describe('kinesisRanges', () => {
  it(
    'emits nothing while Kinesis does not answer; unsubscribed, it aborts its call and makes no other',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' }, faults: [{ method: 'getRecords', answer: 'never', times: 10 }] });
      expectObservable(ranges(kinesis, [range(1, 2)]), '^ 5s !').toBe('-');
      flush();
      expect(kinesis.calls.map(({ method, aborted }) => [method, aborted])).to.deep.equal([
        ['getShardIterator', false],
        ['getRecords', true],
      ]);
    }),
  );

  it(
    'takes the ranges of a block as they are, with the ARN of their stream',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
      const streamARN = 'arn:aws:kinesis:eu-west-1:123456789012:stream/stream';
      const records$ = kinesisRanges(new SequenceNumberRanges([range(1, 2)]), { client: kinesis, streamARN }).pipe(map(textOf));
      expectObservable(records$).toBe('--(ab|)');
    }),
  );

  it(
    'keeps the order of each shard, reads shards in parallel up to concurrency, and stops at no shard’s end',
    marbles(({ flush }) => {
      const shards = Object.fromEntries([0, 1, 2, 3].map((shard) => [shard, `${manyLetters(4, shard * 4)}^`]));
      const kinesis = fakeKinesis({ shards, maxRecordsPerPage: 2, latencyMs: 10 });
      const list = [0, 1, 2, 3].map((shard) => {
        const [first, , , last] = kinesis.records(shard);
        return range(first!.sequenceNumber, last!.sequenceNumber, 4, shard);
      });
      const records: string[] = [];
      kinesisRanges(list, { client: kinesis, budget: unbounded(), concurrency: 2 }).subscribe((record) =>
        records.push(`${numberOf(record)}${textOf(record)}`),
      );
      flush();

      expect(records).to.have.length(16);
      for (const shard of [0, 1, 2, 3])
        expect(
          records
            .filter((text) => text.startsWith(String(shard)))
            .map((text) => text.slice(1))
            .join(''),
        ).to.equal(manyLetters(4, shard * 4));
      const begun = kinesis.callsOf('getShardIterator').map(({ atMs }) => atMs);
      expect(begun.slice(0, 2)).to.deep.equal([0, 0]);
      expect(Math.min(...begun.slice(2))).to.be.at.least(30);
    }),
  );

  it(
    'reads ranges near each other in one pass, in the order of the shard',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdefghij^' } });
      const timeline = timelineOf(ranges(kinesis, [range(6, 7), range(1, 2), range(4, 4)]));
      flush();
      expect(letters(timeline)).to.equal('abdfgcomplete');
      expect(kinesis.callsOf('getShardIterator')).to.have.length(1);
    }),
  );

  it(
    'jumps with a new iterator over a page that has nothing of them',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: `${manyLetters(2_000)}^` }, maxRecordsPerPage: 100 });
      const timeline = timelineOf(ranges(kinesis, [range(1, 1), range(1_900, 1_901)]));
      flush();
      expect(timeline).to.have.length(4);
      expect(kinesis.callsOf('getShardIterator').map(({ startingSequenceNumber }) => startingSequenceNumber)).to.deep.equal(['1', '1900']);
      expect(kinesis.callsOf('getRecords').length).to.be.at.most(3);
    }),
  );

  it(
    'emits a record of two ranges once, and counts it for both',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdef^' } });
      const timeline = timelineOf(ranges(kinesis, [range(1, 4), range(3, 5), range(3, 5)]));
      flush();
      expect(letters(timeline)).to.equal('abcdecomplete');
    }),
  );

  it(
    'names only what is missing',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdefgh^' } });
      const { error, texts } = failureOf(ranges(kinesis, [range(1, 2), range(4, 5, 3), range(7, 8)]), flush);
      if (!isRangeIncomplete(error)) throw new Error('expected a RangeIncompleteError');
      expect(error.missing).to.deep.equal([range(4, 5, 3)]);
      expect(texts).not.to.match(/[gh]/);
    }),
  );

  it(
    'goes on with the other ranges under onGap continue, with an event for each that is gone',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdefgh^' }, trims: [{ shard: 0, through: 'd' }] });
      const events: string[] = [];
      const config = { onGap: 'continue' as const, events: { next: ({ type }: KinesisEvent) => void events.push(type) } };
      const timeline = timelineOf(ranges(kinesis, [range(1, 2), range(4, 5), range(7, 8)], config));
      flush();
      expect(letters(timeline)).to.equal('eghcomplete');
      expect(events.filter((type) => type === 'gap')).to.have.length(2);
    }),
  );

  it(
    'shares one budget with a live reader: never two reads of a shard within 200 ms',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: `${manyLetters(40)}^`, 1: `${manyLetters(40, 40)}^` }, maxRecordsPerPage: 3 });
      const budget = readBudget();
      const live = (shard: number) =>
        kinesisShard({
          client: kinesis,
          streamName: 'stream',
          shardId: toShardId(shard),
          startFrom: 'TRIM_HORIZON',
          budget,
          reader: polling({ idleDelayMs: 0 }),
        });
      const rangeOf = (shard: number): SequenceNumberRange => {
        const records = kinesis.records(shard);
        return range(records[5]!.sequenceNumber, records[24]!.sequenceNumber, 20, shard);
      };
      timelineOf(of(0, 1).pipe(mergeMap(live)), 6_000);
      const timeline = timelineOf(timer(300).pipe(mergeMap(() => ranges(kinesis, [rangeOf(0), rangeOf(1)], { budget }))));
      flush();

      expect(timeline).to.have.length(41);
      for (const shard of [0, 1]) {
        const times = kinesis.callsOf('getRecords', shard).map(({ atMs }) => atMs);
        const spacings = times.slice(1).map((ms, i) => ms - times[i]!);
        expect(Math.min(...spacings)).to.be.at.least(200);
        expect(times.length).to.be.above(20);
      }
    }),
  );

  it(
    'never reads on for a consumer that is gone',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^', 1: 'def^' }, latencyMs: 5 });
      expectObservable(concat(ranges(kinesis, [range(1, 3), range(4, 6, 3, 1)]), NEVER), '^---!').toBe('-');
      flush();
      expect(kinesis.calls.every(({ aborted }) => aborted)).to.be.true;
    }),
  );
});
