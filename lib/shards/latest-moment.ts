import type { ReadStart } from '../readers/reader.js';

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
  /** When the stream was first seen, in ms since 1970. */
  readonly ms: number;
  #ms: number;
  #stepMs = 1_000;

  constructor(ms: number) {
    this.ms = ms;
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

  /** Where a shard begins for which another moment was noted: there, if that is earlier, as after a restart. */
  startOf(notedMs = Infinity): ReadStart {
    return notedMs < this.#ms ? new LatestMoment(notedMs).start : this.start;
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
