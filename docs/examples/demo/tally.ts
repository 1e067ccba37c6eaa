import type { KinesisEvent, RxKinesisErrorCode } from '../../../lib/index.js';
import { counted, shortId } from './format.js';

/** What the workers' events add up to. */
export interface Tally {
  readonly checkpoints: number;
  /** Ranges that were lost, in a buffer or with all copies of a block, and re-read. */
  readonly recoveredRanges: number;
  readonly recoveredRecords: number;
  /** Those of them that were in lost blocks. */
  readonly recoveredBlockRecords: number;
  /** The first ranges that were lost in a buffer, for people. */
  readonly lostRanges: readonly string[];
  /** Reads that failed and were made again. */
  readonly retries: number;
  /** Pipelines of shards that began anew at their watermark. */
  readonly restarts: number;
}

export const EMPTY_TALLY: Tally = {
  checkpoints: 0,
  recoveredRanges: 0,
  recoveredRecords: 0,
  recoveredBlockRecords: 0,
  lostRanges: [],
  retries: 0,
  restarts: 0,
};

export function countEvent(tally: Tally, event: KinesisEvent): Tally {
  switch (event.type) {
    case 'checkpointWritten':
      return { ...tally, checkpoints: tally.checkpoints + 1 };
    case 'recovered': {
      const recoveredRanges = tally.recoveredRanges + event.ranges;
      return { ...tally, recoveredRanges, recoveredRecords: tally.recoveredRecords + event.records };
    }
    case 'blockRecovered':
      return { ...tally, recoveredBlockRecords: tally.recoveredBlockRecords + event.records };
    case 'recoveryStarted':
      if (isOfLostBlocks(event)) return tally;
      return { ...tally, lostRanges: [...tally.lostRanges, ...event.ranges.map(inWords)].slice(0, SHOWN_RANGES) };
    case 'readRetry':
      return { ...tally, retries: tally.retries + 1 };
    case 'shardRestarted':
      return { ...tally, restarts: tally.restarts + 1 };
    default:
      return tally;
  }
}

/** Records that were in a buffer when a read failed, and came back. */
export function recoveredFromBuffers({ recoveredRecords, recoveredBlockRecords }: Tally): number {
  return recoveredRecords - recoveredBlockRecords;
}

const SHOWN_RANGES = 5;

type RecoveryStarted = Extract<KinesisEvent, { type: 'recoveryStarted' }>;
type LostRange = RecoveryStarted['ranges'][number];

/** Events come from another process, as JSON, and of an error there are then its fields left. */
function isOfLostBlocks({ error }: RecoveryStarted): boolean {
  return (error as { code?: unknown } | undefined)?.code === ('BLOCK_UNAVAILABLE' satisfies RxKinesisErrorCode);
}

/** `shard 3: 12 records from …4321 to …4410`. */
function inWords({ shardId, fromSeqNumber, toSeqNumber, recordCount }: LostRange): string {
  return `shard ${shortId(shardId)}: ${counted(recordCount, 'record')} from …${fromSeqNumber.slice(-10)} to …${toSeqNumber.slice(-10)}`;
}
