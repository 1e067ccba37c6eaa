import { asyncScheduler, concat, concatMap, defer, from, tap, throwError, timer, type Observable, type SchedulerLike } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { positionToString, rangeToString } from '../../lib/values/sequence-range.js';

/** A store in memory that notes what it is asked, and that can be slow or refuse. */
export interface RecordingStore extends CheckpointStore {
  /** The writes begun, such as `30 7` for record 7 at 30 ms. What is settled beyond follows as `30 7 + 9..10 #2`. */
  readonly asked: string[];
  /** The writes that were kept, at the time of their end. */
  readonly kept: string[];
  /** The most writes that were ever under way at once. */
  readonly mostAtOnce: number;
  /** Lets the next `times` writes fail. */
  refuse(error: unknown, times?: number): void;
}

/** How a {@link RecordingStore} is. */
export interface RecordingStoreConfig {
  /** How long a write takes, in ms. @defaultValue none: it completes synchronously */
  readonly latencyMs?: number;
  /** Where the checkpoints are. @defaultValue a new one */
  readonly inner?: CheckpointStore;
  readonly scheduler?: SchedulerLike;
}

/** Makes a {@link RecordingStore}. */
export function recordingStore(config: RecordingStoreConfig = {}): RecordingStore {
  const { latencyMs, inner = memoryCheckpoints(), scheduler = asyncScheduler } = config;
  const asked: string[] = [];
  const kept: string[] = [];
  const refusals: unknown[] = [];
  let now = 0;
  let most = 0;

  const answer = (checkpoint: Checkpoint, write$: Observable<unknown>): Observable<unknown> => {
    const done = (): void => void kept.push(`${scheduler.now()} ${inShort(checkpoint)}`);
    const answer$ =
      refusals.length > 0
        ? throwError(() => refusals.shift())
        : concat(
            write$,
            defer(() => (done(), [])),
          );
    return latencyMs === undefined ? answer$ : timer(latencyMs, scheduler).pipe(concatMap(() => answer$));
  };
  return {
    ...(inner.keepsUnreleased && { keepsUnreleased: true }),
    asked,
    kept,
    get mostAtOnce() {
      return most;
    },
    refuse: (error, times = 1) => void refusals.push(...Array.from({ length: times }, () => error)),
    read: (shard) => inner.read(shard),
    write: (checkpoint, shard) =>
      defer(() => {
        asked.push(`${scheduler.now()} ${inShort(checkpoint)}`);
        most = Math.max(most, ++now);
        const end = (): void => void now--;
        return answer(checkpoint, from(inner.write(checkpoint, shard))).pipe(tap({ complete: end, error: end, unsubscribe: end }));
      }),
  };
}

function inShort(checkpoint: Checkpoint): string {
  const beyond = (checkpoint.settledBeyond ?? []).map((range) => rangeToString(range).replace(/^[^[]*\[|\]$/g, ''));
  return [positionToString(checkpoint), ...beyond.map((range) => `+ ${range}`)].join(' ');
}
