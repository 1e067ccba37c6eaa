export { block } from './block.js';
export { fakeKinesis, type FakeKinesis } from './fakeKinesis.js';
export type { FakeCall, KinesisMethod } from './fake-calls.js';
export type { FakeFault } from './fake-faults.js';
export type { FakeRecord, FakeScript, FakeShardScript, FakeTrim, TrimmedReads } from './fake-script.js';
export { marbles, type MarbleHelpers, type MarblesConfig } from './marbles.js';
export { record } from './record.js';
export type { ShardName } from './shard-name.js';
