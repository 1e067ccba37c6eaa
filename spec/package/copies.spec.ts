import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { node } from '../support/exec.js';
import { packed, type Packed } from '../support/packed.js';

/**
 * A pipeline of which each step is from one of two copies: `E`, the ES module, or `C`, CommonJS. Reading fails once with a record in the
 * buffer. Prints the blocks, the events that matter, and what the store holds in the end.
 */
const script = `
import { createRequire } from 'node:module';
import { bufferCount, concatMap, of, tap } from 'rxjs';
import * as E from 'rx-kinesis';
import { fakeKinesis } from 'rx-kinesis/testing';
const C = createRequire(import.meta.url)('rx-kinesis');
if (E.kinesisStream === C.kinesisStream) throw new Error('one copy only');
const [source, merging, ranging, recovering, checkpointing] = [...process.argv[2]].map((copy) => ({ E, C })[copy]);

const client = fakeKinesis({ shards: { 0: 'abcde|' }, latencyMs: 0, maxRecordsPerPage: 1 });
// When record c has been read and waits in the buffer, the next read fails.
const watch = ({ type, reason }) => {
  if (type === 'pageRead' && client.callsOf('getRecords').length === 3) client.fail({ method: 'getRecords', error: 'InternalFailure' });
  if (['recovered', 'shardRestarted', 'shardReleased', 'pipelineCompleted'].includes(type)) seen.push(reason ? type + ' ' + reason : type);
};
const store = source.memoryCheckpoints();
const seen = [];
source.kinesisStream({
  ...{ client, streamName: 'stream', startFrom: 'TRIM_HORIZON', store, retry: { maxRetries: 0 } },
  budget: source.readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
  reader: source.polling({ idleDelayMs: 5 }),
  events: { next: watch },
}).pipe(
  merging.mergeShards((shard) => shard.pipe(
    bufferCount(2),
    ranging.withSequenceRanges(),
    recovering.recoverFrom(),
    concatMap((block) => of(block)),
    tap(({ records, recovered }) => seen.push(records.map(({ sequenceNumber }) => sequenceNumber).join() + (recovered ? ' again' : ''))),
    checkpointing.checkpointEvery(20),
  )),
).subscribe({ error: (error) => console.log(JSON.stringify(['error', error.message])) });

// A stream has no end: its only shard does.
const look = setInterval(() => {
  if (!seen.some((line) => line.startsWith('shardReleased'))) return;
  clearInterval(look);
  store.read({ streamName: 'stream', shardId: 'shardId-000000000000' }).subscribe((checkpoint) => {
    console.log(JSON.stringify([...seen, checkpoint?.sequenceNumber]));
    process.exit();
  });
}, 10);
`;

/** The ES module writes the later checkpoint of a shard, CommonJS an earlier one, at the same time. Prints what became of both, and what is stored. */
const levelScript = `
import { createRequire } from 'node:module';
import { lastValueFrom } from 'rxjs';
import * as E from 'rx-kinesis/level';
const C = createRequire(import.meta.url)('rx-kinesis/level');
if (E.levelCheckpoints === C.levelCheckpoints) throw new Error('one copy only');
const entries = new Map();
const later = (work) => new Promise((resolve) => setTimeout(() => resolve(work()), 5));
const db = { get: (key) => later(() => entries.get(key)), put: (key, value) => later(() => entries.set(key, value)) };
const shard = { streamName: 'stream', shardId: 'shardId-000000000000', parentShardIds: [] };
const { streamName, shardId } = shard;
const write = ({ levelCheckpoints }, sequenceNumber) =>
  lastValueFrom(levelCheckpoints(db).write({ streamName, shardId, sequenceNumber, subSequenceNumber: 0 }, shard), { defaultValue: 0 });
const outcomes = await Promise.allSettled([write(E, '7'), write(C, '6')]);
const stored = await lastValueFrom(E.levelCheckpoints(db).read(shard));
console.log(JSON.stringify([...outcomes.map(({ status }) => status), stored.sequenceNumber]));
`;

describe('two copies of the package in one process', function () {
  this.timeout(240_000);
  let pack: Packed;
  let file: string;

  before(async () => {
    pack = await packed();
    file = join(pack.project, 'copies.mjs');
    await writeFile(file, script);
  });

  it('let the writes to one level database wait for one another, so that no checkpoint goes back', async () => {
    const levelFile = join(pack.project, 'level-copies.mjs');
    await writeFile(levelFile, levelScript);
    expect(JSON.parse(await node([levelFile], pack.project))).to.deep.equal(['fulfilled', 'rejected', '7']);
  });

  for (const copies of ['EEEEE', 'ECCCC', 'CEEEE', 'ECECE', 'EEEEC']) {
    it(`know each other's shards, records and blocks: ${copies}`, async () => {
      const seen = JSON.parse(await node([file, copies], pack.project)) as unknown[];
      expect(seen).to.deep.equal(['1,2', '3 again', 'recovered', '4,5', 'shardReleased ended', 'SHARD_END']);
    });
  }
});
