import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { S3Client } from '@aws-sdk/client-s3';
import { metrics } from '@opentelemetry/api';
import { expect } from 'chai';
import { MemoryLevel } from 'memory-level';
import { runInNewContext } from 'node:vm';
import { EMPTY, NEVER } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import {
  blockStore,
  checkpointEvery,
  checkpointSuccessRate,
  deaggregate,
  processBlocks,
  eachBlock,
  encodeBlock,
  health,
  highErrorRate,
  kinesisRange,
  kinesisRanges,
  kinesisShard,
  kinesisStream,
  loadBlocks,
  memoryBlocks,
  memoryCheckpoints,
  mergeShards,
  polling,
  processingLag,
  readBudget,
  recordsProcessed,
  recoverFrom,
  recoveryRate,
  releaseBlocks,
  storeBlocks,
  stuckShards,
  throttleRate,
} from '../../lib/index.js';
import { exportMetrics } from '../../lib/opentelemetry/index.js';
import { levelBlocks } from '../../lib/level/index.js';
import { s3Blocks } from '../../lib/s3/index.js';
import { block } from '../../lib/testing/index.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

const client = fakeKinesis({ shards: {} });
const leasing = { client: { send: () => Promise.reject(new Error()) }, tableName: 'flights-app' };
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
const noMeter = metrics.getMeter('none');
/** Passes the compiler, as plain JavaScript would. */
const misspelt = { maxRetires: 1 } as object;

describe('a client of another service is refused when the function is called', () => {
  const at = { region: 'eu-west-1' };
  const kinesis = new KinesisClient(at);
  const dynamo = new DynamoDBClient(at);
  const calls: Readonly<Record<string, () => unknown>> = {
    kinesisStream: () => kinesisStream({ ...reading, client: dynamo }),
    kinesisRange: () => kinesisRange(range, { client: dynamo }),
    leaseTable: () => leaseTable({ ...leasing, client: kinesis }),
    s3Blocks: () => s3Blocks({ client: dynamo, bucket: 'flights' }),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => {
      const error = thrownBy(call);
      expect(error).to.satisfy(isInvalidConfig);
      expect(error)
        .to.have.property('message')
        .that.matches(/client: expected a client of \w+, got one of "(?:Kinesis|DynamoDB)"/);
    });
  }

  it('and one of the service is not, nor one that names none', () => {
    const unnamed = { ...leasing.client, config: {} };
    const made = [
      kinesisStream({ ...reading, client: kinesis }),
      leaseTable({ ...leasing, client: dynamo }),
      leaseTable({ ...leasing, client: unnamed }),
      s3Blocks({ client: new S3Client(at), bucket: 'flights' }),
    ];
    expect(made).to.have.length(4);
  });
});

/** The functions that take options, with what they cannot do without. */
const calls: Readonly<Record<string, (given: object) => unknown>> = {
  kinesisStream: (given) => kinesisStream({ ...given, ...reading }),
  'kinesisStream, retry': (given) => kinesisStream({ ...reading, retry: given }),
  kinesisShard: (given) => kinesisShard({ ...given, ...reading, shardId: '0' }),
  kinesisRange: (given) => kinesisRange(range, { ...given, client }),
  kinesisRanges: (given) => kinesisRanges([range], { ...given, client }),
  polling: (given) => polling(given),
  readBudget: (given) => readBudget(given),
  checkpointEvery: (given) => checkpointEvery(1_000, given),
  recoverFrom: (given) => recoverFrom(memoryCheckpoints(), given),
  mergeShards: (given) => mergeShards((shard) => shard, given),
  'mergeShards, restart': (given) => mergeShards((shard) => shard, { restart: given }),
  eachBlock: (given) => eachBlock(NEVER, given),
  deaggregate: (given) => deaggregate(given),
  processBlocks: (given) => processBlocks(() => NEVER, given),
  blockStore: (given) => blockStore('MEMORY_ONLY', given),
  memoryBlocks: (given) => memoryBlocks(given),
  encodeBlock: (given) => encodeBlock(block(1), given),
  levelBlocks: (given) => levelBlocks(new MemoryLevel(), given),
  s3Blocks: (given) => s3Blocks({ ...given, client: { send: () => Promise.reject(new Error()) }, bucket: 'b' }),
  storeBlocks: (given) => storeBlocks(memoryBlocks(), { ...given, shard: kinesisShard({ ...reading, shardId: '0' }) }),
  loadBlocks: (given) => loadBlocks(memoryBlocks(), { ...given, shard: kinesisShard({ ...reading, shardId: '0' }) }),
  releaseBlocks: (given) => releaseBlocks(memoryBlocks(), given),
  leaseTable: (given) => leaseTable({ ...given, ...leasing }),
  checkpointSuccessRate: (given) => checkpointSuccessRate(given),
  recoveryRate: (given) => recoveryRate(given),
  processingLag: (given) => processingLag(given),
  throttleRate: (given) => throttleRate({ ...given, service: 'kinesis' }),
  recordsProcessed: (given) => recordsProcessed(given),
  stuckShards: (given) => stuckShards({ ...given, maxAllowedLagMs: 1 }),
  highErrorRate: (given) => highErrorRate(given),
  health: (given) => health(NEVER, given),
  exportMetrics: (given) => exportMetrics(NEVER, noMeter, given),
};

