import { expect } from 'chai';
import fc from 'fast-check';
import { isOutOfOrder } from '../../lib/ledger/errors.js';
import type { LedgerEntry } from '../../lib/ledger/entries.js';
import { entriesOf, openBlock } from '../../lib/tracking/tracked-block.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { bareShard, deliver, ledgerWith } from '../support/delivery.js';
import { LedgerModel, type ModelRecord } from '../support/ledger-model.js';
import { rangeOf } from '../support/ranges.js';
import { thrownBy } from '../support/thrown-by.js';

function open(...records: readonly KinesisRecord[]): LedgerEntry {
  return entriesOf(openBlock(records).ranges)[0]!.entry;
}

function at(number: number) {
  return { sequenceNumber: String(number), subSequenceNumber: 0 };
}

/** A step of a ledger's life; the numbers choose among what there is. */
type Step =
  | { readonly do: 'deliver'; readonly page: ReadonlyArray<{ readonly bytes: number; readonly isSkipped: boolean }> }
  | { readonly do: 'claim'; readonly upTo: number; readonly keep: readonly boolean[]; readonly stale: boolean }
  | { readonly do: 'settle' | 'claimAgain'; readonly which: number }
  | { readonly do: 'dropUnclaimed' | 'end' | 'restart' | 'releaseCredit' };

const anyPage = fc.array(fc.record({ bytes: fc.nat(5), isSkipped: fc.boolean() }), { minLength: 1, maxLength: 6 });
const anyClaim = { upTo: fc.nat(12), keep: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), stale: fc.boolean() };
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('deliver' as const), page: anyPage }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('claim' as const), ...anyClaim }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('claimAgain' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('dropUnclaimed' as const, 'end' as const, 'restart' as const, 'releaseCredit' as const) }),
  },
);

/** A ledger and its model, led through the same life. */
class Pair {
  readonly shard = bareShard();
  readonly ledger = this.shard.ledger;
  readonly model = new LedgerModel();
  readonly entries: LedgerEntry[] = [];
  private readonly delivered = new Map<ModelRecord, KinesisRecord>();
  private stale: ModelRecord[] = [];
  private changes = 0;

  constructor() {
    this.shard.changes$.subscribe(() => this.changes++);
  }

  take(step: Step): void {
    switch (step.do) {
      case 'deliver':
        return this.deliver(step.page);
      case 'claim':
        return this.claim(step.upTo, step.keep, step.stale);
      case 'settle':
        return this.settle(step.which % Math.max(1, this.entries.length));
      case 'claimAgain':
        return this.claimAgain(step.which);
      case 'restart':
        this.stale = this.model.waiting.filter(({ isSkipped }) => !isSkipped);
        this.model.restart();
        return this.ledger.restart();
      case 'end':
        this.model.hasEnded = true;
        return this.ledger.end();
      default:
        this.model[step.do]();
        return this.ledger[step.do]();
    }
  }

  check(): void {
    const { ledger, model } = this;
    const sum = (records: readonly ModelRecord[]) => records.reduce((bytes, record) => bytes + record.bytes, 0);
    expect(ledger.watermark).to.deep.equal(model.watermark === 0 ? undefined : at(model.watermark));
    expect(ledger.delivered?.sequenceNumber).to.equal(model.delivered === 0 ? undefined : String(model.delivered));
    expect(ledger.outstandingRecords).to.equal(model.outstanding.length);
    expect(ledger.outstandingBytes).to.equal(sum(model.outstanding));
    expect(ledger.hasOpenEntries).to.equal(model.open.length > 0);
    expect(ledger.isSettled).to.equal(model.isSettled);
    expect(ledger.hasEnded).to.equal(model.hasEnded);
    expect(ledger.isFinished).to.equal(model.hasEnded && model.isSettled);
    expect(ledger.isTracked).to.equal(this.entries.length > 0);
    expect(ledger.settledBeyond()).to.deep.equal(model.settledBeyond);
    const isOpen = (_: unknown, i: number) => model.blocks[i]!.some(({ state }) => state === 'open');
    expect(ledger.openEntries()).to.deep.equal(this.entries.filter(isOpen));
    expect(ledger.holdingEntry()).to.equal(model.settledBeyond.length > 0 ? this.entries.find(isOpen) : undefined);
    this.checkUnclaimed();
  }

