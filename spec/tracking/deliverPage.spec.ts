import { expect } from 'chai';
import { TrackedShard } from '../../lib/tracking/tracked-shard.js';
import type { ShardPage } from '../../lib/readers/reader.js';
import { openBlock } from '../../lib/tracking/tracked-block.js';
import type { UntimedEvent } from '../../lib/monitoring/events.js';
import { deliverPage } from '../../lib/tracking/deliverPage.js';
import { recordFields } from '../support/record-fields.js';
import { identityOf } from '../support/fast-reading.js';

const arrival = new Date(5);

function page(numbers: readonly number[], bytes = 2): ShardPage {
  const records = numbers.map((number) =>
    recordFields(number, { partitionKey: `key ${number}`, data: new Uint8Array(bytes), approximateArrivalTimestamp: arrival }),
  );
  return { records, bytes: records.length * bytes, millisBehindLatest: 17, ended: false, childShards: [] };
}

function accountWith(settledBeyond: ReadonlyArray<readonly [number, number]> = []): { account: TrackedShard; events: UntimedEvent[] } {
  const events: UntimedEvent[] = [];
  const account = new TrackedShard({ identity: identityOf(0), notify: (event) => void events.push(event) });
  const ranges = settledBeyond.map(([from, to]) => ({
    ...{ streamName: 'stream', shardId: identityOf(0).shardId, fromSeqNumber: String(from), toSeqNumber: String(to) },
    ...{ fromSubSeqNumber: 0, toSubSeqNumber: 0, recordCount: to - from + 1 },
  }));
  if (ranges.length > 0) account.restore({ ...identityOf(0), sequenceNumber: '1', subSequenceNumber: 0, settledBeyond: ranges });
  return { account, events };
}

const numbers = (records: ReadonlyArray<{ readonly sequenceNumber: string }>): number[] =>
  records.map(({ sequenceNumber }) => Number(sequenceNumber));

describe('deliverPage', () => {
  it('gives the records of the page in the names of this package', () => {
    const { account } = accountWith();
    const [record] = deliverPage(page([3]), account);
    expect({ ...record }).to.deep.equal({
      streamName: 'stream',
      shardId: 'shardId-000000000000',
      sequenceNumber: '3',
      subSequenceNumber: 0,
      partitionKey: 'key 3',
      data: new Uint8Array(2),
      approximateArrivalTimestamp: arrival,
    });
  });

  it('enters them in the ledger before any of them is emitted', () => {
    const { account } = accountWith();
    deliverPage(page([1, 2, 3]), account);
    expect(account.ledger).to.include({ outstandingRecords: 3, outstandingBytes: 6, isSettled: false });
    expect(account.ledger.delivered).to.include({ sequenceNumber: '3' });
  });

  it('tells of each page, also of an empty one, and of no payload', () => {
    const { account, events } = accountWith();
    deliverPage(page([1, 2]), account);
    expect(deliverPage(page([]), account)).to.deep.equal([]);
    const event = { type: 'pageRead', streamName: 'stream', shardId: 'shardId-000000000000', millisBehindLatest: 17, hasOpenBlocks: false };
    expect(events).to.deep.equal([
      { ...event, records: 2, bytes: 4 },
      { ...event, records: 0, bytes: 0 },
    ]);
    expect(account.ledger.outstandingRecords).to.equal(2);
  });

  it('leaves out what an earlier process has settled out of order, which then cuts a run', () => {
    const { account } = accountWith([[4, 5]]);
    const records = deliverPage(page([2, 3, 4, 5, 6, 7]), account);
    expect(numbers(records)).to.deep.equal([2, 3, 6, 7]);
    expect(account.ledger).to.include({ outstandingRecords: 6, outstandingBytes: 8 });
    expect(
      openBlock(records).ranges.ranges.map(({ fromSeqNumber, toSeqNumber, recordCount }) => [fromSeqNumber, toSeqNumber, recordCount]),
    ).to.deep.equal([
      ['2', '3', 2],
      ['6', '7', 2],
    ]);
  });

  it('delivers nothing of a page that is all settled', () => {
    const { account } = accountWith([[2, 9]]);
    expect(deliverPage(page([2, 3, 4]), account)).to.deep.equal([]);
    expect(account.ledger).to.include({ outstandingRecords: 0, isSettled: true });
  });

  it('delivers what comes after the last settled range', () => {
    const { account } = accountWith([[3, 4]]);
    expect(numbers(deliverPage(page([5, 6]), account))).to.deep.equal([5, 6]);
    expect(numbers(deliverPage(page([7]), account))).to.deep.equal([7]);
  });

  it('keeps runs over pages', () => {
    const { account } = accountWith();
    const records = [...deliverPage(page([1, 2]), account), ...deliverPage(page([7, 9]), account)];
    expect(openBlock(records).ranges.ranges).to.have.length(1);
  });
});
