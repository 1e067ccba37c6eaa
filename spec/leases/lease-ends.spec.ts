import { expect } from 'chai';
import { from } from 'rxjs';
import type { LeasableShard } from '../../lib/checkpoints/checkpoint-store.js';
import type { FakeLeases } from '../../lib/testing/leases/fakeLeases.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { fleetOf, leasable, type FleetWorker } from '../support/lease-fleet.js';
import { hashKeys } from '../support/lease-rows.js';

const id = (number: number): string => leasable(number).shardId;
const MIDDLE = 2n ** 127n;
const LAST = 2n ** 128n - 1n;
const ALL = { hashKeyRange: hashKeys(0, LAST) };
const LOWER = { hashKeyRange: hashKeys(0, MIDDLE - 1n) };
const UPPER = { hashKeyRange: hashKeys(MIDDLE, LAST) };
/** Shard 0 was split into 1 and 2. */
const SPLIT = [
  leasable(0, { ...ALL, closed: true }),
  leasable(1, { ...LOWER, parentShardIds: [id(0)] }),
  leasable(2, { ...UPPER, parentShardIds: [id(0)] }),
];
/** Shards 0 and 1 were merged into 2. */
const MERGE = [
  leasable(0, { ...LOWER, closed: true }),
  leasable(1, { ...UPPER, closed: true }),
  leasable(2, { ...ALL, parentShardIds: [id(0), id(1)] }),
];

const write = (worker: FleetWorker, shard: LeasableShard, sequenceNumber: string, errors: unknown[] = []) =>
  from(worker.store.write({ streamName: 'flights', shardId: shard.shardId, sequenceNumber, subSequenceNumber: 0 }, shard)).subscribe({
    error: (error: unknown) => errors.push(error),
  });
const wordsOf = (table: FakeLeases) =>
  table.rows().map(({ leaseKey, checkpoint }) => `${Number(leaseKey.slice(-12))} ${checkpoint.sequenceNumber}`);
const MINUTE_MS = 60_000;
const newsOf = (worker: FleetWorker, kind: string) =>
  worker.news.filter((text) => text.split(' ')[1] === kind).map((text) => Number(text.split(' ')[2]));
/** What was changed in the table, in order. */
const changesOf = (table: FakeLeases, sinceMs: number) =>
  table.log
    .filter((line) => Number(line.split(' ')[0]) >= sinceMs && !/ (scan|get)/.test(line))
    .map((line) => line.split(' ').slice(2).join(' '));
const endWord = { checkpoint: { sequenceNumber: 'SHARD_END', subSequenceNumber: 0 } };
/** Only looks when something happens. */
const seldom = { lookIntervalMs: 1_000_000 };

