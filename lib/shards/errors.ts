import { guardFor, RxKinesisError } from '../values/errors.js';

/** The work of a shard that was not done when the time after `stop` ran out. */
export interface OpenWork {
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** Blocks that are not settled. */
  readonly blocks: number;
  /** Records that are delivered and not settled. */
  readonly records: number;
  /** Blocks that `storeBlocks` has stored and `releaseBlocks` has not released. */
  readonly unreleased: number;
  /** Whether a checkpoint still had to be written. */
  readonly isDue: boolean;
}

/**
 * `stop` emitted, and not all work was drained, written and released within `stopTimeoutMs`. The open work is read again after a restart.
 * Not retriable.
 */
export class StopTimeoutError extends RxKinesisError {
  readonly code = 'STOP_TIMEOUT';
  readonly retriable = false;
  /** The name of the stream, without account and region. */
  readonly streamName: string;
  /** The time that it had: `stopTimeoutMs`, in ms. */
  readonly timeoutMs: number;
  /** The shards that are still open. */
  readonly open: readonly OpenWork[];

  constructor(streamName: string, timeoutMs: number, open: readonly OpenWork[]) {
    super(`${streamName}: not stopped within ${timeoutMs} ms, still open: ${open.map(openToString).join('; ')}${adviceFor(open)}`);
    this.streamName = streamName;
    this.timeoutMs = timeoutMs;
    this.open = open;
  }
}

/** Whether `error` is a {@link StopTimeoutError}. */
export const isStopTimeout = /* @__PURE__ */ guardFor<StopTimeoutError>('STOP_TIMEOUT');

function openToString({ shardId, blocks, records, unreleased, isDue }: OpenWork): string {
  const stored = unreleased > 0 ? `, ${unreleased} stored and not released` : '';
  return `${shardId} with ${blocks} blocks (${records} records) unsettled${stored}${isDue ? ', and a checkpoint to write' : ''}`;
}

/** Asks for the mistakes that leave such work open. */
function adviceFor(open: readonly OpenWork[]): string {
  const unsettled = open.some(({ blocks }) => blocks > 0) ? ['checkpointEvery'] : [];
  const missing = open.some(({ unreleased }) => unreleased > 0) ? [...unsettled, 'releaseBlocks'] : unsettled;
  return missing.length > 0 ? `. Is ${missing.join(' or ')} missing, or did the work never finish?` : '';
}

/**
 * While the stream was read, it was deleted and made again: its shards are new ones under the same names, and the old checkpoints mean
 * nothing for them. Delete the entries of the store, then start again. Not retriable.
 */
export class StreamRecreatedError extends RxKinesisError {
  readonly code = 'STREAM_RECREATED';
  readonly retriable = false;
  /** The name of the stream, without account and region. */
  readonly streamName: string;
  /** The first shard whose starting sequence number was seen to have changed. */
  readonly shardId: string;

  constructor(streamName: string, shardId: string) {
    super(`${streamName}/${shardId}: the stream was deleted and made again; delete its checkpoints, then start again`);
    this.streamName = streamName;
    this.shardId = shardId;
  }
}

/** Whether `error` is a {@link StreamRecreatedError}. */
export const isStreamRecreated = /* @__PURE__ */ guardFor<StreamRecreatedError>('STREAM_RECREATED');
