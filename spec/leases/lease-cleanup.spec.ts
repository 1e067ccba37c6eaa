import { expect } from 'chai';
import { removableLeases } from '../../lib/leases/lease-cleanup.js';
import type { LeaseRow } from '../../lib/leases/lease.js';
import { hashKeys, leaseRow } from '../support/lease-rows.js';

const ended = (leaseKey: string, fields: Partial<LeaseRow> = {}) =>
  leaseRow(leaseKey, { at: 'SHARD_END', childShardIds: ['1', '2'], ...fields });
const removable = (...rows: LeaseRow[]) => removableLeases(rows).map(({ leaseKey }) => leaseKey);

describe('removableLeases', () => {
  it('has the ended shard whose children are all under way', () => {
    expect(removable(ended('0'), leaseRow('1', { at: '5' }), leaseRow('2', { at: 'SHARD_END' }))).to.deep.equal(['0']);
  });

  for (const [name, rows] of Object.entries({
    'that has not ended': [leaseRow('0', { at: '9', childShardIds: ['1'] }), leaseRow('1', { at: '5' })],
    'with a child that has no row': [ended('0'), leaseRow('1', { at: '5' })],
    'with a child at TRIM_HORIZON': [ended('0'), leaseRow('1', { at: '5' }), leaseRow('2')],
    'with a child at AT_TIMESTAMP': [ended('0'), leaseRow('1', { at: '5' }), leaseRow('2', { at: 'AT_TIMESTAMP' })],
    'whose parent has a row': [
      leaseRow('x'),
      ended('0', { parentShardIds: ['x'] }),
      leaseRow('1', { at: '5' }),
      leaseRow('2', { at: '5' }),
    ],
    'of whose children nothing is known': [ended('0', { childShardIds: [] })],
  })) {
    it(`leaves a shard ${name}`, () => {
      expect(removable(...rows)).to.deep.equal([]);
    });
  }

  it('finds children that the row does not name, if they hold all its hash keys', () => {
    const parent = ended('0', { childShardIds: [], hashKeyRange: hashKeys(0, 9) });
    const child = (key: string, from: number, to: number) =>
      leaseRow(key, { at: '5', parentShardIds: ['0'], hashKeyRange: hashKeys(from, to) });
    expect(removable(parent, child('1', 0, 4), child('2', 5, 9))).to.deep.equal(['0']);
    expect(removable(parent, child('1', 0, 4))).to.deep.equal([]);
  });

  describe('of a shard that Kinesis has no more', () => {
    const halfRead = (fields: Partial<LeaseRow> = {}) => leaseRow('0', { at: '9', hashKeyRange: hashKeys(0, 9), ...fields });
    const child = (key: string, from: number, to: number, at = '12') =>
      leaseRow(key, { at, parentShardIds: ['0'], hashKeyRange: hashKeys(from, to) });
    const gone = (...rows: LeaseRow[]) => removableLeases(rows, ({ leaseKey }) => leaseKey === '0').map(({ leaseKey }) => leaseKey);

    it('has the row that was not read to its end, once all its children are read', () => {
      expect(gone(halfRead(), child('1', 0, 4), child('2', 5, 9, 'SHARD_END'))).to.deep.equal(['0']);
    });

    for (const [name, rows] of Object.entries({
      'while Kinesis has it': [
        { ...halfRead(), leaseKey: 'x' },
        { ...child('1', 0, 9), parentShardIds: ['x'] },
      ],
      'one of whose children is not there': [halfRead(), child('1', 0, 4)],
      'one of whose children is not begun': [halfRead(), child('1', 0, 4), child('2', 5, 9, 'TRIM_HORIZON')],
      'one of whose children was never read': [halfRead(), child('1', 0, 4), child('2', 5, 9, 'LATEST')],
      'whose hash keys are not known': [leaseRow('0', { at: '9' }), child('1', 0, 9)],
      'whose parent has a row': [leaseRow('x'), halfRead({ parentShardIds: ['x'] }), child('1', 0, 9)],
    })) {
      it(`leaves the row ${name}`, () => {
        expect(gone(...rows)).to.deep.equal([]);
      });
    }
  });

  it('removes one generation at a time', () => {
    const rows = [
      ended('0', { childShardIds: ['1'] }),
      ended('1', { parentShardIds: ['0'], childShardIds: ['2'] }),
      leaseRow('2', { at: '5' }),
    ];
    expect(removable(...rows)).to.deep.equal(['0']);
    expect(removable(...rows.slice(1))).to.deep.equal(['1']);
  });
});
