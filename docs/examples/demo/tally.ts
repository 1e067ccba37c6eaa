import type { WorkerEvent } from './messages.js';

/** What the workers' events add up to. */
export interface Tally {
  readonly checkpoints: number;
  readonly recoveredRanges: number;
  readonly recoveredRecords: number;
  /** Calls that failed and were made again. */
  readonly retries: number;
  /** Pipelines of shards that began anew at their watermark. */
  readonly restarts: number;
}

export const EMPTY_TALLY: Tally = { checkpoints: 0, recoveredRanges: 0, recoveredRecords: 0, retries: 0, restarts: 0 };

export function countEvent(tally: Tally, event: WorkerEvent): Tally {
  switch (event.type) {
    case 'checkpointWritten':
      return { ...tally, checkpoints: tally.checkpoints + 1 };
    case 'recovered': {
      const recoveredRanges = tally.recoveredRanges + event.ranges;
      return { ...tally, recoveredRanges, recoveredRecords: tally.recoveredRecords + event.records };
    }
    case 'readRetry':
      return { ...tally, retries: tally.retries + 1 };
    case 'shardRestarted':
      return { ...tally, restarts: tally.restarts + 1 };
    default:
      return tally;
  }
}