  /** Each piece says where it lies; together they hold all that waits. */
  private checkUnclaimed(): void {
    const { ledger, model } = this;
    const pieces = ledger.unclaimedAfter(ledger.claimed.ordinal);
    expect(pieces.length).to.be.at.most(64);
    let before = 0;
    for (const { firstOrdinal, lastOrdinal, first, last, bytesBefore } of pieces) {
      const [start, end] = [firstOrdinal, lastOrdinal].map((ordinal) => model.records.find((record) => record.ordinal === ordinal)!);
      expect(firstOrdinal).to.be.greaterThan(before);
      expect([first, last.sequenceNumber]).to.deep.equal([at(start!.sequenceNumber), String(end!.sequenceNumber)]);
      const rest = model.records.filter(({ ordinal }) => ordinal >= firstOrdinal).reduce((bytes, record) => bytes + record.bytes, 0);
      expect(bytesBefore).to.equal(model.deliveredBytes - rest);
      before = lastOrdinal;
    }
    for (const { ordinal, isSkipped } of model.waiting) {
      const isHeld = pieces.some(({ firstOrdinal, lastOrdinal }) => firstOrdinal <= ordinal && ordinal <= lastOrdinal);
      if (!isSkipped) expect(isHeld, `ordinal ${ordinal}`).to.equal(true);
    }
  }

  private deliver(page: ReadonlyArray<{ readonly bytes: number; readonly isSkipped: boolean }>): void {
    const added = this.model.deliver(page);
    const records = deliver(this.shard, added);
    added.filter(({ isSkipped }) => !isSkipped).forEach((record, i) => this.delivered.set(record, records[i]!));
  }

  private claim(upTo: number, keep: readonly boolean[], withStale: boolean): void {
    const kept = this.model.waiting.slice(0, upTo).filter(({ isSkipped }, i) => keep[i] && !isSkipped);
    const chosen = [...(withStale ? this.stale : []), ...kept];
    if (chosen.length === 0) return;
    this.entries.push(open(...chosen.map((record) => this.delivered.get(record)!)));
    this.model.claim(chosen);
    this.stale = [];
  }

  private settle(which: number): void {
    const entry = this.entries[which];
    if (!entry) return;
    const before = this.changes;
    const wasOpen = entry.state === 'open';
    this.ledger.settle(entry);
    expect(this.changes - before).to.equal(wasOpen ? 1 : 0);
    this.model.settle(which);
  }

  private claimAgain(which: number): void {
    const claimed = this.model.records.filter(({ state, isSkipped }) => state !== 'waiting' && !isSkipped);
    const record = claimed[which % Math.max(1, claimed.length)];
    // What is skipped at the end and closed is not delivered, so it cannot be claimed either.
    if (record) expect(isOutOfOrder(thrownBy(() => open(this.delivered.get(record)!)))).to.equal(true);
  }
}

