import { expect } from 'chai';
import { concat, from, NEVER, of, throwError, type Observable } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { Recovery } from '../../lib/recovery/recovery.js';
import { LostWork } from '../../lib/recovery/lost-work.js';
import { openBlock } from '../../lib/tracking/tracked-block.js';
import { block as blockByHand, record } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import type { RangeToRead } from '../../lib/values/sequence-range.js';
import { handFedShard, settle } from '../support/hand-fed-shard.js';
import type { Reread } from '../../lib/readers/reread.js';
import type { KinesisRecord, RecordFields } from '../../lib/values/record.js';

const PLACE = { streamName: 'stream', shardId: 'shardId-000000000000' };

/** Reads from a shard with a record of one byte at every number, two records a page; notes what it is asked. */
function rereading(): { readonly reread: Reread; readonly asked: string[] } {
  const asked: string[] = [];
  const reread: Reread = (ranges, { retryTimeoutMs }) => {
    asked.push(
      `${ranges.map((range) => `${range.fromSeqNumber}..${range.toSeqNumber} #${range.recordCount}`).join()} in ${retryTimeoutMs}`,
    );
    const all = ranges.flatMap(numbersIn).map(fieldsOf);
    return from(Array.from({ length: Math.ceil(all.length / 2) }, (_, i) => all.slice(i * 2, i * 2 + 2)));
  };
  return { reread, asked };
}

function numbersIn({ fromSeqNumber, toSeqNumber }: RangeToRead): number[] {
  return Array.from({ length: Number(toSeqNumber) - Number(fromSeqNumber) + 1 }, (_, i) => Number(fromSeqNumber) + i);
}

function fieldsOf(number: number): RecordFields {
  const data = new Uint8Array(1);
  return { sequenceNumber: String(number), subSequenceNumber: 0, partitionKey: 'key', data, approximateArrivalTimestamp: undefined };
}

function failingAfter(...numbers: readonly number[]): Observable<readonly RecordFields[]> {
  return concat(
    of(numbers.map(fieldsOf)),
    throwError(() => new Error('reading failed')),
  );
}

function recovering(lost: LostWork, readForeign?: Reread): Recovery {
  return new Recovery(lost, { retryTimeoutMs: 10_000, readForeign });
}

/** Everything that an Observable does at once. */
function everything(source: Observable<Block | KinesisRecord>): { readonly values: (Block | KinesisRecord)[]; readonly end: unknown } {
  const values: (Block | KinesisRecord)[] = [];
  let end: unknown = 'none';
  source.subscribe({ next: (value) => values.push(value), error: (error: unknown) => (end = error), complete: () => (end = 'complete') });
  return { values, end };
}

const numbersOf = (value: Block | KinesisRecord): string | string[] =>
  'records' in value ? value.records.map(({ sequenceNumber }) => sequenceNumber) : value.sequenceNumber;