describe('the end of a shard', () => {
  it(
    'is written after its children have their rows, and names them',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, SPLIT.slice(0, 1));
      run(290, {
        0: () => start('w1', seldom),
        200: () => workers[0]!.see(SPLIT),
        220: () => write(workers[0]!, SPLIT[0]!, 'SHARD_END'),
      });
      expect(changesOf(table, 220).slice(0, 3)).to.deep.equal(['create 1', 'create 2', 'update 0']);
      expect(table.row(0)).to.deep.include({
        childShardIds: [id(1), id(2)],
        checkpoint: { sequenceNumber: 'SHARD_END', subSequenceNumber: 0 },
      });
      const fromHorizon = { checkpoint: { sequenceNumber: 'TRIM_HORIZON', subSequenceNumber: 0 } };
      expect(table.row(1)).to.deep.include({ parentShardIds: [id(0)], ...LOWER, ...fromHorizon });
    }),
  );

  it(
    'has its children taken at once',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, SPLIT.slice(0, 1));
      run(400, {
        0: () => start('w1', seldom),
        200: () => workers[0]!.see(SPLIT),
        220: () => write(workers[0]!, SPLIT[0]!, 'SHARD_END'),
      });
      expect(newsOf(workers[0]!, 'granted')).to.have.members([0, 1, 2]);
      // Its own end is no news.
      expect(newsOf(workers[0]!, 'ended')).to.deep.equal([]);
    }),
  );

  it(
    'that others wrote is told once while the shard is in view, and again if it comes back into view: nothing is remembered of shards out of view',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, SPLIT);
      table.put(0, { ...endWord, childShardIds: [id(1), id(2)] });
      run(500, {
        0: () => start('w1', { ...seldom, cleanUp: false }),
        150: () => workers[0]!.see(SPLIT),
        250: () => {
          expect(newsOf(workers[0]!, 'ended')).to.deep.equal([0]);
          workers[0]!.see(SPLIT.slice(1));
        },
        350: () => workers[0]!.see(SPLIT),
      });
      expect(newsOf(workers[0]!, 'ended')).to.deep.equal([0, 0]);
    }),
  );

  for (const [name, renewedMs, isThere, leaseOwner] of [
    // One of these names is the one that is elected of the two, although it is gone.
    ['goes after half an hour', Infinity, false, 'gone'],
    ['goes after half an hour', Infinity, false, 'A'],
    ['goes after half an hour', Infinity, false, 'w2'],
    ['stays while somebody writes it', 20 * MINUTE_MS, true, 'gone'],
  ] as const)
    it(
      `that was never written, since Kinesis has the shard no more: its row, of the worker ${leaseOwner}, ${name}`,
      marbles(
        (helpers) => {
          const { table, start, run } = fleetOf(helpers, SPLIT.slice(1));
          const word = (sequenceNumber: string) => ({ checkpoint: { sequenceNumber, subSequenceNumber: 0 } });
          table.put(0, { ...word('2'), hashKeyRange: SPLIT[0]!.hashKeyRange, leaseOwner, gracefulOwner: leaseOwner, leaseCounter: 7 });
          [1, 2].forEach((shard) => table.put(shard, { ...word('9'), parentShardIds: [id(0)], hashKeyRange: SPLIT[shard]!.hashKeyRange }));
          run(32 * MINUTE_MS, {
            0: () => start('w1', { failoverTimeMs: 20_000 }),
            ...(isFinite(renewedMs) && { [renewedMs]: () => table.put(0, { leaseCounter: 8 }) }),
            [29 * MINUTE_MS]: () => expect(table.row(0)).to.include({ leaseOwner }),
            [31 * MINUTE_MS]: () => expect(table.row(0) !== undefined).to.equal(isThere),
          });
          expect([1, 2].map((shard) => table.row(shard)?.leaseOwner)).to.deep.equal(['w1', 'w1']);
        },
        { maxFrames: 33 * MINUTE_MS },
      ),
    );

  it(
    'lets its row not be made again by a worker whose listing still shows the shard as open (regression: it was read once more)',
    marbles((helpers) => {
      const { table, start, run } = fleetOf(helpers, [{ ...SPLIT[0]!, closed: false }, ...SPLIT.slice(1)]);
      const begun = { checkpoint: { sequenceNumber: '9', subSequenceNumber: 0 }, parentShardIds: [id(0)] };
      [1, 2].forEach((shard) => table.put(shard, { ...begun, hashKeyRange: SPLIT[shard]!.hashKeyRange }));
      run(30_000, { 0: () => start('w1', { failoverTimeMs: 1_000 }) });
      expect([0, 1, 2].map((shard) => table.row(shard)?.leaseOwner)).to.deep.equal([undefined, 'w1', 'w1']);
      expect(table.row(0)).to.equal(undefined);
    }),
  );

  it(
    'is not written while not all that it became is known, and can be written later',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, SPLIT.slice(0, 1));
      const errors: unknown[] = [];
      run(500, {
        0: () => start('w1', seldom),
        200: () => write(workers[0]!, SPLIT[0]!, 'SHARD_END', errors),
        220: () => workers[0]!.see(SPLIT.slice(0, 2)),
        240: () => write(workers[0]!, SPLIT[0]!, 'SHARD_END', errors),
        290: () => {
          expect(errors).to.have.length(2);
          for (const error of errors) expect(error).to.include({ code: 'CHECKPOINT', retriable: true });
          expect(wordsOf(table)).to.deep.equal(['0 TRIM_HORIZON']);
        },
        300: () => write(workers[0]!, { ...SPLIT[0]!, childShards: SPLIT.slice(1) }, 'SHARD_END', errors),
      });
      expect(errors).to.have.length(2);
      expect(wordsOf(table)).to.deep.equal(['0 SHARD_END', '1 TRIM_HORIZON', '2 TRIM_HORIZON']);
    }),
  );

  it(
    'gives the other parent of a merge its row before the child has one',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, MERGE.slice(0, 1));
      run(290, {
        0: () => start('w1', seldom),
        200: () => {
          table.put(0, { leaseOwner: 'w1' });
          workers[0]!.see(MERGE);
        },
        201: () => write(workers[0]!, MERGE[0]!, 'SHARD_END'),
      });
      const created = changesOf(table, 200).filter((change) => change.startsWith('create'));
      expect(created.indexOf('create 1')).to.be.within(0, created.indexOf('create 2'));
      expect(wordsOf(table)).to.have.members(['0 SHARD_END', '1 TRIM_HORIZON', '2 TRIM_HORIZON']);
    }),
  );

  it(
    'gives the other parent of a merge no row where the child has one: its row was cleaned up (regression: after a write that came late it was read once more)',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, MERGE.slice(0, 1));
      run(290, {
        0: () => start('w1', seldom),
        200: () => {
          table.put(2, { parentShardIds: [id(0), id(1)], checkpoint: { sequenceNumber: '9', subSequenceNumber: 0 } });
          workers[0]!.see(MERGE);
        },
        201: () => write(workers[0]!, MERGE[0]!, 'SHARD_END'),
      });
      expect(wordsOf(table)).to.have.members(['0 SHARD_END', '2 9']);
    }),
  );

  it(
    'is told to the other workers, which then may start the children',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, SPLIT);
      let other: FleetWorker | undefined;
      run(1_000, {
        0: () => start('w1'),
        400: () => start('w2'),
        700: () => {
          const owner = workers.find(({ held }) => held.has(0))!;
          other = workers.find((worker) => worker !== owner)!;
          write(owner, SPLIT[0]!, 'SHARD_END');
        },
      });
      expect(newsOf(other!, 'ended')).to.deep.equal([0]);
    }),
  );

  for (const [name, rows, ended] of [
    ['that says SHARD_END', { 0: 'SHARD_END', 1: 'TRIM_HORIZON', 2: 'TRIM_HORIZON' }, [0]],
    ['that was cleaned up, whose children have begun', { 1: '5', 2: 'TRIM_HORIZON' }, [0]],
    ['that is missing, whose children wait', { 1: 'TRIM_HORIZON', 2: 'TRIM_HORIZON' }, []],
    ['that is missing, as is one of its children', { 1: '5' }, []],
  ] as const) {
    it(
      `is ${ended.length ? '' : 'not '}read from a row ${name}`,
      marbles((helpers) => {
        const { table, start, run, workers } = fleetOf(helpers, SPLIT);
        for (const [number, sequenceNumber] of Object.entries(rows))
          table.put(Number(number), { leaseOwner: 'java', leaseCounter: 9, checkpoint: { sequenceNumber, subSequenceNumber: 0 } });
        run(300, { 0: () => start('w1') });
        expect(newsOf(workers[0]!, 'ended')).to.deep.equal(ended);
      }),
    );
  }

  it(
    'whose children got no rows, because a worker died or did not make them, is made good',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, SPLIT);
      table.put(0, endWord);
      table.put(1, {});
      run(300, { 0: () => start('w1', { initialPosition: 'LATEST' }) });
      expect(wordsOf(table)).to.deep.equal(['0 SHARD_END', '1 TRIM_HORIZON', '2 TRIM_HORIZON']);
      expect(newsOf(workers[0]!, 'granted')).to.have.members([1, 2]);
    }),
  );

  it(
    'lets its row go soon after its children have begun, and not before',
    marbles((helpers) => {
      const { table, start, run } = fleetOf(helpers, SPLIT);
      table.put(0, { ...endWord, childShardIds: [id(1), id(2)] });
      table.put(1, {});
      table.put(2, {});
      run(190_000, {
        0: () => start('w1', { lookIntervalMs: 10_000 }),
        61_000: () => expect(table.row(0)).not.to.equal(undefined),
        70_000: () => {
          for (const number of [1, 2]) table.put(number, { checkpoint: { sequenceNumber: '7', subSequenceNumber: 0 } });
        },
        91_000: () => expect(table.row(0)).to.equal(undefined),
      });
      expect(table.row(0)).to.equal(undefined);
      expect(table.rows()).to.have.length(2);
    }),
  );
});

