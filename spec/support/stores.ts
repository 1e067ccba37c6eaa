import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { leaseTable } from '../../lib/dynamodb/index.js';
import { memoryCheckpoints, type CheckpointStore } from '../../lib/index.js';
import { levelCheckpoints } from '../../lib/level/index.js';
import { startDynalite } from './dynamodb-services.js';

/** Where a spec keeps checkpoints. */
export interface StoreService {
  /** The store, as a process that starts anew would open it. `name` tells the stores of one service apart. */
  open(name: string): CheckpointStore;
  stop(): Promise<void>;
}

/** How to start one of the stores that the specs run with. */
export interface StoreKind {
  readonly name: string;
  start(): Promise<StoreService>;
}

export const leaseTables: StoreKind = {
  name: 'leaseTable on dynalite',
  start: async () => {
    const service = await startDynalite();
    const client = service.client();
    return { open: (name) => leaseTable({ client, tableName: `leases-${name}`, tablePollIntervalMs: 5 }), stop: () => service.stop() };
  },
};

const levels: StoreKind = {
  name: 'levelCheckpoints on classic-level',
  start: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-'));
    const db = new ClassicLevel(directory);
    const stop = async () => {
      await db.close();
      await rm(directory, { recursive: true });
    };
    return { open: () => levelCheckpoints(db), stop };
  },
};

const memories: StoreKind = {
  name: 'memoryCheckpoints',
  start: async () => {
    const stores = new Map<string, CheckpointStore>();
    const open = (name: string) => {
      const store = stores.get(name) ?? memoryCheckpoints();
      stores.set(name, store);
      return store;
    };
    return { open, stop: async () => undefined };
  },
};

/** The stores that come with the package, each on the service or the disk that it is for. */
export const storeKinds: readonly StoreKind[] = [leaseTables, levels, memories];