describe('Ledger', () => {
  it('says after any life what a model says record by record', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
        const pair = new Pair();
        for (const step of steps) {
          pair.take(step);
          pair.check();
        }
      }),
      { numRuns: 200 },
    );
  });

  it('moves the watermark over the settled prefix only', () => {
    const { ledger, records } = ledgerWith(1, 2, 3, 4);
    const [a, b, c] = [open(records[0]!), open(records[1]!, records[2]!), open(records[3]!)];
    const marks = [c, a, b].map((entry) => {
      ledger.settle(entry);
      return [ledger.watermark?.sequenceNumber, ledger.settledBeyond(), ledger.holdingEntry()];
    });

    expect(marks).to.deep.equal([
      [undefined, [rangeOf(4, 4, 1)], a],
      ['1', [rangeOf(4, 4, 1)], b],
      ['4', [], undefined],
    ]);
  });

  it('keeps the sub-sequence number of the last record', () => {
    const { ledger, records } = ledgerWith({ sequenceNumber: 7, subSequenceNumber: 0 }, { sequenceNumber: 7, subSequenceNumber: 1 });
    ledger.settle(open(...records));
    expect(ledger.watermark).to.deep.equal({ sequenceNumber: '7', subSequenceNumber: 1 });
  });

  it('is not held up by records that no block claimed, once a later one is claimed', () => {
    const { ledger, records } = ledgerWith(1, 2, 3, 4, 5);
    ledger.settle(open(records[1]!));
    expect([ledger.watermark?.sequenceNumber, ledger.outstandingRecords, ledger.isSettled]).to.deep.equal(['2', 3, false]);
    ledger.settle(open(records[4]!));
    expect([ledger.watermark?.sequenceNumber, ledger.outstandingRecords, ledger.isSettled]).to.deep.equal(['5', 0, true]);
  });

  it('is held up by a block that is never settled', () => {
    const { ledger, records } = ledgerWith(1, 2, 3);
    const dropped = open(records[0]!);
    ledger.settle(open(records[1]!));
    ledger.settle(open(records[2]!));
    ledger.end();
    ledger.dropUnclaimed();

    expect([ledger.watermark, ledger.isFinished, ledger.holdingEntry()]).to.deep.equal([undefined, false, dropped]);
    expect(ledger.settledBeyond()).to.deep.equal([rangeOf(2, 3, 2)]);
  });

  it('is finished when the end is read and all is settled, not before', () => {
    const { ledger, records } = ledgerWith(1, 2);
    const entry = open(records[0]!);
    ledger.end();
    expect([ledger.hasEnded, ledger.isFinished]).to.deep.equal([true, false]);
    ledger.settle(entry);
    expect(ledger.isFinished).to.equal(false);
    ledger.dropUnclaimed();
    expect([ledger.isFinished, ledger.watermark?.sequenceNumber]).to.deep.equal([true, '2']);
  });

  it('is finished at once when the shard was empty', () => {
    const { ledger } = bareShard();
    expect([ledger.isSettled, ledger.isFinished]).to.deep.equal([true, false]);
    ledger.end();
    expect([ledger.isFinished, ledger.watermark]).to.deep.equal([true, undefined]);
  });

  describe('refuses', () => {
    const cases: Readonly<Record<string, readonly number[]>> = {
      'a record twice in a block': [0, 1, 1],
      'records in the wrong order': [1, 0],
      'a record that a block has claimed': [2],
      'a record before one that a block has claimed': [0, 3],
    };
    for (const [what, order] of Object.entries(cases)) {
      it(`${what}, and stays as it was`, () => {
        const { ledger, records } = ledgerWith(1, 2, 3, 4);
        if (what.includes('has claimed')) open(records[2]!);
        const before = [ledger.outstandingRecords, ledger.claimed.ordinal, ledger.openEntries().length];
        const error = thrownBy(() => open(...order.map((i) => records[i]!)));

        expect(isOutOfOrder(error)).to.equal(true);
        expect(error).to.include({ streamName: 'stream', shardId: 'shardId-000000000000', retriable: false });
        expect([ledger.outstandingRecords, ledger.claimed.ordinal, ledger.openEntries().length]).to.deep.equal(before);
      });
    }
  });

  describe('after a restart', () => {
    it('delivers again from the watermark, and the old entries settle nothing', () => {
      const { shard, ledger, records } = ledgerWith(1, 2, 3);
      const old = records.map((record) => open(record));
      ledger.settle(old[0]!);
      ledger.settle(old[2]!);
      ledger.end();
      ledger.restart();

      expect(ledger.delivered).to.deep.equal(at(1));
      expect([ledger.outstandingRecords, ledger.outstandingBytes, ledger.hasEnded, ledger.isSettled]).to.deep.equal([0, 0, false, true]);
      expect(old.map(({ state }) => state)).to.deep.equal(['settled', 'dropped', 'settled']);
      const again = deliver(shard, [2, 3]).map((record) => open(record));
      ledger.settle(old[1]!);
      expect([ledger.watermark, ledger.outstandingRecords]).to.deep.equal([at(1), 2]);
      ledger.settle(again[0]!);
      expect(ledger.watermark).to.deep.equal(at(2));
    });

    it('takes a block of records that were on their way into it, which claims nothing', () => {
      const { ledger, records } = ledgerWith(1, 2);
      ledger.restart();
      const stale = open(...records);
      ledger.settle(stale);

      expect([stale.state, ledger.watermark, ledger.outstandingRecords]).to.deep.equal(['dropped', undefined, 0]);
    });

    it('lets a block of old and new records claim the new ones', () => {
      const { shard, ledger, records } = ledgerWith(1, 2);
      ledger.restart();
      const again = deliver(shard, [1, 2, 3]);
      const mixed = open(...records, again[0]!);

      expect([mixed.state, mixed.records, mixed.bytes, mixed.end]).to.deep.equal(['open', 1, 1, at(1)]);
      ledger.settle(mixed);
      expect([ledger.watermark, ledger.outstandingRecords]).to.deep.equal([at(1), 2]);
    });
  });

  describe('the credit', () => {
    it('is used from delivery to settling', () => {
      const shard = bareShard();
      const { ledger } = shard;
      const used = () => [ledger.outstandingRecords, ledger.outstandingBytes];
      const records = deliver(shard, [
        { sequenceNumber: 1, bytes: 10 },
        { sequenceNumber: 2, bytes: 5 },
      ]);
      const steps = [used()];
      const entry = open(records[0]!);
      steps.push(used());
      ledger.settle(entry);
      steps.push(used());

      expect(steps).to.deep.equal([
        [2, 15],
        [2, 15],
        [1, 5],
      ]);
    });

    it('comes back for what is written off, and is used again by a block of it', () => {
      const { shard, ledger, records } = ledgerWith(1, 2, 3);
      ledger.releaseCredit();
      expect([ledger.outstandingRecords, ledger.outstandingBytes, ledger.isSettled]).to.deep.equal([0, 0, false]);
      deliver(shard, [4]);
      expect(ledger.outstandingRecords).to.equal(1);
      const entry = open(records[0]!, records[1]!);
      expect([ledger.outstandingRecords, ledger.outstandingBytes]).to.deep.equal([3, 3]);
      ledger.settle(entry);
      expect(ledger.outstandingRecords).to.equal(1);
    });
  });

  it('takes the end of work that was never entered, forwards only', () => {
    const { ledger } = bareShard();
    const marks = [9, 10, 2].map((number) => {
      ledger.settleThrough(at(number));
      return ledger.watermark?.sequenceNumber;
    });
    expect(marks).to.deep.equal(['9', '10', '10']);
    expect(ledger.delivered).to.deep.equal(at(10));
  });

  it('knows what was read here from the end of work that was never entered', () => {
    const { ledger, records } = ledgerWith(1, 2);
    expect([bareShard().ledger.isReadHere, ledger.isReadHere]).to.deep.equal([false, true]);
    ledger.settle(open(records[0]!));
    ledger.restart();
    expect([ledger.delivered, ledger.isReadHere]).to.deep.equal([at(1), true]);
    ledger.settleThrough(at(9));
    expect([ledger.delivered, ledger.isReadHere]).to.deep.equal([at(9), false]);
    ledger.noteRead();
    expect([ledger.delivered, ledger.isReadHere]).to.deep.equal([at(9), true]);
  });

  it('joins what is settled beyond the watermark over blocks, but not over gaps', () => {
    const { ledger, records } = ledgerWith(1, 2, 3, 4, 5, 6, 7);
    open(records[0]!);
    for (const part of [[1], [2, 3], [5, 6]]) ledger.settle(open(...part.map((i) => records[i]!)));
    expect(ledger.settledBeyond()).to.deep.equal([rangeOf(2, 4, 3), rangeOf(6, 7, 2)]);
  });

  for (const [order, turn] of [
    ['in order', (entries: LedgerEntry[]) => entries],
    ['in reverse', (entries: LedgerEntry[]) => entries.reverse()],
  ] as const) {
    it(`settles 100 000 entries ${order} in linear time`, () => {
      const count = 100_000;
      const { ledger, records } = ledgerWith(...Array.from({ length: count }, (_, i) => i + 1));
      const entries = records.map((record) => open(record));
      // The processor's time and not the clock's, which a busy machine lengthens: about 20 ms, and seconds where it is quadratic.
      const before = process.cpuUsage();
      for (const entry of turn(entries)) ledger.settle(entry);
      expect(process.cpuUsage(before).user / 1_000).to.be.below(1_000);
      expect([ledger.watermark, ledger.isSettled, ledger.outstandingBytes]).to.deep.equal([at(count), true, 0]);
    }).timeout(60_000);
  }
});
