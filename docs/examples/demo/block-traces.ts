import type { KinesisEvent } from '../../../lib/index.js';
import { integer } from './format.js';
import type { CopyPlace } from './messages.js';

/** Where a block came from when it was needed. */
export type Source = CopyPlace | 'Kinesis';

/** What had happened to a block's copies by then. */
export type Fate = 'untouched' | 'inherited' | 'ownDeleted' | 'replicaDeleted' | 'bothDeleted';

/** Which copies of a block are deleted. */
export type Deletion = Extract<Fate, `${string}Deleted`>;

/** How many blocks of one fate came from where. */
export type Loads = Readonly<Record<Source, number>>;

/** A block that is stored, and for whose work it is not yet time. */
export interface WaitingBlock {
  readonly blockId: string;
  readonly worker: string;
}

interface Trace {
  readonly shardId: string;
  /** Who stored it. */
  readonly worker: string;
  deletion: Deletion | undefined;
  isLoaded: boolean;
}

const NONE: Loads = { memory: 0, disk: 0, replica: 0, Kinesis: 0 };

/** Where each block was stored, lost and found, from what the workers tell. */
export class BlockTraces {
  readonly #traces = new Map<string, Trace>();
  readonly #loads = new Map<Fate, Loads>();

  note(worker: string, event: KinesisEvent): void {
    if (event.type === 'blockStored') {
      this.#traces.set(event.blockId, { shardId: event.shardId, worker, deletion: undefined, isLoaded: false });
    }
    if (event.type === 'blockRecovered') this.noteLoaded(worker, event.blockId, 'Kinesis');
  }

  noteDeleted(blocks: readonly WaitingBlock[], deletion: Deletion): void {
    for (const { blockId } of blocks) this.#traces.get(blockId)!.deletion = deletion;
  }

  noteLoaded(worker: string, blockId: string, source: Source): void {
    const trace = this.#traces.get(blockId);
    const fate = trace?.worker === worker ? (trace.deletion ?? 'untouched') : 'inherited';
    const loads = this.loadsOf(fate);
    this.#loads.set(fate, { ...loads, [source]: loads[source] + 1 });
    if (!trace) return;
    trace.isLoaded = true;
    // What is read again is also stored again.
    trace.deletion = undefined;
  }

  isLoaded(blockId: string): boolean {
    return this.#traces.get(blockId)?.isLoaded ?? false;
  }

  loadsOf(fate: Fate): Loads {
    return this.#loads.get(fate) ?? NONE;
  }

  /** The blocks that these workers have stored and not loaded, oldest first. */
  waiting(workers: readonly string[]): WaitingBlock[] {
    return [...this.#traces]
      .filter(([, { worker, isLoaded }]) => !isLoaded && workers.includes(worker))
      .map(([blockId, { worker }]) => ({ blockId, worker }));
  }

  /** Those of them that will stay as they are while the sink stands still: the oldest of each shard may be on its way already. */
  resting(workers: readonly string[]): WaitingBlock[] {
    const shards = new Set<string>();
    return this.waiting(workers).filter(({ blockId }) => {
      const { shardId } = this.#traces.get(blockId)!;
      const isOldest = !shards.has(shardId);
      shards.add(shardId);
      return !isOldest;
    });
  }
}

const FATES: Readonly<Record<Fate, string>> = {
  untouched: 'nothing',
  inherited: 'left by a former owner',
  ownDeleted: "the worker's copy deleted",
  replicaDeleted: 'the replica deleted',
  bothDeleted: 'both copies deleted',
};

/** A row for each fate. */
export function loadRows(traces: Pick<BlockTraces, 'loadsOf'>): string[][] {
  const rows = Object.entries(FATES).map(([fate, words]) => {
    const { memory, disk, replica, Kinesis } = traces.loadsOf(fate as Fate);
    return [words, ...[memory + disk + replica + Kinesis, memory, disk, replica, Kinesis].map(integer)];
  });
  return [['what had happened to it', 'blocks', 'memory', 'disk', 'replica', 'read again'], ...rows];
}
