import { expect } from 'chai';
import fc from 'fast-check';
import { SequenceNumberRanges as Exported } from '../../lib/index.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { SequenceNumberRanges, wholeRangesFromJson } from '../../lib/values/ranges-json.js';
import { SequenceNumberRanges as OfBlocks, type RangeToRead } from '../../lib/values/sequence-range.js';
import { anyRange } from '../support/arbitraries.js';
import { rangeOf } from '../support/ranges.js';
import { thrownBy } from '../support/thrown-by.js';

const shard1 = { shardId: 'shardId-000000000001' };
const bare: RangeToRead = { streamName: 'stream', shardId: 'shardId-000000000000', fromSeqNumber: '3', toSeqNumber: '9' };

describe('SequenceNumberRanges as JSON', () => {
  it('is read by the class that blocks have', () => {
    expect([Exported, OfBlocks]).to.deep.equal([SequenceNumberRanges, SequenceNumberRanges]);
  });

  it('comes back from JSON, as text or parsed', () => {
    fc.assert(
      fc.property(fc.array(anyRange, { maxLength: 5 }), (ranges) => {
        const original = new SequenceNumberRanges(ranges);
        const text = JSON.stringify(original);
        for (const json of [text, JSON.parse(text) as unknown, original.toJSON()]) {
          const read = SequenceNumberRanges.fromJSON(json);
          expect(read).to.be.instanceOf(SequenceNumberRanges);
          expect(read.ranges).to.deep.equal(ranges);
        }
      }),
    );
  });

  it('has a versioned JSON that does not change', () => {
    expect(JSON.stringify(new SequenceNumberRanges([rangeOf(1, '9.2', 7)]))).to.equal(
      '{"version":1,"ranges":[{"streamName":"stream","shardId":"shardId-000000000000","fromSeqNumber":"1","toSeqNumber":"9",' +
        '"fromSubSeqNumber":0,"toSubSeqNumber":2,"recordCount":7}]}',
    );
  });

  it('reads nothing into the ranges that does not belong there', () => {
    const json = { version: 1, ranges: [{ ...rangeOf(1, 2, 2), note: 'from elsewhere' }] };
    expect(SequenceNumberRanges.fromJSON(json).ranges).to.deep.equal([rangeOf(1, 2, 2)]);
  });

  const malformed: Readonly<Record<string, readonly [json: unknown, message: RegExp]>> = {
    'text that is no JSON': ['{"secret', /^sequence number ranges: expected JSON, got 8 characters that are not$/],
    null: [null, /expected an object with version and ranges/],
    'a number': ['7', /expected an object with version and ranges/],
    'an unknown version': [{ version: 2, ranges: [] }, /expected version 1, got 2/],
    'no version': [{ ranges: [] }, /expected version 1, got undefined/],
    'ranges that are none': [{ version: 1, ranges: {} }, /expected ranges to be an array/],
    'a range that is none': [{ version: 1, ranges: [rangeOf(1, 2, 2), null] }, /^sequence number range 1: expected a range, got null/],
    'a range without a shard': [
      { version: 1, ranges: [rangeOf(1, 2, 2, { shardId: '' })] },
      /^sequence number range 0: expected shardId to be 1 to 128 letters, digits or ._-, got ""$/,
    ],
    'a range without a stream': [
      { version: 1, ranges: [{ ...rangeOf(1, 2, 2), streamName: undefined }] },
      /^sequence number range 0: expected streamName/,
    ],
    'a number with a sign': [
      { version: 1, ranges: [rangeOf(1, 2, 2), rangeOf(1, 2, 2), rangeOf('-1', 2, 2, shard1)] },
      /^sequence number range 2 \(stream\/shardId-000000000001\): expected a decimal sequence number, got "-1"/,
    ],
  };
  for (const [what, [json, message]] of Object.entries(malformed)) {
    it(`refuses ${what}`, () => {
      const error = thrownBy(() => SequenceNumberRanges.fromJSON(json));
      expect(isInvalidValue(error)).to.equal(true);
      expect(error).to.have.property('message').that.matches(message);
    });
  }

  it('does not repeat text that it cannot read', () => {
    expect(thrownBy(() => SequenceNumberRanges.fromJSON('{"password":"hunter2"')))
      .to.have.property('message')
      .that.does.not.include('hunter2');
  });

  it('may leave out what need not be verified, and leaves it out again', () => {
    const ranges = [bare, { ...bare, recordCount: 4 }, rangeOf(1, 2, 2)];
    const read = SequenceNumberRanges.fromJSON(JSON.stringify({ version: 1, ranges }));
    expect(read.ranges).to.deep.equal(ranges);
    expect(JSON.parse(JSON.stringify(read))).to.deep.equal({ version: 1, ranges });
  });

  it('may not where whole ranges are needed', () => {
    expect(wholeRangesFromJson({ version: 1, ranges: [rangeOf(1, 2, 2)] }).ranges).to.deep.equal([rangeOf(1, 2, 2)]);
    expect(thrownBy(() => wholeRangesFromJson({ version: 1, ranges: [bare] })))
      .to.have.property('message')
      .that.equals('sequence number range 0 (stream/shardId-000000000000): expected fromSubSeqNumber to be a number, got undefined');
  });

  it('is an InvalidValueError whatever comes in its place', () => {
    const deep = JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) as unknown;
    const cyclic: Record<string, unknown> = { version: 1 };
    cyclic.ranges = [cyclic];
    const odd = [
      { version: { toString: 1, valueOf: 1 } },
      { version: deep },
      deep,
      { version: 1, ranges: [deep] },
      cyclic,
      { version: Symbol('1') },
    ];
    for (const json of [...odd, ...odd.map((version) => ({ version })), ...odd.map((range) => ({ version: 1, ranges: [range] }))]) {
      const error = thrownBy(() => SequenceNumberRanges.fromJSON(json));
      expect(isInvalidValue(error), String((error as Error).stack)).to.equal(true);
      expect((error as Error).message.length).to.be.below(200);
    }
  });

  it('is an InvalidValueError for any JSON that is none of ours', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(isInvalidValue(thrownBy(() => SequenceNumberRanges.fromJSON({ version: 1, ranges: [json] })))).to.equal(true);
      }),
    );
  });
});
