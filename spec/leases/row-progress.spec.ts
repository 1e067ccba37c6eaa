import { expect } from 'chai';
import fc from 'fast-check';
import type { Checkpoint } from '../../lib/checkpoints/checkpoint-store.js';
import { readProgress, writeProgress } from '../../lib/leases/row-progress.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { SequenceNumberRanges, type SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { anyRange } from '../support/arbitraries.js';
import { thrownBy } from '../support/thrown-by.js';

const shard = { streamName: 'flights', shardId: 'shardId-000000000000' };
const range = (from: number, to = from): SequenceNumberRange => ({
  ...shard,
  ...{ fromSeqNumber: String(from), toSeqNumber: String(to), fromSubSeqNumber: 0, toSubSeqNumber: 3, recordCount: 2 },
});
const block = (from: number, to = from): SequenceNumberRanges => new SequenceNumberRanges([range(from, to)]);
const at = (sequenceNumber: number, fields: Partial<Checkpoint> = {}): Checkpoint => ({
  ...shard,
  ...{ sequenceNumber: String(sequenceNumber), subSequenceNumber: 0 },
  ...fields,
});

describe('the progress in a row', () => {
  it('is nothing where nothing is settled beyond the checkpoint, and no block before it unreleased', () => {
    expect(writeProgress(at(5))).to.equal(undefined);
    expect(readProgress(undefined, at(5), shard)).to.deep.equal({});
  });

  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(anyRange), fc.array(fc.array(anyRange, { minLength: 1 })), (settled, blocks) => {
        const own = (ranges: readonly SequenceNumberRange[]) => ranges.map((one) => ({ ...one, ...shard }));
        const settledBeyond = own(settled).slice(0, 20);
        const unreleased = blocks.map((ranges) => new SequenceNumberRanges(own(ranges)));
        const checkpoint = { ...at(0), sequenceNumber: String(10n ** 128n), settledBeyond, unreleased };
        expect(readProgress(writeProgress(checkpoint), checkpoint, shard)).to.deep.equal({
          ...(settledBeyond.length > 0 && { settledBeyond }),
          ...(unreleased.length > 0 && { unreleased }),
        });
      }),
    );
  });

  it('keeps the first twenty settled ranges, so that a row stays small', () => {
    const settledBeyond = Array.from({ length: 100 }, (_, i) => ({
      ...range(i * 2 + 6),
      fromSeqNumber: '4'.repeat(56),
      toSeqNumber: '5'.repeat(56),
    }));
    const text = writeProgress(at(5, { settledBeyond }))!;
    expect(readProgress(text, at(5), shard).settledBeyond).to.deep.equal(settledBeyond.slice(0, 20));
    expect(text.length).to.be.below(3_000);
  });

  it('holds of settled ranges only for its own checkpoint: whoever moved that may want the records again', () => {
    const text = writeProgress(at(5, { settledBeyond: [range(8, 9)] }));
    expect(readProgress(text, at(5), shard)).to.deep.equal({ settledBeyond: [range(8, 9)] });
    expect(readProgress(text, at(7), shard)).to.deep.equal({});
    expect(readProgress(text, at(2), shard)).to.deep.equal({});
  });

  it('holds of unreleased blocks wherever the checkpoint has gone since, if they are not beyond it', () => {
    const text = writeProgress(at(5, { unreleased: [block(1, 2), block(3, 4)] }));
    for (const sequenceNumber of ['5', '7', 'SHARD_END'])
      expect(readProgress(text, { sequenceNumber, subSequenceNumber: 0 }, shard)).to.deep.equal({ unreleased: [block(1, 2), block(3, 4)] });
    expect(readProgress(text, at(3), shard)).to.deep.equal({ unreleased: [block(1, 2)] });
    expect(readProgress(text, { sequenceNumber: 'TRIM_HORIZON', subSequenceNumber: 0 }, shard)).to.deep.equal({});
  });

  const malformed: Readonly<Record<string, string>> = {
    'no JSON': '{"version":1,',
    'no object': '7',
    nothing: 'null',
    'of another version': '{"version":2,"at":["5",0]}',
    'without its checkpoint': '{"version":1}',
    'of a checkpoint that is none': '{"version":1,"at":["x",0]}',
    'with settled ranges that are no array': '{"version":1,"at":["5",0],"settled":{}}',
    'with blocks that are no array': '{"version":1,"at":["5",0],"unreleased":{}}',
    'with a block that is no array': '{"version":1,"at":["5",0],"unreleased":[7]}',
    'with a block without ranges': '{"version":1,"at":["5",0],"unreleased":[[]]}',
    'with a range that is none': '{"version":1,"at":["5",0],"settled":["8"]}',
    'with a range that ends before it begins': '{"version":1,"at":["5",0],"settled":[["9",0,"8",0,1]]}',
    'with a range without its count': '{"version":1,"at":["5",0],"unreleased":[[["1",0,"2",0]]]}',
  };
  for (const [what, text] of Object.entries(malformed))
    it(`is an error that names the shard when it is ${what}`, () => {
      const error = thrownBy(() => readProgress(text, at(5), shard));
      expect(error).to.satisfy(isInvalidValue).and.to.have.property('message').that.includes('flights/shardId-000000000000');
    });
});
