import { catchError, concat, defer, EMPTY, from, ReplaySubject, type Observable } from 'rxjs';
import type { EventSink } from '../monitoring/events.js';
import { comparePositions } from '../values/position.js';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import type { ShardIdentity } from '../values/shard-id.js';

/**
 * Writes the checkpoints of one shard to one store: one write at a time, only ahead, and only when there is something new.
 *
 * @remarks
 * Several may ask for a write: the ticks of `checkpointEvery`, the end of the shard. They share the write in flight. Nobody
 * who stops waiting cuts a write short, since a write whose outcome is unknown is worse than one that is late.
 */
export class CheckpointWriter {
  readonly #store: CheckpointStore;
  readonly #shard: ShardIdentity;
  readonly #current: () => Checkpoint | undefined;
  readonly #notify: EventSink;
  #written: Checkpoint | undefined;
  #inFlight: Observable<Checkpoint> | undefined;

  /**
   * @param current - what there is to write now, if anything.
   * @param written - what the store holds already.
   */
  constructor(
    store: CheckpointStore,
    shard: ShardIdentity,
    current: () => Checkpoint | undefined,
    notify: EventSink,
    written?: Checkpoint,
  ) {
    this.#store = store;
    this.#shard = shard;
    this.#current = current;
    this.#notify = notify;
    this.#written = written;
  }

  /** Whether there is something new to write. */
  get isDue(): boolean {
    return this.#due() !== undefined;
  }

  /** Writes what is new, after the write in flight if there is one. Emits what was written; completes at once if nothing is new. */
  flush(): Observable<Checkpoint> {
    return defer(() => {
      // The write in flight began before this call: what is new since then still has to be written.
      if (this.#inFlight) return concat(this.#inFlight.pipe(catchError(() => EMPTY)), this.flush());
      const due = this.#due();
      return due ? this.#write(due) : EMPTY;
    });
  }

  #due(): Checkpoint | undefined {
    const current = this.#current();
    const isNew = current && (!this.#written || comparePositions(current, this.#written) > 0);
    return isNew ? current : undefined;
  }

  #write(checkpoint: Checkpoint): Observable<Checkpoint> {
    const { streamName, shardId, sequenceNumber, subSequenceNumber } = checkpoint;
    const event = { streamName, shardId, sequenceNumber, subSequenceNumber };
    const result = new ReplaySubject<Checkpoint>(1);
    this.#inFlight = result;
    defer(() => from(this.#store.write(checkpoint, this.#shard))).subscribe({
      error: (error: unknown) => {
        this.#inFlight = undefined;
        this.#notify({ type: 'checkpointFailed', ...event, error });
        result.error(error);
      },
      complete: () => {
        this.#inFlight = undefined;
        this.#written = checkpoint;
        this.#notify({ type: 'checkpointWritten', ...event });
        result.next(checkpoint);
        result.complete();
      },
    });
    return result;
  }
}
