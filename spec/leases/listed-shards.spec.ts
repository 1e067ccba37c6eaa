import { expect } from 'chai';
import { areAllChildren, doneShards } from '../../lib/leases/listed-shards.js';
import { hashKeys, leaseRow, listedShard, rowsByKey } from '../support/lease-rows.js';

const parent = listedShard(0, { closed: true, hashKeyRange: hashKeys(0, 9) });
const left = listedShard(1, { parentShardIds: ['0'], hashKeyRange: hashKeys(0, 4) });
const right = listedShard(2, { parentShardIds: ['0'], hashKeyRange: hashKeys(5, 9) });
const done = (...args: Parameters<typeof doneShards>) => [...doneShards(...args)].sort();

describe('doneShards', () => {
  const shards = [parent, left, right];

  it('goes by the row where there is one', () => {
    expect(done(shards, rowsByKey(leaseRow('0', { at: 'SHARD_END' })))).to.deep.equal(['0']);
    expect(done(shards, rowsByKey(leaseRow('0', { at: '5' }), leaseRow('1'), leaseRow('2')))).to.deep.equal([]);
  });

  it('takes a closed shard without a row for done when all its children have rows, and work on one has begun', () => {
    for (const at of ['5', 'LATEST', 'SHARD_END'])
      expect(done(shards, rowsByKey(leaseRow('1', { at }), leaseRow('2'))), at).to.include('0');
    expect(done(shards, rowsByKey(leaseRow('1', { at: '5' })))).to.deep.equal([]);
    expect(done(shards, new Map())).to.deep.equal([]);
  });

  it('does not while its children wait: the look has missed its row, or somebody has deleted it', () => {
    for (const at of ['TRIM_HORIZON', 'AT_TIMESTAMP'])
      expect(done(shards, rowsByKey(leaseRow('1', { at }), leaseRow('2', { at }))), at).to.deep.equal([]);
  });

  it('does so only when the children that are listed hold all that it held', () => {
    expect(done([parent, left], rowsByKey(leaseRow('1', { at: '5' })))).to.deep.equal([]);
    expect(areAllChildren({ hashKeyRange: undefined }, [left, right])).to.equal(false);
    expect(areAllChildren(parent, [{ hashKeyRange: undefined }, left, right])).to.equal(false);
  });

  it('leaves an open shard without a row alone', () => {
    const rows = rowsByKey(leaseRow('1', { at: '5' }), leaseRow('2', { at: '5' }));
    expect(done([{ ...parent, closed: false }, left, right], rows)).to.deep.equal([]);
  });

  it('goes through any number of generations', () => {
    const generations = 5_000;
    const line = Array.from({ length: generations }, (_, number) =>
      listedShard(number, {
        closed: number < generations - 1,
        parentShardIds: number ? [String(number - 1)] : [],
        hashKeyRange: hashKeys(0, 9),
      }),
    );
    expect(doneShards(line, rowsByKey(leaseRow(String(generations - 1), { at: '5' })))).to.have.property('size', generations - 1);
  });

  it('takes a merge for what both parents became', () => {
    const merged = listedShard(3, { parentShardIds: ['1', '2'], hashKeyRange: hashKeys(0, 9) });
    const halves = [left, right].map((shard) => ({ ...shard, closed: true }));
    expect(done([...halves, merged], rowsByKey(leaseRow('3', { at: '5' })))).to.deep.equal(['1', '2']);
  });
});
