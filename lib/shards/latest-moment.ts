import { catchError, defer, EMPTY, endWith, ignoreElements, of, tap, throwError, type Observable } from 'rxjs';
import { isLeasing } from '../checkpoints/checkpoint-store.js';
import { nameOf } from '../internal/aws-errors.js';
import { classify } from '../kinesis/classify.js';
import type { PortShard } from '../kinesis/port.js';
import type { ReadStart } from '../readers/reader.js';
import type { ResolvedShardConfig } from './config.js';

type ProvingConfig = Pick<ResolvedShardConfig, 'port' | 'startFrom' | 'store' | 'stream'>;

/**
 * What `'LATEST'` means: the moment at which the stream was first seen, for all of its shards and as long as they are read.
 *
 * @remarks
 * Kinesis cannot be asked for that moment again, so it is taken from this machine's clock. One that is ahead would pass over what arrives until
 * it has come; one that is behind only begins earlier. Kinesis refuses a time that has not come: then the moment is put back, by a second
 * and by twice as much each time.
 */
export class LatestMoment {
  /** To begin there: later subscriptions too, wherever the moment has been put by then. */
  readonly start: ReadStart;
  #ms: number;
  #stepMs = 1_000;
  #isProven = false;

  constructor(ms: number) {
    this.#ms = ms;
    const now = (): Date => new Date(this.#ms);
    this.start = {
      type: 'AT_TIMESTAMP',
      get timestamp() {
        return now();
      },
      putBack: (refused) => this.#putBack(refused),
    };
  }

  /** The moment as it is now, in ms since 1970. */
  get ms(): number {
    return this.#ms;
  }

  /** Where a shard begins: at the moment that was noted for it, if one was, so that each process that reads it begins there. */
  startOf(notedMs: number | undefined): ReadStart {
    return notedMs === undefined ? this.start : new LatestMoment(notedMs).start;
  }

  /**
   * Emits the listed shards. Where the store notes the moment for other processes, which could not put it back as far, it waits until Kinesis has
   * confirmed that it has come, or may not be asked, and puts it back until then. Errors that pass are for the caller to retry.
   */
  prove(config: ProvingConfig, shards: readonly PortShard[]): Observable<readonly PortShard[]> {
    const { startFrom, store } = config;
    // Any shard will do.
    const [shard] = shards;
    if (this.#isProven || !shard || startFrom !== 'LATEST' || !isLeasing(store)) return of(shards);
    return this.#ask(config, shard.ShardId).pipe(tap({ complete: () => (this.#isProven = true) }), endWith(shards));
  }

  #ask({ port, stream }: Pick<ProvingConfig, 'port' | 'stream'>, ShardId: string): Observable<never> {
    return defer(() => {
      const Timestamp = new Date(this.#ms);
      return port.getShardIterator({ ...stream.id, ShardId, ShardIteratorType: 'AT_TIMESTAMP', Timestamp }).pipe(
        catchError((error: unknown) => {
          if (nameOf(error) === 'InvalidArgumentException' && this.#putBack(Timestamp)) return this.#ask({ port, stream }, ShardId);
          return classify(error) === 'fatal' ? EMPTY : throwError(() => error);
        }),
        ignoreElements(),
      );
    });
  }

  /** Whether there is an earlier moment than the one that was refused. Another shard may have put it back meanwhile. */
  #putBack(refused: Date): boolean {
    if (refused.getTime() > this.#ms) return true;
    if (this.#stepMs > MAX_STEP_MS) return false;
    this.#ms -= this.#stepMs;
    this.#stepMs *= 2;
    return true;
  }
}

/** A clock that is further ahead than about an hour is not made up for: what is refused then is a fault that passes. */
const MAX_STEP_MS = 2_048_000;
