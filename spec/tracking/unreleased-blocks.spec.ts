import { expect } from 'chai';
import fc from 'fast-check';
import { UnreleasedBlocks } from '../../lib/tracking/unreleased-blocks.js';
import { comparePositions } from '../../lib/values/position.js';
import { SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { rangeOf } from '../support/ranges.js';

/** The ranges of a block from record `from` to record `to`, in `pieces` pieces. */
const blockOf = (from: number, to: number, pieces = 1): SequenceNumberRanges =>
  new SequenceNumberRanges(
    Array.from({ length: pieces }, (_, i) => {
      const first = from + i;
      const last = i === pieces - 1 ? to : first;
      return rangeOf(first, last, last - first + 1);
    }),
  );
const at = (n: number) => ({ sequenceNumber: String(n), subSequenceNumber: 0 });

describe('UnreleasedBlocks', () => {
  it('names those up to the watermark, in order, and not those beyond', () => {
    const blocks = new UnreleasedBlocks();
    const [a, b, c] = [blockOf(1, 2), blockOf(3, 4), blockOf(5, 6)];
    for (const ranges of [a, b, c]) blocks.add(ranges);
    expect(blocks.coveredBy(at(4), 10)).to.deep.equal({ position: at(4), blocks: [a, b] });
    blocks.release(a);
    expect(blocks.coveredBy(at(6), 10)).to.deep.equal({ position: at(6), blocks: [b, c] });
  });

  it('lets a checkpoint go as far as it has room: up to the end of what comes before', () => {
    const blocks = new UnreleasedBlocks();
    blocks.restart(at(0));
    const [a, b, c] = [blockOf(1, 2), blockOf(3, 6, 3), blockOf(7, 8)];
    for (const ranges of [a, b, c]) blocks.add(ranges);
    expect(blocks.coveredBy(at(8), 5)).to.deep.equal({ position: at(8), blocks: [a, b, c] });
    expect(blocks.coveredBy(at(8), 4)).to.deep.equal({ position: at(6), blocks: [a, b] });
    expect(blocks.coveredBy(at(8), 3)).to.deep.equal({ position: at(2), blocks: [a] });
    expect(blocks.coveredBy(at(8), 0)).to.deep.equal({ position: at(0), blocks: [] });
    blocks.release(a);
    expect(blocks.coveredBy(at(8), 0)).to.deep.equal({ position: at(2), blocks: [] });
  });

  it('lets none be written when the first block has no room and nothing is known to be done before it', () => {
    const blocks = new UnreleasedBlocks();
    blocks.add(blockOf(1, 2));
    expect(blocks.coveredBy(at(2), 0)).to.equal(undefined);
    expect(blocks.coveredBy(at(2), 1)).to.deep.include({ position: at(2) });
  });

  it('has what an earlier process left, which nobody works on before it is taken', () => {
    const blocks = new UnreleasedBlocks();
    const [a, b] = [blockOf(1, 2), blockOf(3, 4)];
    blocks.restore([a, b], at(4));
    expect([blocks.leftOver, blocks.areInWork, blocks.isEmpty]).to.deep.equal([[a, b], false, false]);
    blocks.take(a);
    blocks.take(a);
    expect([blocks.leftOver, blocks.areInWork]).to.deep.equal([[b], true]);
    blocks.release(a);
    expect([blocks.leftOver, blocks.areInWork]).to.deep.equal([[b], false]);
    blocks.add(blockOf(5, 6));
    expect(blocks.coveredBy(at(6), 1)).to.deep.equal({ position: at(4), blocks: [b] });
  });

  it('keeps at a restart what is settled, for whoever takes it, and forgets what is read again', () => {
    const blocks = new UnreleasedBlocks();
    const [a, b] = [blockOf(1, 2), blockOf(3, 4)];
    blocks.add(a);
    blocks.add(b);
    blocks.restart(at(2));
    expect([blocks.leftOver, blocks.areInWork]).to.deep.equal([[a], false]);
    blocks.restart(undefined);
    expect(blocks.isEmpty).to.equal(true);
  });

  it('says of a block that is not here that it is not', () => {
    const blocks = new UnreleasedBlocks();
    const a = blockOf(1, 2);
    blocks.add(a);
    expect([blocks.release(blockOf(1, 2)), blocks.release(a), blocks.release(a)]).to.deep.equal([false, true, false]);
  });

  it('takes what is not released out of what is settled beyond', () => {
    const blocks = new UnreleasedBlocks();
    const settled = [rangeOf(3, 4, 2), rangeOf(7, 8, 2)];
    expect(blocks.without(settled, at(0))).to.equal(settled);
    blocks.add(blockOf(4, 5));
    expect(blocks.without(settled, at(2))).to.deep.equal([rangeOf(7, 8, 2)]);
    expect(blocks.without(settled, at(5))).to.deep.equal(settled);
  });

  it('never lets a checkpoint pass a block that it does not name, in whatever order blocks are stored and released', () => {
    const steps = fc.array(fc.record({ block: fc.nat(19), release: fc.boolean(), watermark: fc.nat(20), room: fc.nat(6) }), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const blocks = new UnreleasedBlocks();
        blocks.restart(at(0));
        const stored = new Map<number, SequenceNumberRanges>();
        const done = new Set<number>();
        for (const { block, release, watermark, room } of all) {
          const ranges = stored.get(block);
          if (release && ranges && !done.has(block)) {
            blocks.release(ranges);
            done.add(block);
          } else if (!release && !ranges) {
            stored.set(block, blockOf(block * 2 + 1, block * 2 + 2));
            blocks.add(stored.get(block)!);
          }
          const covered = blocks.coveredBy(at(watermark * 2), room);
          const named = covered?.blocks ?? [];
          expect(named.length).to.be.at.most(room);
          for (const [number, each] of stored) {
            const isPassed = covered && comparePositions(at(number * 2 + 1), covered.position) <= 0;
            if (isPassed && !done.has(number)) expect(named).to.include(each);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