describe('Recovery', () => {
  let lost: LostWork;

  beforeEach(() => {
    lost = new LostWork();
  });

  it('emits nothing before the first failure, and reads nothing', () => {
    const { reread, asked } = rereading();
    const { block } = handFedShard({ reread });
    lost.notePassed(block(1));
    block(2);
    expect(everything(recovering(lost).emitLost())).to.deep.equal({ values: [], end: 'complete' });
    expect(asked).to.deep.equal([]);
  });

  it('lets the shards of which something has passed go on, until it is cancelled', () => {
    const [seen, unseen] = [handFedShard(), handFedShard({}, 'shardId-000000000001')];
    lost.notePassed(seen.block(1));
    unseen.block(1);
    const recovery = recovering(lost);
    recovery.begin(new Error('failed'));
    expect([seen.account.resumes, unseen.account.resumes]).to.deep.equal([true, false]);

    let changes = 0;
    seen.account.changes$.subscribe(() => changes++);
    recovery.cancel();
    expect([seen.account.resumes, changes]).to.deep.equal([false, 1]);
  });

  describe('of a block that has not passed', () => {
    it('emits it again in one piece with its id, and lets it settle in place of the lost one', () => {
      const { reread, asked } = rereading();
      const { account, block } = handFedShard({ reread });
      const [passed, gone, later] = [block(1), block(2, 3, 4), block(5)];
      lost.notePassed(passed);
      const recovery = recovering(lost);
      recovery.begin('failed');
      const { values, end } = everything(recovery.emitLost());
      const [again, laterAgain] = values as Block[];

      expect(asked).to.deep.equal(['2..4 #3 in 10000', '5..5 #1 in 10000']);
      expect(end).to.equal('complete');
      expect(again).to.deep.include({ id: gone.id, recovered: true });
      expect(again?.records).to.deep.equal(gone.records);
      settle(passed);
      settle(laterAgain!);
      expect(account.ledger.watermark?.sequenceNumber).to.equal('1');
      settle(again!);
      expect(account.ledger.watermark?.sequenceNumber).to.equal('5');
      expect([account.ledger.outstandingRecords, account.ledger.outstandingBytes]).to.deep.equal([0, 0]);
      settle(later);
      expect(account.ledger.watermark?.sequenceNumber).to.equal('5');
    });

    it('puts the runs of a block of several shards back into their order', () => {
      const [one, two] = [rereading(), rereading()];
      const a = handFedShard({ reread: one.reread });
      const b = handFedShard({ reread: two.reread }, 'shardId-000000000001');
      const mixed = openBlock([...a.deliver(1, 2), ...b.deliver(7), ...a.deliver(3), ...b.deliver(8, 9)]);
      lost.noteLost(mixed.ranges);
      const recovery = recovering(lost);
      recovery.begin('failed');
      const { values } = everything(recovery.emitLost());

      expect((values as Block[]).map(({ records }) => records)).to.deep.equal([mixed.records]);
      expect([one.asked, two.asked]).to.deep.equal([['1..2 #2,3..3 #1 in 10000'], ['7..7 #1,8..9 #2 in 10000']]);
      settle(values[0] as Block);
      expect([a, b].map(({ account }) => account.ledger.watermark?.sequenceNumber)).to.deep.equal(['3', '9']);
    });

    it('keeps the order of each shard, also where a block of two stands behind one of the other shard alone', () => {
      const a = handFedShard({ reread: rereading().reread });
      const b = handFedShard({ reread: rereading().reread }, 'shardId-000000000001');
      lost.notePassed(a.block(1));
      const blocks = [b.block(11), openBlock([...a.deliver(2), ...b.deliver(12)]), a.block(3), b.block(13)];
      const recovery = recovering(lost);
      recovery.begin('failed');
      const seen = (everything(recovery.emitLost()).values as Block[]).flatMap(({ records }) => records);
      for (const shardId of ['shardId-000000000000', 'shardId-000000000001']) {
        const own = (records: readonly KinesisRecord[]): string[] =>
          records.filter((it) => it.shardId === shardId).map(({ sequenceNumber }) => sequenceNumber);
        expect(own(seen)).to.deep.equal(own(blocks.flatMap(({ records }) => records)));
      }
    });

    it('does not emit it a third time while it is being worked on', () => {
      const { block } = handFedShard({ reread: rereading().reread });
      lost.notePassed(block(1));
      block(2);
      const recovery = recovering(lost);
      for (const expected of [1, 0]) {
        recovery.begin('failed');
        const { values } = everything(recovery.emitLost());
        expect(values).to.have.length(expected);
        values.forEach((value) => lost.notePassed(value));
      }
    });
  });

  describe('of records on their way into a block', () => {
    it('emits them as blocks, one a page of the re-read, that claim what the lost ones would have claimed', () => {
      const { reread, asked } = rereading();
      const { account, block, deliver } = handFedShard({ reread });
      const passed = block(1);
      lost.notePassed(passed);
      deliver(2, 3, 4);
      deliver(5);
      const recovery = recovering(lost);
      recovery.begin('failed');
      const { values } = everything(recovery.emitLost());

      expect(asked).to.deep.equal(['2..4 #3 in 10000', '5..5 #1 in 10000']);
      expect(values.map(numbersOf)).to.deep.equal([['2', '3'], ['4'], ['5']]);
      expect((values as Block[]).every(({ recovered }) => recovered)).to.equal(true);
      expect(account.ledger.unclaimedAfter(0)).to.deep.equal([]);
      expect([account.ledger.outstandingRecords, account.ledger.outstandingBytes]).to.deep.equal([5, 5]);
      [passed, ...(values as Block[])].forEach((block) => settle(block));
      expect(account.ledger.watermark?.sequenceNumber).to.equal('5');
      expect([account.ledger.outstandingRecords, account.ledger.outstandingBytes]).to.deep.equal([0, 0]);
      settle(block(6));
      expect(account.ledger.watermark?.sequenceNumber).to.equal('6');
    });

    it('leaves out the part of a page that is in a block already', () => {
      const { account, deliver } = handFedShard({ reread: rereading().reread });
      const page = deliver(1, 2, 3, 4, 5);
      lost.notePassed(openBlock(page.slice(0, 3)));
      const recovery = recovering(lost);
      recovery.begin('failed');
      const { values } = everything(recovery.emitLost());
      expect(values.map(numbersOf)).to.deep.equal([['4'], ['5']]);
      expect(account.ledger.claimed.ordinal).to.equal(5);
    });

    it('emits them as records where records pass, without claiming them', () => {
      const { account, deliver } = handFedShard({ reread: rereading().reread });
      const page = deliver(1, 2, 3, 4);
      lost.notePassed(page[0]!);
      lost.notePassed(page[1]!);
      const recovery = recovering(lost);
      recovery.begin('failed');
      const { values } = everything(recovery.emitLost());

      expect(values).to.deep.equal(page.slice(2));
      expect(account.ledger.claimed.ordinal).to.equal(0);
      settle(openBlock([...page.slice(0, 2), ...(values as KinesisRecord[])]));
      expect(account.ledger.watermark?.sequenceNumber).to.equal('4');
    });

    it('leaves out what the store says is done by now', () => {
      const store = memoryCheckpoints();
      const { account, block, deliver } = handFedShard({ reread: rereading().reread, store });
      lost.notePassed(block(1));
      deliver(2, 3, 4);
      from(store.write({ ...PLACE, sequenceNumber: '3', subSequenceNumber: 0 }, account.identity)).subscribe();
      const recovery = recovering(lost);
      recovery.begin('failed');
      expect(everything(recovery.emitLost()).values.map(numbersOf)).to.deep.equal([['4']]);
    });

    it('emits what the stored checkpoint passes and names as not released: the work on it is not done', () => {
      const unreleased = [blockByHand(3).ranges];
      const store = memoryCheckpoints();
      const { account, block, deliver } = handFedShard({ reread: rereading().reread, store });
      lost.notePassed(block(1));
      deliver(2, 3, 4);
      from(store.write({ ...PLACE, sequenceNumber: '3', subSequenceNumber: 0, unreleased }, account.identity)).subscribe();
      const recovery = recovering(lost);
      recovery.begin('failed');
      expect(everything(recovery.emitLost()).values.map(numbersOf)).to.deep.equal([['3'], ['4']]);
    });

    it('leaves out what an earlier process settled out of order', () => {
      const { account, block, deliver } = handFedShard({ reread: rereading().reread });
      const settledBeyond = [{ ...PLACE, fromSeqNumber: '3', toSeqNumber: '3', fromSubSeqNumber: 0, toSubSeqNumber: 0, recordCount: 1 }];
      account.restore({ ...PLACE, sequenceNumber: '0', subSequenceNumber: 0, settledBeyond });
      const passed = block(1);
      lost.notePassed(passed);
      expect(deliver(2, 3, 4).map(numbersOf)).to.deep.equal(['2', '4']);
      const recovery = recovering(lost);
      recovery.begin('failed');
      const { values } = everything(recovery.emitLost());
      expect(values.map(numbersOf)).to.deep.equal([['2'], ['4']]);
      [passed, ...(values as Block[])].forEach((block) => settle(block));
      expect([account.ledger.outstandingRecords, account.ledger.outstandingBytes]).to.deep.equal([0, 0]);
    });

    it('goes on where it was when it fails on the way', () => {
      const { reread } = rereading();
      let isBroken = true;
      const breaking: Reread = (ranges, options) => (isBroken ? failingAfter(2, 3) : reread(ranges, options));
      const { block, deliver } = handFedShard({ reread: breaking });
      lost.notePassed(block(1));
      deliver(2, 3, 4, 5);
      const recovery = recovering(lost);
      recovery.begin('failed');
      const first = everything(recovery.emitLost());
      first.values.forEach((value) => lost.notePassed(value));
      isBroken = false;
      recovery.begin('failed again');
      expect([...first.values, ...everything(recovery.emitLost()).values].map(numbersOf)).to.deep.equal([['2', '3'], ['4'], ['5']]);
    });

    it('does not count on the way what was missing before it', () => {
      const { reread, asked } = rereading();
      let isBroken = true;
      const breaking: Reread = (ranges, options) => (isBroken ? failingAfter(4, 5) : reread(ranges, options));
      const { account, block, deliver } = handFedShard({ reread: breaking });
      lost.notePassed(block(1));
      deliver(2, 3, 4, 5, 6, 7);
      const recovery = recovering(lost);
      recovery.begin('failed');
      const first = everything(recovery.emitLost());
      first.values.forEach((value) => lost.notePassed(value));
      isBroken = false;
      recovery.begin('failed again');
      const second = everything(recovery.emitLost());
      expect(asked).to.deep.equal(['5..7 #undefined in 10000']);
      expect([...first.values, ...second.values].map(numbersOf)).to.deep.equal([['4', '5'], ['6'], ['7']]);
      expect(account.ledger.isSettled).to.equal(false);
      settle(block(8), ...([...first.values, ...second.values] as Block[]));
      expect(account.ledger.unclaimedAfter(0)).to.deep.equal([]);
    });
  });

  describe('of a block that an error names and no shard here has read', () => {
    const foreign = blockByHand(1, 2, 3);

    it('reads it with the option read', () => {
      const { reread } = rereading();
      lost.noteLost(foreign.ranges);
      const recovery = recovering(lost, reread);
      recovery.begin('failed');
      const { values } = everything(recovery.emitLost());
      expect(values.map(numbersOf)).to.deep.equal([['1', '2', '3']]);
      expect(values[0]).to.include({ id: foreign.id, recovered: true });
      expect((values[0] as Block).records[0]).to.deep.equal(record(1, { data: new Uint8Array(1) }));
    });

    it('errs without', () => {
      lost.noteLost(foreign.ranges);
      const recovery = recovering(lost);
      recovery.begin('failed');
      const { values, end } = everything(recovery.emitLost());
      expect(values).to.deep.equal([]);
      expect(end)
        .to.satisfy(isInvalidConfig)
        .and.have.property('message')
        .that.matches(/stream\/shardId-000000000000: .*recoverFrom needs the option read/);
    });
  });

  it('tells of its beginning and of its end, also when nothing was lost', () => {
    const { account, block, deliver, events } = handFedShard({ reread: rereading().reread });
    lost.notePassed(block(1));
    deliver(2, 3);
    const recovery = recovering(lost);
    const seen: unknown[] = [];
    for (const error of ['first', 'second']) {
      recovery.begin(error);
      everything(recovery.emitLost()).values.forEach((value) => lost.notePassed(value));
    }
    for (const event of events) if (event.type.startsWith('recover')) seen.push(event);
    const range = { ...PLACE, fromSeqNumber: '2', toSeqNumber: '3', fromSubSeqNumber: 0, toSubSeqNumber: 0, recordCount: 2 };
    expect(seen).to.deep.equal([
      { type: 'recoveryStarted', ...PLACE, ranges: [range], error: 'first' },
      { type: 'recovered', ...PLACE, ranges: 1, records: 2 },
      { type: 'recoveryStarted', ...PLACE, ranges: [], error: 'second' },
      { type: 'recovered', ...PLACE, ranges: 0, records: 0 },
    ]);
    expect(account.resumes).to.equal(true);
  });

  it('tells of no end that it did not reach', () => {
    const { block, deliver, events } = handFedShard({ reread: () => NEVER });
    lost.notePassed(block(1));
    deliver(2);
    const recovery = recovering(lost);
    recovery.begin('failed');
    recovery.emitLost().subscribe().unsubscribe();
    expect(events.map(({ type }) => type)).to.deep.equal(['pageRead', 'blockOpened', 'pageRead', 'recoveryStarted']);
  });

  it('takes a store without a checkpoint, and one that says nothing', () => {
    for (const answer of [of(undefined), of()]) {
      const work = new LostWork();
      const { block, deliver } = handFedShard({ reread: rereading().reread, store: { read: () => answer, write: () => of() } });
      work.notePassed(block(1));
      deliver(2);
      const recovery = recovering(work);
      recovery.begin('failed');
      expect(everything(recovery.emitLost()).values.map(numbersOf)).to.deep.equal([['2']]);
    }
  });
});
