import { expect } from 'chai';
import { marbles, type MarbleHelpers } from '../../lib/testing/marbles/marbles.js';
import { fleetOf, leasables } from '../support/lease-fleet.js';

/** Three workers with six shards, of which a worker of KCL 2.x takes one of w2 at 3 000 ms, while w2 is asked for it. */
function taken(helpers: MarbleHelpers) {
  const { start, run, table, workers } = fleetOf(helpers, leasables(6));
  const state = { number: -1, counter: 0, isAlive: true };
  const row = () => table.row(state.number)!;
  const renew = (): void => {
    if (state.isAlive && row().leaseCounter === state.counter) table.put(state.number, { leaseCounter: ++state.counter });
  };
  const steps = {
    0: () => start('w1'),
    500: () => start('w2'),
    1_000: () => start('w3'),
    3_000: () => {
      // Not the row with the pulse of w2.
      state.number = leasables(6).findIndex((_, number) => {
        const { leaseOwner, leaseCounter, pulse } = table.row(number)!;
        return leaseOwner === 'w2' && pulse !== leaseCounter;
      });
      state.counter = row().leaseCounter + 1;
      table.put(state.number, { leaseOwner: 'java', checkpointOwner: 'w2', leaseCounter: state.counter });
    },
    ...Object.fromEntries(Array.from({ length: 80 }, (_, i) => [3_100 + i * 200, renew])),
  };
  return { run, row, workers, state, steps };
}

describe('the former owner that a worker of KCL 2.x leaves in the row of a lease which it took during a hand-over', () => {
  it(
    'is removed by that owner, and the lease stays as it is (regression: its name stayed until one of its like took the lease)',
    marbles((helpers) => {
      const { run, row, state, steps } = taken(helpers);
      run(8_000, {
        ...steps,
        3_450: () =>
          expect(row()).to.include({ leaseOwner: 'java', leaseCounter: state.counter }).and.not.to.have.property('checkpointOwner'),
        7_950: () => expect(row()).to.include({ leaseOwner: 'java', leaseCounter: state.counter }),
      });
      expect(state.counter).to.be.above(30);
    }),
  );

  it(
    'costs the worker of KCL 2.x nothing when the former owner crashes before that (regression: its lease was freed, although it was renewed)',
    marbles((helpers) => {
      const { run, row, workers, state, steps } = taken(helpers);
      run(16_000, {
        ...steps,
        3_001: () => workers[1]!.crash(),
        9_950: () => {
          expect(row()).to.include({ leaseOwner: 'java', checkpointOwner: 'w2' });
          state.isAlive = false;
        },
        15_950: () => {
          expect(row().leaseOwner).to.be.oneOf(workers.map(({ id }) => id));
          expect(row()).not.to.have.property('checkpointOwner');
        },
      });
    }),
  );
});
