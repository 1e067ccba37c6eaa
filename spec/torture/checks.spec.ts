import { expect } from 'chai';
import {
  checkpoints,
  lastCheckpoints,
  lostForNothing,
  lostRecords,
  orderWithin,
  parentsFirst,
  tornDown,
  writers as writersWithin,
} from './checks.js';
import { History, type WorkedBlock } from './history.js';
import { ShardAccount } from './shard-account.js';
import type { RowWrite } from './table-journal.js';

/** Records 1, 2, ... of a shard, put at 1, 2, ... ms. */
const account = (shardId: string, count: number, parents: string[] = []): ShardAccount => {
  const numbers = Array.from({ length: count }, (_, index) => `${shardId}${index + 1}`);
  return new ShardAccount({ shardId, parents, numbers, putAt: numbers.map((_, index) => index + 1) });
};
/** A block, such as `10 a1 a2`, of one pipeline unless told. */
const block = (text: string, fields: Partial<WorkedBlock> = {}): WorkedBlock => {
  const [at, ...numbers] = text.split(' ');
  return {
    at: Number(at),
    processId: '1.0',
    tenure: '1.0/0',
    inOrder: true,
    shardId: numbers[0]![0]!,
    recovered: false,
    numbers,
    ...fields,
  };
};
const accountsWith = (accounts: readonly ShardAccount[], blocks: readonly WorkedBlock[]): Map<string, ShardAccount> => {
  const byShard = new Map(accounts.map((each) => [each.shardId, each]));
  blocks.forEach((each) => byShard.get(each.shardId)!.enter(each));
  return byShard;
};
const ordered = (...blocks: WorkedBlock[]): string[] => orderWithin(blocks, accountsWith([account('a', 6)], blocks));
const write = (fields: Partial<RowWrite>): RowWrite => ({
  ...{
    at: 100,
    processId: '1.0',
    shardId: 'a',
    type: 'change',
    leaseCounter: 1,
    isPulse: false,
    takes: false,
    frees: false,
    handsOver: false,
  },
  ...fields,
});

