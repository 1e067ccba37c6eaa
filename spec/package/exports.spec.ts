import { expect } from 'chai';
import * as dynamodb from '../../lib/dynamodb/index.js';
import * as root from '../../lib/index.js';
import * as level from '../../lib/level/index.js';
import * as opentelemetry from '../../lib/opentelemetry/index.js';
import * as s3 from '../../lib/s3/index.js';
import * as testing from '../../lib/testing/index.js';
import { node } from '../support/exec.js';
import { packed, type Manifest, type Packed } from '../support/packed.js';

/** Every value that each entry point exports. A new name here is a promise to users; a missing one is a breaking change. */
const exported: Readonly<Record<string, readonly string[]>> = {
  'rx-kinesis': [
    'comparePositions',
    'mergeAdjacentRanges',
    'SequenceNumberRanges',
    'blockId',
    'makeBlock',
    'kinesisStream',
    'kinesisShard',
    'kinesisRange',
    'kinesisRanges',
    'planRecovery',
    'polling',
    'pid',
    'blockPerPage',
    'blockWithin',
    'fanOut',
    'readBudget',
    'withSequenceRanges',
    'checkpointEvery',
    'recoverFrom',
    'mergeShards',
    'processBlocks',
    'deaggregate',
    'eachBlock',
    'memoryCheckpoints',
    'blockStore',
    'storeBlocks',
    'loadBlocks',
    'releaseBlocks',
    'memoryBlocks',
    'encodeBlock',
    'decodeBlock',
    'BlockStoreError',
    'BlockUnavailableError',
    'CheckpointError',
    'InvalidConfigError',
    'InvalidValueError',
    'LeaseLostError',
    'OutOfOrderError',
    'RangeExpiredError',
    'RangeIncompleteError',
    'RecoveryTimeoutError',
    'RxKinesisError',
    'ShardReadError',
    'isBlockStoreError',
    'isBlockUnavailable',
    'isCheckpointError',
    'isInvalidConfig',
    'isInvalidValue',
    'isLeaseLost',
    'isOutOfOrder',
    'isRangeExpired',
    'isRangeIncomplete',
    'isRecoveryTimeout',
    'isRxKinesisError',
    'isShardReadError',
    'ForeignCheckpointError',
    'StopTimeoutError',
    'StreamRecreatedError',
    'UnreachableError',
    'isForeignCheckpoint',
    'isStopTimeout',
    'isStreamRecreated',
    'isUnreachable',
    'logEvents',
    'checkpointSuccessRate',
    'recoveryRate',
    'processingLag',
    'throttleRate',
    'recordsProcessed',
    'perShard',
    'stuckShards',
    'highErrorRate',
    'shareAlerts',
    'pauseWhen',
    'stopWhen',
    'health',
    'rawErrorOf',
  ],
  'rx-kinesis/dynamodb': ['fairAssignment', 'kclAssignment', 'leaseTable'],
  'rx-kinesis/level': ['levelBlocks', 'levelCheckpoints'],
  'rx-kinesis/opentelemetry': ['exportMetrics'],
  'rx-kinesis/s3': ['s3Blocks'],
  'rx-kinesis/testing': ['aggregate', 'block', 'fakeKinesis', 'fakeLeases', 'marbles', 'record'],
};

/** The same entry points in lib/. Loading them all also makes the coverage count files that no other spec reaches. */
const sources: Readonly<Record<string, object>> = {
  'rx-kinesis': root,
  'rx-kinesis/dynamodb': dynamodb,
  'rx-kinesis/level': level,
  'rx-kinesis/opentelemetry': opentelemetry,
  'rx-kinesis/s3': s3,
  'rx-kinesis/testing': testing,
};

describe('the entry points', () => {
  let pack: Packed;

  before(async function () {
    this.timeout(240_000);
    pack = await packed();
  });

  it('are those listed here', () => {
    const entries = Object.keys(pack.manifest.exports).filter((entry) => entry !== './package.json');
    expect(entries.map((entry) => `rx-kinesis${entry.slice(1)}`)).to.have.members(Object.keys(exported));
  });

  it('put types first, and import before require', () => {
    for (const [entry, conditions] of conditionsOf(pack.manifest)) {
      expect(Object.keys(conditions), entry).to.deep.equal(['import', 'require']);
      for (const files of Object.values(conditions)) expect(Object.keys(files), entry).to.deep.equal(['types', 'default']);
    }
  });

  for (const [name, names] of Object.entries(exported)) {
    it(`export from ${name}, as an ES module, exactly the expected names`, async () => {
      const script = `console.log(JSON.stringify(Object.keys(await import('${name}'))))`;
      expect(await namesFrom(['--input-type=module', '-e', script])).to.have.members(names);
    });

    it(`export from ${name}, as CommonJS, exactly the expected names`, async () => {
      const script = `console.log(JSON.stringify(Object.keys(require('${name}'))))`;
      expect(await namesFrom(['--input-type=commonjs', '-e', script])).to.have.members(names);
    });

    it(`export from the sources of ${name} exactly the expected names`, () => {
      expect(Object.keys(sources[name]!)).to.have.members(names);
    });
  }

  it('know the errors of their other build by their brand', async () => {
    const script = `
      import { createRequire } from 'node:module';
      import { isInvalidConfig } from 'rx-kinesis';
      const { InvalidConfigError } = createRequire(import.meta.url)('rx-kinesis');
      console.log(JSON.stringify([isInvalidConfig(new InvalidConfigError('x')), isInvalidConfig(new Error('x'))]));`;
    expect(JSON.parse(await node(['--input-type=module', '-e', script], pack.project))).to.deep.equal([true, false]);
  });

  async function namesFrom(args: string[]): Promise<string[]> {
    return JSON.parse(await node(args, pack.project)) as string[];
  }
});

function conditionsOf(manifest: Manifest): [string, Readonly<Record<string, Readonly<Record<string, string>>>>][] {
  return Object.entries(manifest.exports).flatMap(([entry, target]) => (typeof target === 'string' ? [] : [[entry, target]]));
}
