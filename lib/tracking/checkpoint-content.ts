import { catchError, concatMap, of, throwError, type Observable } from 'rxjs';
import { MAX_SETTLED_RANGES } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { isCheckpointError, isLeaseLost } from '../checkpoints/errors.js';
import { InvalidConfigError } from '../values/errors.js';
import { comparePositions, type Position } from '../values/position.js';
import { endOf, SequenceNumberRanges, startOf, type SequenceNumberRange } from '../values/sequence-range.js';
import type { ShardIdentity } from '../values/shard-id.js';
import { SettledRanges } from './settled-ranges.js';
import type { UnreleasedBlocks } from './unreleased-blocks.js';

/** The state of a shard that its {@link CheckpointContent} says. */
export interface CheckpointFacts {
  readonly identity: ShardIdentity;
  /** How far the shard is done: its watermark, or SHARD_END once the whole shard is; `undefined` when nothing may be written. */
  readonly progress: Position | undefined;
  /** The ranges that are settled beyond the watermark. */
  readonly settledBeyond: readonly SequenceNumberRange[];
  /** The blocks that are stored and not released. */
  readonly unreleased: UnreleasedBlocks;
}

/** What the checkpoints of one shard of a source say: its progress, what is settled beyond it, and the blocks that are not released. */
export class CheckpointContent {
  readonly #facts: CheckpointFacts;
  readonly #store: CheckpointStore | undefined;
  #settledBefore = new SettledRanges();

  /** @param store - that of the shard's source. */
  constructor(facts: CheckpointFacts, store: CheckpointStore | undefined) {
    this.#facts = facts;
    this.#store = store;
  }

  /**
   * Throws if an operator was given another store than the shard's source: the shard begins at the checkpoint in the source's store, so nobody
   * would ever read one in another.
   *
   * @throws InvalidConfigError
   */
  assertOwnStore(store: CheckpointStore | undefined, operator = 'checkpointEvery'): void {
    if (!store || store === this.#store) return;
    const { streamName, shardId } = this.#facts.identity;
    throw new InvalidConfigError(
      `${streamName}/${shardId}: ${operator} has another store than the shard's source${this.#store ? '' : ', which has none'}: ` +
        `give the store to the source, and the same one or none to ${operator}`,
    );
  }

  /** Takes the checkpoint at which the shard begins. */
  restore(checkpoint: Checkpoint): void {
    this.#settledBefore = new SettledRanges(checkpoint.settledBeyond);
  }

  /** The ranges that an earlier process settled beyond its checkpoint. */
  get settledBefore(): SettledRanges {
    return this.#settledBefore;
  }

  /** The checkpoint that may be written now; `undefined` when none may be. */
  current(): Checkpoint | undefined {
    const { identity, progress: watermark, unreleased } = this.#facts;
    const covered = watermark && unreleased.coveredBy(watermark, this.#store?.keepsUnreleased ? MAX_UNRELEASED_RANGES : 0);
    if (!covered) return undefined;
    const { streamName, shardId, startingSequenceNumber: shardStart } = identity;
    const { position, blocks } = covered;
    const { sequenceNumber, subSequenceNumber } = position;
    const settled = unreleased
      .without(this.#settledBefore.beyond(position, this.#facts.settledBeyond), position)
      .slice(0, MAX_SETTLED_RANGES);
    return {
      streamName,
      shardId,
      sequenceNumber,
      subSequenceNumber,
      ...(settled.length > 0 && { settledBeyond: settled }),
      ...(blocks.length > 0 && { unreleased: blocks }),
      ...(shardStart !== undefined && { shardStart }),
    };
  }
}

/**
 * Handles a write that the store has refused: emits the checkpoint that the store holds if it is a later one of the same shard, which a late
 * write of an ended subscription may have stored; else errors with the refusal.
 */
export function storedInstead(
  checkpoint: Checkpoint,
  refusal: unknown,
  stored$: Observable<Checkpoint | undefined>,
): Observable<Checkpoint> {
  if (!isCheckpointError(refusal) || refusal.retriable || isLeaseLost(refusal)) return throwError(() => refusal);
  return stored$.pipe(
    catchError(() => of(undefined)),
    concatMap((stored) => (stored && isFurther(stored, checkpoint) ? of(stored) : throwError(() => refusal))),
  );
}

/** The checkpoint with ranges of its own for its blocks: a store may give those that belong to an earlier state of the shard. */
export function withOwnRanges(checkpoint: Checkpoint): Checkpoint {
  const { unreleased } = checkpoint;
  return unreleased ? { ...checkpoint, unreleased: unreleased.map(({ ranges }) => new SequenceNumberRanges(ranges)) } : checkpoint;
}

/** Whether two checkpoints of one position differ in the blocks that they name, by the instance of their ranges, or in the settled ranges. */
export function saysOther(a: Checkpoint, b: Checkpoint): boolean {
  const isSameRange = (one: SequenceNumberRange, other: SequenceNumberRange): boolean =>
    comparePositions(startOf(one), startOf(other)) === 0 && comparePositions(endOf(one), endOf(other)) === 0;
  return !areSame(a.unreleased, b.unreleased, Object.is) || !areSame(a.settledBeyond, b.settledBeyond, isSameRange);
}

/** Whether the stored checkpoint belongs to the same shard and is beyond the one to write. */
function isFurther(stored: Checkpoint, { shardStart, ...position }: Checkpoint): boolean {
  const isSameShard = stored.shardStart === undefined || shardStart === undefined || stored.shardStart === shardStart;
  return isSameShard && comparePositions(stored, position) > 0;
}

function areSame<T>(a: readonly T[] = [], b: readonly T[] = [], isSame: (one: T, other: T) => boolean): boolean {
  return a.length === b.length && a.every((one, i) => isSame(one, b[i]!));
}

/** The most ranges of unreleased blocks that a checkpoint names; it stays before the first block that it cannot name. */
const MAX_UNRELEASED_RANGES = 100;
