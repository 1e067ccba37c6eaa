import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { from, lastValueFrom, merge, tap } from 'rxjs';
import { blockStore, memoryBlocks, type BlockStore, type KinesisEvent } from '../../../lib/index.js';
import { levelBlocks } from '../../../lib/level/index.js';
import { replicaBlocks, s3Client } from './clients.js';
import type { CopyPlace, WorkerOptions } from './messages.js';

/** The blocks of a worker: in its memory or on its disk, and a second copy in a bucket, which every worker reads. */
export interface WorkerBlocks {
  readonly store: BlockStore;
  /** Deletes the copies in memory and on disk behind the store's back. */
  deleteCopies(blockIds: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** What a worker wants to hear of its blocks. */
export interface BlocksObserver {
  /** A block was found there. */
  found(blockId: string, place: CopyPlace): void;
  event(event: KinesisEvent): void;
}

export function openBlocks({ s3Url, directory, name, memoryBytes }: WorkerOptions, { found, event }: BlocksObserver): WorkerBlocks {
  const s3 = s3Client(s3Url);
  const db = new ClassicLevel(join(directory, `blocks-${name}`));
  const memory = memoryBlocks({ maxBytes: memoryBytes });
  const disk = levelBlocks(db);
  const watched = (place: CopyPlace, store: BlockStore): BlockStore => ({
    ...store,
    get: (id) => from(store.get(id)).pipe(tap((block) => block && found(id, place))),
  });
  return {
    store: blockStore('MEMORY_AND_DISK_2', {
      memory: watched('memory', memory),
      disk: watched('disk', disk),
      replicas: [watched('replica', replicaBlocks(s3))],
      events: { next: event },
    }),
    deleteCopies: async (blockIds) => {
      const deletes = [memory, disk].flatMap((tier) => blockIds.map((id) => from(tier.delete(id))));
      await lastValueFrom(merge(...deletes), { defaultValue: undefined });
    },
    close: async () => {
      s3.destroy();
      await db.close();
    },
  };
}
