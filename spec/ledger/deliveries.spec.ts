import { expect } from 'chai';
import { Deliveries, type UnclaimedRun } from '../../lib/ledger/deliveries.js';

function at(number: number) {
  return { sequenceNumber: String(number), subSequenceNumber: 0 };
}

function place(ordinal: number) {
  return { ordinal, position: at(ordinal), bytesThrough: ordinal * 10 };
}

/** Adds a page of records with the numbers of their ordinals, ten bytes each. */
function addPage(deliveries: Deliveries, count: number): UnclaimedRun {
  const firstOrdinal = deliveries.takeOrdinals(count);
  const lastOrdinal = firstOrdinal + count - 1;
  const { bytes: bytesBefore } = deliveries;
  const bytesThrough = bytesBefore + count * 10;
  const page = { firstOrdinal, lastOrdinal, first: at(firstOrdinal), last: at(lastOrdinal), bytesBefore, bytesThrough };
  deliveries.add(page);
  return page;
}

describe('Deliveries', () => {
  it('counts what waits', () => {
    const deliveries = new Deliveries();
    addPage(deliveries, 3);
    addPage(deliveries, 2);
    expect([deliveries.waitingRecords, deliveries.waitingBytes, deliveries.areClaimed]).to.deep.equal([5, 50, false]);
    expect([deliveries.last, deliveries.bytes]).to.deep.equal([at(5), 50]);

    deliveries.claimThrough(place(4));
    expect([deliveries.waitingRecords, deliveries.waitingBytes, deliveries.claimed]).to.deep.equal([1, 10, place(4)]);
    deliveries.claimAll();
    expect([deliveries.waitingRecords, deliveries.waitingBytes, deliveries.areClaimed]).to.deep.equal([0, 0, true]);
    expect(deliveries.claimed).to.deep.equal(place(5));
  });

  it('gives the pieces that have not been claimed, a page that is claimed in part as a whole', () => {
    const deliveries = new Deliveries();
    const [a, b, c] = [addPage(deliveries, 3), addPage(deliveries, 2), addPage(deliveries, 1)];

    expect(deliveries.unclaimedAfter(0)).to.deep.equal([a, b, c]);
    expect(deliveries.unclaimedAfter(4)).to.deep.equal([b, c]);
    deliveries.claimThrough(place(4));
    expect(deliveries.unclaimedAfter(4)).to.deep.equal([b, c]);
    deliveries.claimThrough(place(5));
    expect(deliveries.unclaimedAfter(5)).to.deep.equal([c]);
  });

  it('keeps at most 64 pieces, whatever nobody claims, and loses none', () => {
    const deliveries = new Deliveries();
    for (let i = 0; i < 1_000; i++) addPage(deliveries, 2);
    const pieces = deliveries.unclaimedAfter(0);

    expect(pieces).to.have.length(64);
    expect(pieces[0]).to.deep.equal({
      firstOrdinal: 1,
      lastOrdinal: 1_874,
      first: at(1),
      last: at(1_874),
      bytesBefore: 0,
      bytesThrough: 18_740,
    });
    pieces.slice(1).forEach(({ firstOrdinal }, i) => expect(firstOrdinal).to.equal(pieces[i]!.lastOrdinal + 1));
    expect(pieces.at(-1)?.lastOrdinal).to.equal(2_000);
  });

  it('counts what is written off no more, but keeps it', () => {
    const deliveries = new Deliveries();
    const page = addPage(deliveries, 3);
    deliveries.releaseCredit();
    expect([deliveries.waitingRecords, deliveries.waitingBytes, deliveries.areClaimed]).to.deep.equal([0, 0, false]);
    expect(deliveries.unclaimedAfter(0)).to.deep.equal([page]);
    addPage(deliveries, 2);
    expect([deliveries.waitingRecords, deliveries.waitingBytes]).to.deep.equal([2, 20]);
  });

  it('gives no ordinal twice, and leaves one out at a restart, so that no run goes on over it', () => {
    const deliveries = new Deliveries();
    const before = addPage(deliveries, 3);
    deliveries.restart();
    expect([deliveries.last, deliveries.areClaimed, deliveries.waitingRecords]).to.deep.equal([undefined, true, 0]);
    expect(deliveries.unclaimedAfter(0)).to.deep.equal([]);
    const after = addPage(deliveries, 1);

    expect(after.firstOrdinal).to.equal(before.lastOrdinal + 2);
    expect([before.firstOrdinal, before.lastOrdinal, after.firstOrdinal].map((ordinal) => deliveries.isCurrent(ordinal))).to.deep.equal([
      false,
      false,
      true,
    ]);
  });
});
