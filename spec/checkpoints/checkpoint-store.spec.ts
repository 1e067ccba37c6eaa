import { expect } from 'chai';
import { EMPTY } from 'rxjs';
import { isLeasing, type CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';

const store: CheckpointStore = { read: () => EMPTY, write: () => EMPTY };
const leases = () => EMPTY;
const release = () => EMPTY;

describe('isLeasing', () => {
  it('holds for a store with leases and release, also when they are methods of its class', () => {
    class Leases {
      read = store.read;
      write = store.write;
      leases() {
        return EMPTY;
      }
      release() {
        return EMPTY;
      }
    }
    expect(isLeasing({ ...store, leases, release } as CheckpointStore)).to.equal(true);
    expect(isLeasing(new Leases())).to.equal(true);
  });

  it('does not hold for a store that has none of them, or one', () => {
    for (const one of [undefined, store, memoryCheckpoints(), { ...store, leases }, { ...store, release }])
      expect(isLeasing(one)).to.equal(false);
  });
});