describe('a misspelt option is refused when the function is called', () => {
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => {
      expect(() => call(misspelt))
        .to.throw(/maxRetires/)
        .and.to.satisfy(isInvalidConfig);
    });
  }
});

describe('an option that is undefined counts as absent', () => {
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => {
      const { message } = thrownBy(() => call(misspelt)) as Error;
      const options = /known are (.*)$/.exec(message)![1]!.split(', ');
      expect(() => call(Object.fromEntries(options.map((option) => [option, undefined])))).not.to.throw();
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
    stuckShards,
    throttleRate,
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
    processBlocks: (config) => processBlocks(() => NEVER, config),
    checkpointSuccessRate,
    recoveryRate,
    processingLag,
    recordsProcessed,
    highErrorRate,
    health: (config) => health(NEVER, config),
    exportMetrics: (config) => exportMetrics(NEVER, noMeter, config),
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
      .to.throw(/marbles: expected an object, got 4/)
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
    ['budget.spend', { budget: { acquire: () => EMPTY, forget: () => undefined } }],
    ['budget.forget', { budget: { acquire: () => EMPTY, spend: () => undefined } }],
    ['client.listShards', { client: { getRecords: () => EMPTY, getShardIterator: () => EMPTY } }],
    ['client.getShardIterator', { client: { getRecords: () => EMPTY, listShards: () => EMPTY } }],
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

  const clock = { now: () => 0 } as never;
  const shard = kinesisShard({ ...reading, shardId: '0' });
  const calls: Readonly<Record<string, readonly [part: RegExp, call: () => unknown]>> = {
    'a clock for the scheduler of kinesisStream': [/scheduler\.schedule/, () => kinesisStream({ ...reading, scheduler: clock })],
    'a clock for the scheduler of checkpointEvery': [/scheduler\.schedule/, () => checkpointEvery(1_000, { scheduler: clock })],
    'no function for the chance of checkpointEvery': [/random/, () => checkpointEvery(1_000, { random: 1 as never })],
    'a clock for the scheduler of eachBlock': [/scheduler\.schedule/, () => eachBlock(NEVER, { scheduler: clock })],
    'a clock for the scheduler of mergeShards': [/scheduler\.schedule/, () => mergeShards((shard) => shard, { scheduler: clock })],
    'a clock for the scheduler of recoverFrom': [/scheduler\.schedule/, () => recoverFrom(memoryCheckpoints(), { scheduler: clock })],
    'null for the scheduler of recoverFrom': [/scheduler\.now/, () => recoverFrom(memoryCheckpoints(), { scheduler: null as never })],
    'a clock for the scheduler of leaseTable': [/scheduler\.schedule/, () => leaseTable({ ...leasing, scheduler: clock })],
    'a clock for the scheduler of storeBlocks': [/scheduler\.schedule/, () => storeBlocks(memoryBlocks(), { shard, scheduler: clock })],
    'no function for the chance of storeBlocks': [/random/, () => storeBlocks(memoryBlocks(), { shard, random: 1 as never })],
    'a clock for the scheduler of loadBlocks': [/scheduler\.schedule/, () => loadBlocks(memoryBlocks(), { shard, scheduler: clock })],
    'a clock for the scheduler of releaseBlocks': [/scheduler\.schedule/, () => releaseBlocks(memoryBlocks(), { scheduler: clock })],
    'a clock for the scheduler of blockStore': [/scheduler\.schedule/, () => blockStore('MEMORY_ONLY', { scheduler: clock })],
    'a clock for the scheduler of a metric': [/scheduler\.schedule/, () => recordsProcessed({ scheduler: clock })],
    'a clock for the scheduler of stuckShards': [/scheduler\.schedule/, () => stuckShards({ maxAllowedLagMs: 1, scheduler: clock })],
    'a clock for the scheduler of health': [/scheduler\.schedule/, () => health(NEVER, { scheduler: clock })],
    'a clock for the scheduler of exportMetrics': [/scheduler\.schedule/, () => exportMetrics(NEVER, noMeter, { scheduler: clock })],
    'a window that is no multiple of its slots': [/windowMs.*multiple of everyMs/, () => recordsProcessed({ windowMs: 10, everyMs: 3 })],
    'a window of too many slots': [/windowMs.*up to 1000 times/, () => recordsProcessed({ windowMs: 1_001, everyMs: 1 })],
    'a window of no time': [/windowMs/, () => recordsProcessed({ windowMs: 0 })],
    'a slot of less than a millisecond': [/everyMs/, () => recordsProcessed({ windowMs: 1, everyMs: 0.5 })],
    'a negative threshold': [/threshold/, () => highErrorRate({ threshold: -1 })],
    'a threshold that no part is above': [/threshold: .* below 1, not per cent, got 1$/, () => highErrorRate({ threshold: 1 })],
    'a threshold per cent': [/threshold: .* below 1, not per cent, got 5$/, () => highErrorRate({ threshold: 5 })],
    'no lag': [/maxAllowedLagMs/, () => stuckShards({ maxAllowedLagMs: 0 })],
    'another service': [/service/, () => throttleRate({ service: 's3' as never })],
    'a number for a stream name': [/streamName/, () => kinesisStream({ ...reading, streamName: 5 as never })],
    'what looks like a stream name': [/streamName/, () => kinesisStream({ ...reading, streamName: ['flights'] as never })],
  };
  for (const [what, [part, call]] of Object.entries(calls)) {
    it(`such as ${what}`, () => {
      expect(call).to.throw(part).and.to.satisfy(isInvalidConfig);
    });
  }
});

describe('the message about a value that is refused is one short line', () => {
  const hostile: Readonly<Record<string, unknown>> = {
    'ten megabytes': 'x'.repeat(10_000_000),
    'lines of a log': 'flights\n\u001b[31mERROR all is lost',
    'an object that throws': {
      toString: () => {
        throw new Error('mine');
      },
      toJSON: () => {
        throw new Error('mine');
      },
    },
    'an object that refers to itself': Object.assign([], { 0: [] }),
    'a symbol': Symbol('x'),
  };
  const calls: Readonly<Record<string, (value: never) => unknown>> = {
    streamName: (streamName) => kinesisStream({ ...reading, streamName }),
    streamARN: (streamARN) => kinesisStream({ client, startFrom: 'LATEST', streamARN }),
    startFrom: (startFrom) => kinesisStream({ ...reading, startFrom }),
    onGap: (onGap) => kinesisStream({ ...reading, onGap }),
    deaggregate: (deaggregate) => kinesisStream({ ...reading, deaggregate }),
    maxInFlightRecords: (maxInFlightRecords) => kinesisStream({ ...reading, maxInFlightRecords }),
    requestTimeoutMs: (requestTimeoutMs) => kinesisStream({ ...reading, requestTimeoutMs }),
    intervalMs: (intervalMs) => checkpointEvery(intervalMs),
    outOfRange: (outOfRange) => deaggregate({ outOfRange }),
    startingHashKey: (startingHashKey) => deaggregate({ hashKeyRange: { startingHashKey, endingHashKey: '5' } }),
    level: (level) => blockStore(level),
    service: (service) => throttleRate({ service }),
    windowMs: (windowMs) => recordsProcessed({ windowMs }),
    threshold: (threshold) => highErrorRate({ threshold }),
    tableName: (tableName) => leaseTable({ ...leasing, tableName }),
    workerId: (workerId) => leaseTable({ ...leasing, workerId: [workerId] as never }),
    cleanUp: (cleanUp) => leaseTable({ ...leasing, cleanUp }),
    'a whole config': (config) => polling(config),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => {
      for (const [what, value] of Object.entries(hostile)) {
        const error = thrownBy(() => call(value as never));
        expect(error, what).to.satisfy(isInvalidConfig);
        expect((error as Error).message.length, what).to.be.below(300);
        expect((error as Error).message, what).to.match(/^[ -~]+$/);
      }
    });
  }
});
