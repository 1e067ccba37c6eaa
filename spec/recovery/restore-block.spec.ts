import { expect } from 'chai';
import { of, throwError } from 'rxjs';
import type { Reread } from '../../lib/readers/reread.js';
import { restoreBlock } from '../../lib/recovery/restore-block.js';
import { block, marbles } from '../../lib/testing/index.js';
import { openBlock } from '../../lib/tracking/tracked-block.js';
import type { Block } from '../../lib/values/block.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { handFedShard, settle } from '../support/hand-fed-shard.js';
import { recordFields } from '../support/record-fields.js';

const OTHER = 'shardId-000000000001';

/** Reads every number of each range, a page a range. */
const rereadAll: Reread = (ranges) =>
  of(
    ...ranges.map(({ fromSeqNumber, toSeqNumber }) =>
      Array.from({ length: Number(toSeqNumber) - Number(fromSeqNumber) + 1 }, (_, i) => recordFields(Number(fromSeqNumber) + i)),
    ),
  );

function restored(lost: Block, readForeign?: Reread): Block {
  let result: Block | undefined;
  restoreBlock(lost.ranges, { retryTimeoutMs: 10_000, readForeign }).subscribe((found) => (result = found));
  return result!;
}

describe('restoreBlock', () => {
  it('emits the block once, with its id and its records, marked as recovered', () => {
    const { block: make } = handFedShard({ reread: rereadAll });
    const lost = make(3, 4, 5);
    const again = restored(lost);
    expect(again).to.deep.include({ id: lost.id, recovered: true });
    expect(again.records).to.deep.equal(lost.records.map((record) => ({ ...record })));
    expect(again.ranges).not.to.equal(lost.ranges);
  });

  it('lets the restored block settle in place of the lost one, once', () => {
    const { account, block: make } = handFedShard({ reread: rereadAll });
    const lost = make(1, 2);
    const again = restored(lost);
    settle(again, lost);
    expect([account.ledger.watermark?.sequenceNumber, account.ledger.outstandingRecords]).to.deep.equal(['2', 0]);
  });

  it('keeps the order of the runs of several shards, and reads each shard once', () => {
    const asked: string[] = [];
    const reread: Reread = (ranges, options) => {
      asked.push(ranges.map(({ shardId, fromSeqNumber }) => `${Number(shardId.slice(-12))}:${fromSeqNumber}`).join());
      return rereadAll(ranges, options);
    };
    const [one, two] = [handFedShard({ reread }), handFedShard({ reread }, OTHER)];
    const [a, b, c] = one.deliver(1, 2, 3);
    const [x, y] = two.deliver(7, 8);
    const again = restored(openBlock([a!, x!, b!, c!, y!]));
    expect(again.records.map(({ sequenceNumber }) => sequenceNumber)).to.deep.equal(['1', '7', '2', '3', '8']);
    expect(asked).to.deep.equal(['0:1,0:2', '1:7,1:8']);
  });

  it('reads a block made by hand with what it is given, and refuses it without', () => {
    expect(restored(block(1, 2), rereadAll).records).to.have.length(2);
    let error: unknown;
    restoreBlock(block(1).ranges, { retryTimeoutMs: 1 }).subscribe({ error: (e: unknown) => (error = e) });
    expect(error).to.satisfy(isInvalidConfig);
    expect((error as Error).message).to.include('stream/shardId-000000000000');
  });

  it('leaves the entries alone when the re-read fails: the block is still lost', () => {
    const { account, block: make } = handFedShard({ reread: () => throwError(() => 'expired') });
    const lost = make(1);
    restoreBlock(lost.ranges, { retryTimeoutMs: 1 }).subscribe({ error: () => undefined });
    expect(account.ledger.openEntries()[0]?.key).to.equal(lost.ranges);
  });

  it(
    'stops the re-read when it is unsubscribed, and reads for each subscriber',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const page = cold<never>('-----');
      const { block: make } = handFedShard({ reread: () => page });
      const restoring = restoreBlock(make(1).ranges, { retryTimeoutMs: 1 });
      expectObservable(restoring, '--^--!').toBe('------');
      expectObservable(restoring, '^---!').toBe('-----');
      expectSubscriptions(page.subscriptions).toBe(['^---!', '--^--!']);
    }),
  );
});
