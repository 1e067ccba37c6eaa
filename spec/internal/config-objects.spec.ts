import { expect } from 'chai';
import { MemoryLevel } from 'memory-level';
import { runInNewContext } from 'node:vm';
import { NEVER } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import {
  blockStore,
  checkpointEvery,
  deaggregate,
  eachBlock,
  encodeBlock,
  kinesisRange,
  kinesisRanges,
  kinesisShard,
  kinesisStream,
  loadBlocks,
  memoryBlocks,
  memoryCheckpoints,
  mergeShards,
  polling,
  readBudget,
  recoverFrom,
  releaseBlocks,
  storeBlocks,
} from '../../lib/index.js';
import { levelBlocks } from '../../lib/level/index.js';
import { s3Blocks } from '../../lib/s3/index.js';
import { block } from '../../lib/testing/index.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
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
    deaggregate: () => deaggregate(misspelt),
    blockStore: () => blockStore('MEMORY_ONLY', misspelt),
    memoryBlocks: () => memoryBlocks(misspelt),
    encodeBlock: () => encodeBlock(block(1), misspelt),
    levelBlocks: () => levelBlocks(new MemoryLevel(), misspelt),
    s3Blocks: () => s3Blocks({ client: { send: () => Promise.reject(new Error()) }, bucket: 'b', ...misspelt }),
    storeBlocks: () => storeBlocks(memoryBlocks(), { shard: kinesisShard({ ...reading, shardId: '0' }), ...misspelt }),
    loadBlocks: () => loadBlocks(memoryBlocks(), { shard: kinesisShard({ ...reading, shardId: '0' }), ...misspelt }),
    releaseBlocks: () => releaseBlocks(memoryBlocks(), misspelt),
    leaseTable: () => leaseTable({ client: { send: () => Promise.reject(new Error()) }, tableName: 'flights-app', ...misspelt }),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => {
      expect(call)
        .to.throw(/maxRetires/)
        .and.to.satisfy(isInvalidConfig);
    });
  }
});

/** What a caller in plain JavaScript may give in place of a config. */
const NO_CONFIGS: Readonly<Record<string, unknown>> = {
  'a number': 4,
  'a text': 'fast',
  true: true,
  null: null,
  'an array': [1],
  'a function': () => ({}),
  'a Date': new Date(0),
  'a Map': new Map(),
};
/** In place of a config without which a function cannot do: also nothing at all. */
const NO_REQUIRED_CONFIGS = { nothing: undefined, ...NO_CONFIGS };

describe('what is no config is refused when the function is called', () => {
  const required: Readonly<Record<string, (config: never) => unknown>> = {
    kinesisStream,
    kinesisShard,
    kinesisRange: (config) => kinesisRange(range, config),
    kinesisRanges: (config) => kinesisRanges([range], config),
    leaseTable,
    s3Blocks,
    storeBlocks: (config) => storeBlocks(memoryBlocks(), config),
    loadBlocks: (config) => loadBlocks(memoryBlocks(), config),
  };
  const optional: Readonly<Record<string, (config: never) => unknown>> = {
    polling,
    readBudget,
    blockStore: (config) => blockStore('MEMORY_ONLY', config),
    memoryBlocks,
    encodeBlock: (config) => encodeBlock(block(1), config),
    levelBlocks: (config) => levelBlocks(new MemoryLevel(), config),
    releaseBlocks: (config) => releaseBlocks(memoryBlocks(), config),
    checkpointEvery: (config) => checkpointEvery(1_000, config),
    recoverFrom: (config) => recoverFrom(memoryCheckpoints(), config),
    mergeShards: (config) => mergeShards((shard) => shard, config),
    'mergeShards, restart': (config) => mergeShards((shard) => shard, { restart: config }),
    'kinesisStream, retry': (config) => kinesisStream({ ...reading, retry: config }),
    eachBlock: (config) => eachBlock(NEVER, config),
    deaggregate,
  };
  const refuses = (call: (config: never) => unknown, given: Readonly<Record<string, unknown>>) => {
    for (const [what, config] of Object.entries(given)) {
      expect(() => call(config as never), what)
        .to.throw(/expected an object, got (?!\[object)./)
        .and.to.satisfy(isInvalidConfig);
    }
  };
  for (const [name, call] of Object.entries(required)) it(name, () => refuses(call, NO_REQUIRED_CONFIGS));
  for (const [name, call] of Object.entries(optional)) {
    it(name, () => {
      refuses(call, NO_CONFIGS);
      expect(() => call(undefined as never)).not.to.throw();
    });
  }

  it('names the part that is none', () => {
    expect(() => kinesisStream({ ...reading, retry: 3 as never })).to.throw('retry: expected an object, got 3');
    expect(() => mergeShards((shard) => shard, { restart: 5 as never })).to.throw('restart: expected an object, got 5');
    expect(() => mergeShards((shard) => shard, 4 as never)).to.throw('config: expected an object, got 4');
  });

  it('of the fakes and marbles too', () => {
    for (const script of [undefined, null, 4, 'ab', {}]) {
      expect(() => fakeKinesis(script as never), JSON.stringify(script))
        .to.throw(/fakeKinesis: expected a script with shards/)
        .and.to.satisfy(isInvalidConfig);
    }
    expect(() => marbles(() => undefined, 4 as never))
      .to.throw(/marbles: expected a config .* got 4/)
      .and.to.satisfy(isInvalidConfig);
  });

  it('but an object of a class is taken, and one of another realm', () => {
    class Settings {
      readonly maxRecordsPerPage = 5;
    }
    expect(() => polling(new Settings())).not.to.throw();
    expect(() => polling(runInNewContext('({ maxRecordsPerPage: 5 })') as object)).not.to.throw();
  });
});

describe('a part of the wrong kind is refused when the function is called', () => {
  const wrong: ReadonlyArray<readonly [string, object]> = [
    ['reader', { reader: {} }],
    ['budget', { budget: {} }],
    ['scheduler', { scheduler: {} }],
    ['random', { random: 4 }],
    ['events', { events: {} }],
  ];
  for (const [name, part] of wrong) {
    it(name, () => {
      expect(() => kinesisStream({ ...reading, ...part }))
        .to.throw(new RegExp(name))
        .and.to.satisfy(isInvalidConfig);
    });
  }
});
