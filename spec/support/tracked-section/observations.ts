import { concatMap, defer, from, of, tap, timer } from 'rxjs';
import type { Checkpoint, CheckpointStore, LeasingStore } from '../../../lib/checkpoints/checkpoint-store.js';
import { isCheckpointError } from '../../../lib/checkpoints/errors.js';
import { entriesOf } from '../../../lib/tracking/tracked-block.js';
import type { TrackedShard } from '../../../lib/tracking/tracked-shard.js';
import type { Block } from '../../../lib/values/block.js';
import { comparePositions, type Position } from '../../../lib/values/position.js';
import type { KinesisRecord } from '../../../lib/values/record.js';
import { positionToString } from '../../../lib/values/sequence-range.js';

/** One record that the work was given. */
export interface Handled {
  readonly record: KinesisRecord;
  readonly isRecovered: boolean;
  /** The life of the shard that it comes from: one for each process and lease. */
  readonly life: TrackedShard;
  readonly process: number;
  /** Whether this worker held the shard's lease then; true where there are none. */
  readonly isHeld: boolean;
  /** The records that were finished by then. */
  readonly finished: ReadonlySet<string>;
}

/** A write that was begun. */
export interface Asked {
  readonly checkpoint: Checkpoint;
  readonly finished: ReadonlySet<string>;
  readonly isHeld: boolean;
}

/** A subscription to the records of a shard, or of several that are merged. */
export interface Start {
  readonly life: TrackedShard | undefined;
  /** How much had been handled by then. */
  readonly handled: number;
  readonly finished: ReadonlySet<string>;
}

/** What happened in the course of several processes. */
export interface Observations {
  readonly handled: Handled[];
  readonly asked: Asked[];
  /** The writes that the store has kept, in its order, and whose they were. */
  readonly kept: { readonly checkpoint: Checkpoint; readonly process: number }[];
  /** What the store said of where a shard begins, and how much had been handled by then. */
  readonly reads: { readonly checkpoint: Checkpoint; readonly handled: number }[];
  readonly starts: Start[];
  /** The records that the work has finished. */
  readonly finished: Set<string>;
  /** The same by the life of their shard, but for those that are read again since. */
  readonly finishedIn: Map<TrackedShard, Map<string, Position>>;
}

/** Makes empty {@link Observations}. */
export function observations(): Observations {
  return { handled: [], asked: [], kept: [], reads: [], starts: [], finished: new Set(), finishedIn: new Map() };
}

/** What a record is known by. */
export function keyOf({ shardId, ...position }: Position & { readonly shardId: string }): string {
  return `${shardId} ${positionToString(position)}`;
}

/** Takes note of a block that the work is given. */
export function noteHandled(
  seen: Observations,
  block: Block,
  by: Pick<Handled, 'process'> & { isHeld: (shardId: string) => boolean },
): void {
  for (const record of block.records) {
    const finished = new Set(seen.finished);
    const { process } = by;
    const isHeld = by.isHeld(record.shardId);
    seen.handled.push({ record, isRecovered: block.recovered, life: lifeOf(block, record), process, isHeld, finished });
  }
}

/** Takes note of a block that the work has finished. */
export function noteFinished(seen: Observations, block: Block): void {
  for (const record of block.records) {
    const life = lifeOf(block, record);
    seen.finished.add(keyOf(record));
    seen.finishedIn.set(life, (seen.finishedIn.get(life) ?? new Map<string, Position>()).set(keyOf(record), record));
  }
}

/** Takes note of a subscription to a shard. */
export function noteStart(seen: Observations, life: TrackedShard | undefined): void {
  const finished = life && seen.finishedIn.get(life);
  seen.starts.push({ life, handled: seen.handled.length, finished: new Set(finished?.keys()) });
  if (!life || life.resumes) return;
  // What is behind an unfinished one is read again: it may be in flight when the next subscription resumes.
  const { watermark } = life.ledger;
  for (const [key, position] of finished ?? []) if (!watermark || comparePositions(watermark, position) < 0) finished!.delete(key);
}

function lifeOf({ ranges }: Block, { shardId }: KinesisRecord): TrackedShard {
  return entriesOf(ranges).find(({ shard }) => shard.identity.shardId === shardId)!.shard;
}

/** How the store of one process behaves. */
export interface ObservedStoreOptions {
  readonly inner: CheckpointStore;
  readonly process: number;
  readonly writeMs: number | undefined;
  /** Throws when a write is to fail. */
  readonly mayRefuse: () => void;
}

/** A store whose kept writes are noted, in its order. */
export function observedStore(seen: Observations, { inner, process, writeMs, mayRefuse }: ObservedStoreOptions): CheckpointStore {
  return {
    ...(inner.keepsUnreleased && { keepsUnreleased: true }),
    read: (shard) => inner.read(shard),
    write: (checkpoint, shard) =>
      (writeMs === undefined ? of(0) : timer(writeMs)).pipe(
        tap(mayRefuse),
        concatMap(() => from(inner.write(checkpoint, shard))),
        tap({ complete: () => void seen.kept.push({ checkpoint, process }) }),
      ),
  };
}

/** The state of the process that a store belongs to. */
export interface StoreOwner {
  readonly isHeld: (shardId: string) => boolean;
  readonly isDead: () => boolean;
  /** Whether `recoverFrom` is at work on a shard: its looks into the store are not about where the shard begins. */
  readonly isRecovering: (shardId: string) => boolean;
}

/** Takes note of what a process reads, and of each write when it is begun. */
export function observedByOwner<S extends CheckpointStore | LeasingStore>(
  seen: Observations,
  store: S,
  { isHeld, isDead, isRecovering }: StoreOwner,
): S {
  /** The shards of which the store has refused what went back: it is read then to see how far it is, and no reading begins there. */
  const refused = new Set<string>();
  return {
    ...store,
    read: (shard) =>
      defer(() => from(store.read(shard))).pipe(
        tap((checkpoint) => {
          if (refused.delete(shard.shardId)) return;
          if (checkpoint && !isRecovering(shard.shardId)) seen.reads.push({ checkpoint, handled: seen.handled.length });
        }),
      ),
    write: (checkpoint, shard) => {
      if (!isDead()) seen.asked.push({ checkpoint, finished: new Set(seen.finished), isHeld: isHeld(shard.shardId) });
      const noteRefusal = (error: unknown): void => {
        if (isCheckpointError(error) && !error.retriable) refused.add(shard.shardId);
      };
      return from(store.write(checkpoint, shard)).pipe(tap({ error: noteRefusal }));
    },
  };
}
