export { aggregate, type AggregateRecord } from './kinesis/aggregate.js';
export { block } from './block.js';
export { fakeKinesis, type FakeKinesis } from './kinesis/fakeKinesis.js';
export type { FakeCall, KinesisMethod } from './kinesis/fake-calls.js';
export type { FakeFault } from './kinesis/fake-faults.js';
export type { FakeRecord, FakeScript, FakeShardScript, FakeTrim, TrimmedReads } from './kinesis/fake-script.js';
export { marbles, type MarbleHelpers, type MarblesConfig } from './marbles/marbles.js';
export { record } from './record.js';
export type { ShardName } from './shard-name.js';
