import { ClassicLevel } from 'classic-level';
import { bufferCount, tap } from 'rxjs';
import {
  type BlockStoreError,
  checkpointEvery,
  kinesisStream,
  mergeShards,
  polling,
  readBudget,
  storeBlocks,
  withSequenceRanges,
} from '../../lib/index.js';
import { levelCheckpoints } from '../../lib/level/index.js';
import { blocksAt, RECORDS_A_BLOCK, type BlocksWorkerSettings } from './blocks-place.js';
import { clientsOf } from './kinesis-services.js';

/*
 * A process that stores blocks and never comes to work on them, to be killed. Says over its channel how many of its blocks are
 * stored and behind a checkpoint, and which errors ended a shard.
 */
const settings = JSON.parse(process.argv[2]!) as BlocksWorkerSettings;
const { directory, streamName, kinesis } = settings;
const store = levelCheckpoints(new ClassicLevel(`${directory}/checkpoints`));
const { blocks } = blocksAt(settings);

kinesisStream({
  client: clientsOf(kinesis).client(),
  streamName,
  startFrom: 'TRIM_HORIZON',
  store,
  reader: polling({ idleDelayMs: 20 }),
  budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
  events: {
    next: (event) => {
      if (event.type === 'blockStoreFailed') process.send!({ failed: event.action });
      if (event.type === 'checkpointWritten') process.send!({ checkpoint: [event.shardId, event.sequenceNumber] });
    },
  },
})
  .pipe(
    mergeShards(
      (shard) =>
        shard.pipe(
          bufferCount(RECORDS_A_BLOCK),
          withSequenceRanges(),
          storeBlocks(blocks, { shard, maxRetries: 2, retryDelayMs: 10 }),
          tap(({ id }) => process.send!({ stored: id })),
          checkpointEvery(20),
        ),
      { restart: { maxRestarts: 0 } },
    ),
  )
  .subscribe({
    error: (error: unknown) => process.send!({ error: (error as BlockStoreError).code, fault: (error as BlockStoreError).fault }),
  });
// Whoever started it is gone.
process.once('disconnect', () => process.exit(0));
