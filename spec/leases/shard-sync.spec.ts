import { expect } from 'chai';
import { missingLeases } from '../../lib/leases/shard-sync.js';
import type { InitialPosition } from '../../lib/values/position.js';
import { hashKeys, leaseRow, listedShard, rowsByKey } from '../support/lease-rows.js';

const closed = { closed: true };
/** The tree of KCL's own example: 6 from 0 and 1, 7 from 2 and 3, 8 from 6 and 7, 9 and 10 from 5. */
const TREE = [
  ...[0, 1, 2, 3].map((number) => listedShard(number, closed)),
  listedShard(4),
  listedShard(5, closed),
  listedShard(6, { ...closed, parentShardIds: ['0', '1'] }),
  listedShard(7, { ...closed, parentShardIds: ['2', '3'] }),
  listedShard(8, { parentShardIds: ['6', '7'] }),
  listedShard(9, { parentShardIds: ['5'] }),
  listedShard(10, { parentShardIds: ['5'] }),
];
const made = (...args: Parameters<typeof missingLeases>) =>
  missingLeases(...args).map(({ leaseKey, checkpoint }) => `${leaseKey} ${checkpoint.sequenceNumber}`);

describe('missingLeases', () => {
  const rows = rowsByKey(leaseRow('4'), leaseRow('5'), leaseRow('7'));

  it('makes the first missing level below a lease under LATEST, from its beginning', () => {
    expect(made(TREE, rows, 'LATEST')).to.deep.equal(['6 TRIM_HORIZON']);
  });

  for (const initialPosition of ['TRIM_HORIZON', 'AT_TIMESTAMP'] as const) {
    it(`makes the oldest ancestors under ${initialPosition}`, () => {
      expect(made(TREE, rows, initialPosition)).to.deep.equal([`0 ${initialPosition}`, `1 ${initialPosition}`]);
    });

    it(`makes all of an empty table, parents first, under ${initialPosition}`, () => {
      const expected = TREE.map(({ shardId }) => `${shardId} ${initialPosition}`);
      expect(made([...TREE].reverse(), new Map(), initialPosition)).to.deep.equal(expected);
    });
  }

  it('makes the open shards of an empty table under LATEST', () => {
    expect(made(TREE, new Map(), 'LATEST')).to.deep.equal(['4 LATEST', '8 LATEST', '9 LATEST', '10 LATEST']);
  });

  it('begins an open shard without any lease above it at LATEST', () => {
    expect(made(TREE, rowsByKey(leaseRow('4')), 'LATEST')).to.deep.equal(['8 LATEST', '9 LATEST', '10 LATEST']);
  });

  it('makes nothing when nothing is missing', () => {
    const all = rowsByKey(...[4, 8, 9, 10].map((number) => leaseRow(String(number))));
    for (const position of ['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'] as const) expect(made(TREE, all, position)).to.deep.equal([]);
  });

  it('carries the time that LATEST means, and no other word has one', () => {
    const timeOf = (initialPosition: InitialPosition) => missingLeases([listedShard(0)], new Map(), initialPosition, 5)[0]?.startTimestamp;
    expect(timeOf('LATEST')).to.equal(5);
    expect(timeOf('TRIM_HORIZON')).to.equal(undefined);
    expect(timeOf('AT_TIMESTAMP')).to.equal(undefined);
  });

  it('carries parents, hash keys, and where the shard begins', () => {
    const shards = [listedShard(0, { hashKeyRange: hashKeys(0, 9) })];
    expect(missingLeases(shards, new Map(), 'LATEST')[0]).to.deep.equal({
      leaseKey: '0',
      leaseCounter: 0,
      checkpoint: { sequenceNumber: 'LATEST', subSequenceNumber: 0 },
      parentShardIds: [],
      shardStart: '0',
      hashKeyRange: hashKeys(0, 9),
    });
  });

  describe('above shards that wait', () => {
    const parent = listedShard(0, { ...closed, hashKeyRange: hashKeys(0, 9) });
    const middle = listedShard(1, { ...closed, parentShardIds: ['0'], hashKeyRange: hashKeys(0, 9) });
    const [left, right] = [
      listedShard(2, { parentShardIds: ['1'], hashKeyRange: hashKeys(0, 4) }),
      listedShard(3, { parentShardIds: ['1'], hashKeyRange: hashKeys(5, 9) }),
    ];
    const family = [parent, middle, left, right];

    for (const initialPosition of ['TRIM_HORIZON', 'AT_TIMESTAMP', 'LATEST'] as const)
      it(`makes the row again that was deleted, of one generation after the other, under ${initialPosition}`, () => {
        const start = initialPosition === 'AT_TIMESTAMP' ? 'AT_TIMESTAMP' : 'TRIM_HORIZON';
        expect(made(family, rowsByKey(leaseRow('2'), leaseRow('3')), initialPosition)).to.deep.equal([`1 ${start}`]);
        expect(made(family, rowsByKey(leaseRow('1'), leaseRow('2'), leaseRow('3')), initialPosition)).to.deep.equal([`0 ${start}`]);
      });

    for (const initialPosition of ['TRIM_HORIZON', 'AT_TIMESTAMP'] as const)
      it(`makes no parent again whose row was cleaned up, if the row of a child is deleted, but that row, under ${initialPosition}`, () => {
        expect(made(family, rowsByKey(leaseRow('2', { at: '5' })), initialPosition)).to.deep.equal([`3 ${initialPosition}`]);
        const deeper = listedShard(4, { parentShardIds: ['2'], hashKeyRange: hashKeys(0, 4) });
        const table = rowsByKey(leaseRow('4', { at: '5' }));
        expect(made([parent, middle, { ...left, ...closed }, right, deeper], table, initialPosition)).to.deep.equal([
          `3 ${initialPosition}`,
        ]);
      });

    it('makes none above work that has begun', () => {
      expect(made(family, rowsByKey(leaseRow('2', { at: '5' }), leaseRow('3')), 'TRIM_HORIZON')).to.deep.equal([]);
    });
  });

  describe('below a shard that was ended before its children had leases', () => {
    const shards = [
      listedShard(0, { closed: true, hashKeyRange: hashKeys(0, 9) }),
      listedShard(1, { parentShardIds: ['0'], hashKeyRange: hashKeys(0, 4) }),
      listedShard(2, { parentShardIds: ['0'], hashKeyRange: hashKeys(5, 9) }),
    ];

    it('makes the children, which KCL never does, from their beginning', () => {
      expect(made(shards, rowsByKey(leaseRow('0', { at: 'SHARD_END' })), 'LATEST')).to.deep.equal(['1 TRIM_HORIZON', '2 TRIM_HORIZON']);
    });

    it('makes the one that is missing', () => {
      const one = rowsByKey(leaseRow('0', { at: 'SHARD_END' }), leaseRow('1'));
      expect(made(shards, one, 'LATEST')).to.deep.equal(['2 TRIM_HORIZON']);
    });

    it('leaves out what is done and was cleaned up', () => {
      const deeper = [
        ...shards.map((shard) => (shard.shardId === '1' ? { ...shard, closed: true } : shard)),
        listedShard(3, { parentShardIds: ['1'], hashKeyRange: hashKeys(0, 4) }),
      ];
      const table = rowsByKey(leaseRow('0', { at: 'SHARD_END' }), leaseRow('2'), leaseRow('3', { at: '7' }));
      expect(made(deeper, table, 'LATEST')).to.deep.equal([]);
    });
  });
});