describe('a checkpoint of a shard that was never granted', () => {
  it(
    'is stored while nobody holds the lease, and makes nobody its owner',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, []);
      const errors: unknown[] = [];
      const shard = leasable(0, ALL);
      run(500, {
        0: () => start('w1', seldom),
        100: () => write(workers[0]!, shard, '5', errors),
        200: () => write(workers[0]!, shard, '6', errors),
        300: () => write(workers[0]!, shard, '5', errors),
      });
      expect(table.row(0)).to.deep.include({ checkpoint: { sequenceNumber: '6', subSequenceNumber: 0 }, leaseCounter: 1 });
      expect(table.row(0)).not.to.have.property('leaseOwner');
      expect(errors).to.have.length(1);
      expect(errors[0]).to.include({ code: 'CHECKPOINT', retriable: false });
    }),
  );

  it(
    'is refused when a worker holds the lease, and is handing it over',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, []);
      const errors: unknown[] = [];
      table.put(0, { leaseOwner: 'java', leaseCounter: 4 });
      table.put(1, { leaseOwner: 'x', checkpointOwner: 'java', leaseCounter: 4 });
      run(500, {
        0: () => start('w1', seldom),
        100: () => write(workers[0]!, leasable(0, ALL), '5', errors),
        200: () => write(workers[0]!, leasable(1, ALL), '5', errors),
      });
      expect(errors.map((error) => (error as { code: string }).code)).to.deep.equal(['LEASE_LOST', 'LEASE_LOST']);
      expect(wordsOf(table)).to.deep.equal(['0 TRIM_HORIZON', '1 TRIM_HORIZON']);
    }),
  );

  it(
    'is refused after the lease was held here: late work of that tenure does not write',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, [leasable(0, ALL)]);
      const errors: unknown[] = [];
      run(500, {
        0: () => start('w1'),
        100: () => workers[0]!.stop(),
        200: () => write(workers[0]!, leasable(0, ALL), '5', errors),
      });
      expect(errors.map((error) => (error as { code: string }).code)).to.deep.equal(['LEASE_LOST']);
      expect(wordsOf(table)).to.deep.equal(['0 TRIM_HORIZON']);
    }),
  );
});