describe('the checks of the torture', () => {
  it('find records that were never worked on', () => {
    const found = lostRecords(accountsWith([account('a', 4), account('b', 1)], [block('10 a1 a3'), block('10 b1')]));
    expect(found).to.deep.equal(['a: 2 of 4 records were never worked on, first a2']);
  });

  it('pass what comes in order, again in another pipeline, and without what was done there', () => {
    expect(ordered(block('10 a1 a2'), block('20 a3'), block('30 a3 a4', { tenure: '2.0/0' }))).to.deep.equal([]);
    expect(
      ordered(block('10 a1 a2'), block('20 a3'), block('30 a1', { tenure: '2.0/0' }), block('40 a4', { tenure: '2.0/0' })),
    ).to.deep.equal([]);
    expect(ordered(block('10 a1 a2'), block('20 a3'), block('30 a1 a4', { tenure: '2.0/0' }))).to.deep.equal([]);
  });

  it('find what a pipeline skips, repeats, or turns round', () => {
    expect(ordered(block('10 a1'), block('20 a3'))).to.deep.equal(['a in 1.0/0: begins or goes on at 2, and not all from 1 on is done']);
    expect(ordered(block('10 a3'))).to.deep.equal(['a in 1.0/0: begins or goes on at 2, and not all from 0 on is done']);
    expect(ordered(block('10 a1 a3'))).to.have.length(1);
    expect(ordered(block('10 a1 a2'), block('20 a2 a3'))).to.deep.equal(['a in 1.0/0: record 1 is repeated']);
    expect(ordered(block('5 a1', { tenure: '2.0/0' }), block('10 a2'), block('20 a1'))).to.deep.equal(['a in 1.0/0: record 0 follows 1']);
    expect(ordered(block('10 a1 b1'))).to.deep.equal(['a in 1.0/0: a record that was never put: b1']);
  });

  it('let blocks that are worked on at once come in any order, and none twice', () => {
    expect(ordered(block('10 a3', { inOrder: false }), block('11 a1 a2', { inOrder: false }))).to.deep.equal([]);
    expect(ordered(block('10 a1', { inOrder: false }), block('11 a1', { inOrder: false }))).to.have.length(1);
  });

  it('find a child that begins before all of its parents is done', () => {
    const family = () => [account('a', 2), account('b', 2, ['a'])];
    const late = [block('10 a1'), block('30 a2'), block('20 b1')];
    expect(parentsFirst(late, accountsWith(family(), late))).to.deep.equal(['b began before its parent a was done']);
    const early = [block('10 a1'), block('15 a2'), block('20 b1')];
    expect(parentsFirst(early, accountsWith(family(), early))).to.deep.equal([]);
  });

  it('find a checkpoint that goes back, passes what is not done, or is of no record', () => {
    const done = accountsWith([account('a', 3)], [block('10 a1 a2'), block('50 a3')]).get('a')!;
    const found = (...written: [at: number, checkpoint: string][]): string[] =>
      checkpoints(
        written.map(([at, checkpoint]) => write({ at, checkpoint })),
        done,
      ).map((text) => text.replace(/ of 1.0 at .*Z/, ''));
    expect(found([5, 'TRIM_HORIZON'], [20, 'a2'], [50, 'a3'], [60, 'SHARD_END'])).to.deep.equal([]);
    expect(found([20, 'a2'], [21, 'a1'])).to.deep.equal(['a: the checkpoint goes back from 2 records to 1']);
    expect(found([49, 'a3'])).to.deep.equal(['a: the checkpoint says that 3 records are done, and some of them are not']);
    expect(found([49, 'SHARD_END'])).to.have.length(1);
    expect(found([49, 'b1'])).to.deep.equal(['a: the checkpoint is at b1, where there is no record']);
  });

  it('find who writes without holding the lease', () => {
    const taken = write({ takes: true });
    const writers = (writes: readonly RowWrite[]) => writersWithin(writes, 1_000);
    expect(writers([write({ type: 'create' }), taken, write({}), write({ processId: '2.0', takes: true })])).to.deep.equal([]);
    expect(writers([taken, write({ processId: '2.0', takes: true }), write({ leaseCounter: 3 })])).to.deep.equal([
      'a: 1.0 wrote at 3, although 2.0 held the lease',
    ]);
    // Whoever it was handed over to may release it without a write before.
    expect(writers([taken, write({ handsOver: true }), write({ processId: '2.0' }), write({ processId: '2.0' })])).to.deep.equal([]);
    expect(writers([taken, write({ handsOver: true }), write({ processId: '2.0' }), write({ leaseCounter: 4 })])).to.have.length(1);
  });

  it('find a lease that is freed before it has stood still for the failover time', () => {
    const [taken, freed] = [write({ takes: true }), write({ processId: '2.0', frees: true, at: 1_100 })];
    const next = write({ processId: '3.0', takes: true, at: 1_200 });
    expect(writersWithin([taken, freed, next], 1_000)).to.deep.equal([]);
    expect(writersWithin([taken, { ...freed, at: 1_099 }, next], 1_000)).to.have.length(1);
    expect(writersWithin([taken, freed, write({ at: 1_150, leaseCounter: 3 })], 1_000)).to.deep.equal([
      'a: 1.0 wrote at 3, although nobody held the lease',
    ]);
  });

  it('let a lease be freed when the pulse of its holder, in whatever row, has stood still for the failover time', () => {
    const pulses = [write({ at: 90, shardId: 'b', isPulse: true }), write({ at: 1_500, processId: '2.0', shardId: 'c', isPulse: true })];
    const rows = (at: number) => [write({ takes: true }), write({ at: 900 }), write({ processId: '2.0', frees: true, at })];
    expect(writersWithin(rows(1_090), 1_000, pulses)).to.deep.equal([]);
    expect(writersWithin(rows(1_089), 1_000, pulses)).to.have.length(1);
    expect(writersWithin(rows(1_090), 1_000, [...pulses, write({ at: 91, shardId: 'b', isPulse: true })])).to.have.length(1);
  });

  it('find a lease that is given up although nobody has taken it', () => {
    const lost = { type: 'leaseLost', reason: 'taken', at: 50, processId: '1.0', shardId: 'a' };
    const found = (...writes: RowWrite[]) => lostForNothing({ events: [lost] }, new Map([['a', writes]]));
    const own = write({ at: 10, takes: true });
    expect(found(own, write({ at: 20, processId: '2.0', takes: true }))).to.deep.equal([]);
    expect(found(own, write({ at: 20, processId: '2.0', frees: true }))).to.deep.equal([]);
    expect(found(own, write({ at: 20 }))).to.have.length(1);
    expect(found(write({ at: 5, processId: '2.0', takes: true }), own)).to.have.length(1);
    expect(found(own, write({ at: 60, processId: '2.0', takes: true }))).to.have.length(1);
  });

  it('find a table that does not say at the end that all is done', () => {
    const accounts = new Map([['a', account('a', 2)]]);
    expect(lastCheckpoints(new Map([['a', [write({ checkpoint: 'a2' }), write({})]]]), accounts)).to.deep.equal([]);
    expect(lastCheckpoints(new Map([['a', [write({ checkpoint: 'a1' })]]]), accounts)).to.have.length(1);
    expect(lastCheckpoints(new Map(), accounts)).to.have.length(1);
  });

  it('find a pipeline that was torn down', () => {
    const history = new History();
    history.events.push({ type: 'recovered', at: 1, processId: '1.0' });
    expect(tornDown(history)).to.deep.equal([]);
    history.events.push({ type: 'shardRestarted', at: 1, processId: '1.0', shardId: 'a', error: 'why' });
    expect(tornDown(history)).to.deep.equal(['1.0: shardRestarted a why']);
  });

  it('find the longest silence: no record is worked on although one is there', () => {
    const accounts = accountsWith([account('a', 3)], [block('5 a1'), block('40 a2'), block('45 a3')]);
    expect(accounts.get('a')!.longestSilence()).to.deep.equal({ ms: 35, until: 40 });
  });
});
