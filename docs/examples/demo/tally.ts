import type { KinesisEvent } from '../../../lib/index.js';
import { counted, shortId } from './format.js';

/** What the workers' events add up to. */
export interface Tally {
  readonly checkpoints: number;
  readonly recoveredRanges: number;
  readonly recoveredRecords: number;
  /** The first ranges that were lost and re-read, for people. */
  readonly lostRanges: readonly string[];
  /** Calls that failed and were made again. */
  readonly retries: number;
  /** Pipelines of shards that began anew at their watermark. */
  readonly restarts: number;
}

export const EMPTY_TALLY: Tally = { checkpoints: 0, recoveredRanges: 0, recoveredRecords: 0, lostRanges: [], retries: 0, restarts: 0 };

export function countEvent(tally: Tally, event: KinesisEvent): Tally {
  switch (event.type) {
    case 'checkpointWritten':
      return { ...tally, checkpoints: tally.checkpoints + 1 };
    case 'recovered': {
      const recoveredRanges = tally.recoveredRanges + event.ranges;
      return { ...tally, recoveredRanges, recoveredRecords: tally.recoveredRecords + event.records };
    }
    case 'recoveryStarted':
      return { ...tally, lostRanges: [...tally.lostRanges, ...event.ranges.map(inWords)].slice(0, SHOWN_RANGES) };
    case 'readRetry':
      return { ...tally, retries: tally.retries + 1 };
    case 'shardRestarted':
      return { ...tally, restarts: tally.restarts + 1 };
    default:
      return tally;
  }
}

const SHOWN_RANGES = 5;

type LostRange = Extract<KinesisEvent, { type: 'recoveryStarted' }>['ranges'][number];

/** `shard 3: 12 records from …4321 to …4410`. */
function inWords({ shardId, fromSeqNumber, toSeqNumber, recordCount }: LostRange): string {
  return `shard ${shortId(shardId)}: ${counted(recordCount, 'record')} from …${fromSeqNumber.slice(-10)} to …${toSeqNumber.slice(-10)}`;
}
