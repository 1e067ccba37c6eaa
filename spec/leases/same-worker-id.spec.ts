import { expect } from 'chai';
import type { ShardIdentity } from '../../lib/values/shard-id.js';
import { marbles, type MarbleHelpers } from '../../lib/testing/marbles/marbles.js';
import { fleetOf, holdings, leasables, type FleetWorker } from '../support/lease-fleet.js';

const lossesOf = ({ events }: FleetWorker): { readonly at: number; readonly reason: string }[] =>
  events.flatMap((event) => (event.type === 'leaseLost' ? [{ at: event.at, reason: event.reason }] : []));

/** Two processes of the name `w1`, of which the second starts `afterMs` after the first. Each writes checkpoints every `writeMs`. */
function namesakes(helpers: MarbleHelpers, afterMs: number, writeMs: number) {
  const shards = leasables(4);
  const { start, run, workers } = fleetOf(helpers, shards);
  let position = 10;
  const write = (): void =>
    workers.forEach(({ held, store }) => {
      for (const number of held.keys()) {
        const { streamName, shardId } = shards[number]!;
        const checkpoint = { streamName, shardId, sequenceNumber: String(position++), subSequenceNumber: 0 };
        store.write(checkpoint, shards[number] as ShardIdentity).subscribe({ error: () => undefined });
      }
    });
  const writes = Array.from({ length: Math.floor(5_000 / writeMs) }, (_, i) => [(i + 1) * writeMs + 7, write]);
  run(5_000, { ...Object.fromEntries(writes), 0: () => start('w1'), [afterMs]: () => start('w1') });
  return workers;
}

describe('two processes with one workerId', () => {
  for (const [name, afterMs, writeMs] of [
    ['that have nothing to write', 2_000, Infinity],
    ['that start together', 1, Infinity],
    ['that write seldom', 2_000, 500],
    ['that write often', 2_000, 30],
  ] as const)
    it(
      `are both told of it within two renewals: ${name}`,
      marbles((helpers) => {
        for (const worker of namesakes(helpers, afterMs, writeMs)) {
          const losses = lossesOf(worker);
          expect(new Set(losses.map(({ reason }) => reason))).to.deep.equal(new Set(['sameWorkerId']));
          expect(losses[0]!.at).to.be.below(afterMs + 2 * 340);
        }
      }),
    );

  for (const [name, end] of [
    ['crashes', 'crash'],
    ['stops', 'stop'],
  ] as const)
    it(
      `share the shards after that, and lose none any more; one of them has all when the other ${name}`,
      marbles((helpers) => {
        const { start, run, workers, table } = fleetOf(helpers, leasables(4));
        const halves = (): readonly number[][] => workers.map((worker) => holdings(worker).w1!).sort(([a], [b]) => a! - b!);
        run(20_000, {
          0: () => start('w1'),
          2_000: () => start('w1'),
          4_000: () =>
            expect(halves()).to.deep.equal([
              [0, 2],
              [1, 3],
            ]),
          12_000: () => {
            workers[0]![end]();
            // A crash cuts all connections of that name.
            table.heal('w1');
          },
          13_300: () => expect(workers[1]!.held.size).to.equal(4),
        });
        for (const worker of workers) {
          const losses = lossesOf(worker);
          expect(losses.length).to.be.within(4, 8);
          expect(losses.at(-1)!.at).to.be.below(4_000);
        }
      }),
    );

  it(
    'have one share of a fleet together, which comes to rest',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, leasables(12));
      const moves = (from: number): unknown[] =>
        workers.flatMap(({ events }) => events.filter(({ type, at }) => (type === 'leaseTaken' || type === 'leaseLost') && at > from));
      run(30_000, {
        0: () => start('w1'),
        1_000: () => start('w2'),
        2_000: () => start('w1'),
        29_900: () => {
          const [first = 0, other, second = 0] = workers.map(({ held }) => held.size);
          expect([first + second, other]).to.deep.equal([6, 6]);
        },
      });
      expect(moves(8_000)).to.deep.equal([]);
    }),
  );

  it(
    'do not release the leases of each other when one of them stops',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(4));
      // The first has been told of it, and not taken the leases back yet.
      const stopWhenTold = (): void => {
        if (lossesOf(workers[0]!).length === 4) workers[0]!.stop();
      };
      const looks = Array.from({ length: 400 }, (_, i) => [2_001 + i, stopWhenTold]);
      run(4_000, {
        0: () => start('w1'),
        2_000: () => start('w1'),
        ...Object.fromEntries(looks),
        3_900: () => expect(table.rows().map(({ leaseOwner }) => leaseOwner)).to.deep.equal(['w1', 'w1', 'w1', 'w1']),
      });
      expect(lossesOf(workers[1]!)).to.deep.equal([]);
      expect(workers[0]!.news.at(-1)).to.match(/complete/);
    }),
  );

  it(
    'do not hand over what the other one holds',
    marbles((helpers) => {
      const { start, run, table } = fleetOf(helpers, leasables(1));
      const handingOver = { leaseOwner: 'w2', checkpointOwner: 'w1', gracefulOwner: 'w1', processId: '0a1b2c3d' };
      table.put(0, handingOver);
      run(900, { 0: () => start('w1'), 890: () => expect(table.row(0)).to.include(handingOver) });
    }),
  );

  it(
    'are none if the first is gone: the next one has its leases at once, and is told of nothing',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(4));
      run(6_000, {
        0: () => start('w1'),
        1_000: () => workers[0]!.crash(),
        1_100: () => {
          table.heal('w1');
          start('w1');
        },
        1_200: () => expect(workers[1]!.held.size).to.equal(4),
      });
      expect(workers.flatMap(lossesOf)).to.deep.equal([]);
    }),
  );

  it(
    'are none if replies are lost: a worker knows its own writes',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(4));
      const cuts = Array.from({ length: 4 }, (_, i) => [
        [1_000 + i * 1_000, () => table.cut('w1', 'replies')],
        [1_190 + i * 1_000, () => table.heal('w1')],
      ]).flat();
      run(6_000, { 0: () => start('w1'), ...Object.fromEntries(cuts) });
      expect(workers.flatMap(lossesOf)).to.deep.equal([]);
    }),
  );
});
