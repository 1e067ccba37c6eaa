import { expect } from 'chai';
import { inspect } from 'node:util';
import { deliveryOf, follows } from '../../lib/tracking/delivery.js';
import { TrackedRecord } from '../../lib/tracking/tracked-record.js';
import { record } from '../../lib/testing/record.js';
import { bareShard, deliver, ledgerWith } from '../support/delivery.js';

const fields = { sequenceNumber: '7', subSequenceNumber: 2, partitionKey: 'LH 400', data: new Uint8Array([1]) };

describe('TrackedRecord', () => {
  it('looks like a record made by hand', () => {
    const approximateArrivalTimestamp = new Date(5);
    const delivered = new TrackedRecord(bareShard('shard'), { ...fields, approximateArrivalTimestamp }, 1, 1);

    expect({ ...delivered }).to.deep.equal({ streamName: 'stream', shardId: 'shard', ...fields, approximateArrivalTimestamp });
    expect(Object.keys(JSON.parse(JSON.stringify(delivered)))).to.have.length(7);
    expect(inspect(delivered)).not.to.include('ledger');
  });

  it('has no arrival time where there is none', () => {
    const delivered = new TrackedRecord(bareShard(), { ...fields, approximateArrivalTimestamp: undefined }, 1, 1);
    expect('approximateArrivalTimestamp' in delivered).to.equal(false);
  });

  it('knows its place, which a copy does not', () => {
    const { shard, records } = ledgerWith({ sequenceNumber: 1, bytes: 3 }, { sequenceNumber: 2, bytes: 4 });

    expect(deliveryOf(records[1]!)).to.deep.equal({ shard, ordinal: 2, bytesThrough: 7 });
    expect(deliveryOf({ ...records[1]! })).to.equal(undefined);
    expect(deliveryOf(record(1))).to.equal(undefined);
  });

  it('follows the one that was read just before it', () => {
    const { shard, records } = ledgerWith(1, 2, 3);
    const [next] = deliver(shard, [4]);
    const [a, b, c] = records;

    expect(follows(a, b)).to.equal(true);
    expect(follows(c, next)).to.equal(true);
    expect(follows(a, c)).to.equal(false);
    expect(follows(b, a)).to.equal(false);
    expect(follows(a, a)).to.equal(false);
    expect(follows(a, ledgerWith(1, 2).records[1])).to.equal(false);
  });

  it('does not follow one made by hand, nor the other way round', () => {
    const { records } = ledgerWith(1);
    expect(follows(records[0], record(2))).to.equal(false);
    expect(follows(record(0), records[0])).to.equal(false);
  });

  it('follows, made by hand, one of its shard', () => {
    expect(follows(record(1), record(5))).to.equal(true);
    expect(follows(record(1), record(2, { shardId: 'other' }))).to.equal(false);
    expect(follows(record(1), record(2, { streamName: 'other' }))).to.equal(false);
  });
});
