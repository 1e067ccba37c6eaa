import { expect } from 'chai';
import { MemoryLevel } from 'memory-level';
import { NEVER } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import {
  blockStore,
  checkpointEvery,
  eachBlock,
  encodeBlock,
  kinesisRange,
  kinesisRanges,
  kinesisShard,
  kinesisStream,
  memoryBlocks,
  memoryCheckpoints,
  mergeShards,
  polling,
  readBudget,
  recoverFrom,
} from '../../lib/index.js';
import { levelBlocks } from '../../lib/level/index.js';
import { s3Blocks } from '../../lib/s3/index.js';
import { block } from '../../lib/testing/index.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { isInvalidConfig } from '../../lib/values/errors.js';

const client = fakeKinesis({ shards: {} });
const reading = { client, streamName: 'flights', startFrom: 'TRIM_HORIZON' } as const;
const range = {
  streamName: 's',
  shardId: '0',
  fromSeqNumber: '1',
  toSeqNumber: '2',
  fromSubSeqNumber: 0,
  toSubSeqNumber: 0,
  recordCount: 2,
};
/** Passes the compiler, as plain JavaScript would. */
const misspelt = { maxRetires: 1 } as object;

describe('a misspelt option is refused when the function is called', () => {
  const calls: Readonly<Record<string, () => unknown>> = {
    kinesisStream: () => kinesisStream({ ...reading, ...misspelt }),
    'kinesisStream, retry': () => kinesisStream({ ...reading, retry: misspelt }),
    kinesisShard: () => kinesisShard({ ...reading, shardId: '0', ...misspelt }),
    kinesisRange: () => kinesisRange(range, { client, ...misspelt }),
    kinesisRanges: () => kinesisRanges([range], { client, ...misspelt }),
    polling: () => polling(misspelt),
    readBudget: () => readBudget(misspelt),
    checkpointEvery: () => checkpointEvery(1_000, misspelt),
    recoverFrom: () => recoverFrom(memoryCheckpoints(), misspelt),
    mergeShards: () => mergeShards((shard) => shard, misspelt),
    'mergeShards, restart': () => mergeShards((shard) => shard, { restart: misspelt }),
    eachBlock: () => eachBlock(NEVER, misspelt),
    blockStore: () => blockStore('MEMORY_ONLY', misspelt),
    memoryBlocks: () => memoryBlocks(misspelt),
    encodeBlock: () => encodeBlock(block(1), misspelt),
    levelBlocks: () => levelBlocks(new MemoryLevel(), misspelt),
    s3Blocks: () => s3Blocks({ client: { send: () => Promise.reject(new Error()) }, bucket: 'b', ...misspelt }),
    leaseTable: () => leaseTable({ client: { send: () => Promise.reject(new Error()) }, tableName: 'flights-app', ...misspelt }),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => {
      expect(call)
        .to.throw(/maxRetires/)
        .and.to.satisfy(isInvalidConfig);
    });
  }

  it('so is a part of the wrong kind', () => {
    const wrong: ReadonlyArray<readonly [string, object]> = [
      ['reader', { reader: {} }],
      ['budget', { budget: {} }],
      ['scheduler', { scheduler: {} }],
      ['random', { random: 4 }],
      ['events', { events: {} }],
    ];
    for (const [name, part] of wrong) {
      expect(() => kinesisStream({ ...reading, ...part }), name)
        .to.throw(new RegExp(name))
        .and.to.satisfy(isInvalidConfig);
    }
  });
});
