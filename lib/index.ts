// Values
export type { KinesisRecord, RecordFields } from './values/record.js';
export { comparePositions, type InitialPosition, type Position } from './values/position.js';
export { mergeAdjacentRanges, type RangeToRead, type SequenceNumberRange, type SequenceNumberRangesJson } from './values/sequence-range.js';
export { SequenceNumberRanges } from './values/ranges-json.js';
export { blockId, makeBlock, type Block } from './values/block.js';

// Sources
export { kinesisStream, type KinesisStreamConfig } from './sources/kinesisStream.js';
export { kinesisShard, type KinesisShardConfig } from './sources/kinesisShard.js';
export { kinesisRange, type KinesisRangeConfig } from './sources/kinesisRange.js';
export { kinesisRanges, type KinesisRangesConfig } from './sources/kinesisRanges.js';
export {
  planRecovery,
  type PlannedPass,
  type PlanRecoveryConfig,
  type RecoveryCost,
  type RecoveryPlan,
  type ShardRecoveryPlan,
} from './recovery/planRecovery.js';
export type { AskedRanges } from './readers/asked-ranges.js';
export type { ShardReadingConfig, ShardReadingOptions, StartPosition } from './shards/config.js';
export type { Shard } from './shards/shard.js';

// Readers, and what they read with
export { polling, type PollingConfig } from './readers/polling.js';
export type { IdleDelayConfig } from './readers/idle-pauses.js';
export { pid, type PidConfig } from './rates/pid.js';
export type { RateEstimator, SettledBatch } from './rates/rate-estimator.js';
export { fanOut, type FanOutConfig } from './readers/fanOut.js';
export { readBudget, type ReadBudget, type ReadBudgetConfig } from './kinesis/read-budget.js';
export type { RetryConfig, RetryPolicy } from './kinesis/retry.js';
export type { ResolvedStream, StreamByARN, StreamByName, StreamConfig } from './kinesis/stream-id.js';
export type { KinesisClientLike } from './kinesis/sdk-port.js';
export type { WatchedCall } from './kinesis/watched-port.js';
export type { PayloadPlacement } from './kinesis/wire/page-payloads.js';
export type { WireConfig } from './kinesis/wire/wire-config.js';
export type { WireFormat } from './kinesis/wire/wire-format.js';
export type {
  GetRecordsPage,
  GetRecordsRequest,
  GetShardIteratorRequest,
  KinesisPort,
  ListShardsPage,
  ListShardsRequest,
  PortChildShard,
  PortRecord,
  PortShard,
  StreamId,
} from './kinesis/port.js';
export type {
  ConsumerId,
  FanOutPort,
  PortConsumer,
  RegisterStreamConsumerRequest,
  ShardSubscription,
  StartingPosition,
  StreamSummary,
  SubscribeToShardEvent,
  SubscribeToShardRequest,
} from './kinesis/fan-out-port.js';

// Operators
export { withSequenceRanges } from './operators/withSequenceRanges.js';
export { blockPerPage, type BlockPerPageConfig } from './operators/blockPerPage.js';
export { blockWithin, type BlockWithinConfig } from './operators/blockWithin.js';
export { checkpointEvery, type CheckpointEveryConfig } from './operators/checkpointEvery.js';
export { recoverFrom, type Recovered, type RecoverFromConfig } from './operators/recoverFrom.js';
export { mergeShards, type MergeShardsConfig, type RestartConfig } from './operators/mergeShards.js';
export { processBlocks, type ProcessBlocksConfig } from './operators/processBlocks.js';
export type { BlockFailure } from './operators/part-handling.js';
export { deaggregate, type DeaggregateConfig } from './operators/deaggregate.js';
export type { AggregateConfig, AggregateProblem, OutOfRangePolicy } from './kinesis/aggregation/config.js';
export { storeBlocks, type StoreBlocksConfig } from './operators/storeBlocks.js';
export { loadBlocks, type LoadBlocksConfig } from './operators/loadBlocks.js';
export { releaseBlocks, type ReleaseBlocksConfig } from './operators/releaseBlocks.js';
export { eachBlock, type EachBlockConfig } from './operators/eachBlock.js';

// Stores
export type { Checkpoint, CheckpointStore, LeasableShard, Lease, LeaseNews, LeasingStore } from './checkpoints/checkpoint-store.js';
export { memoryCheckpoints } from './checkpoints/memoryCheckpoints.js';

export type { BlockStore } from './blocks/block-store.js';
export type { StoredBlock } from './blocks/stored-block.js';
export { blockStore, type BlockStoreConfig } from './blocks/blockStore.js';
export { memoryBlocks, type MemoryBlocksConfig } from './blocks/memoryBlocks.js';
export { decodeBlock, encodeBlock, type EncodeBlockConfig } from './blocks/block-codec.js';
export type { StorageLevel } from './blocks/storage-level.js';

// Monitoring
export type * from './monitoring/events.js';
export type { EventLevel } from './monitoring/levels.js';
export { logEvents, type EventLogger, type LogEventsConfig } from './monitoring/logEvents.js';
export type * from './monitoring/block-events.js';
export type * from './monitoring/lease-events.js';
export type { ShardEvent, StreamEvent, TimedEvent } from './monitoring/timed-event.js';
export type { WindowConfig } from './monitoring/window-config.js';
export { checkpointSuccessRate } from './monitoring/checkpointSuccessRate.js';
export { recoveryRate } from './monitoring/recoveryRate.js';
export { processingLag } from './monitoring/processingLag.js';
export { throttleRate, type ThrottleRateConfig } from './monitoring/throttleRate.js';
export { recordsProcessed } from './monitoring/recordsProcessed.js';
export { perShard, type ShardFigure } from './monitoring/perShard.js';
export type { Alert } from './monitoring/alert.js';
export { stuckShards, type StuckShardsConfig } from './monitoring/stuckShards.js';
export { highErrorRate, type HighErrorRateConfig } from './monitoring/highErrorRate.js';
export { shareAlerts } from './monitoring/shareAlerts.js';
export { pauseWhen } from './operators/pauseWhen.js';
export { stopWhen } from './monitoring/stopWhen.js';
export { health, type Health, type HealthConfig } from './monitoring/health.js';

// Errors
export { rawErrorOf } from './internal/aws-fault.js';
export {
  InvalidConfigError,
  InvalidValueError,
  isInvalidConfig,
  isInvalidValue,
  isRxKinesisError,
  isUnreachable,
  RxKinesisError,
  type Fault,
  type RxKinesisErrorCode,
  UnreachableError,
} from './values/errors.js';
export { isStopTimeout, isStreamRecreated, StopTimeoutError, StreamRecreatedError, type OpenWork } from './shards/errors.js';
export { isOutOfOrder, OutOfOrderError } from './ledger/errors.js';
export { BlockStoreError, BlockUnavailableError, isBlockStoreError, isBlockUnavailable, type BlockStoreFault } from './blocks/errors.js';
export {
  CheckpointError,
  ForeignCheckpointError,
  isCheckpointError,
  isForeignCheckpoint,
  isLeaseLost,
  LeaseLostError,
} from './checkpoints/errors.js';
export {
  isRangeExpired,
  isRangeIncomplete,
  isRecoveryTimeout,
  isShardReadError,
  RangeExpiredError,
  RangeIncompleteError,
  RecoveryTimeoutError,
  ShardReadError,
  type Gap,
} from './kinesis/errors.js';
export type { KinesisConfig } from './readers/config.js';
export type { GapPolicy, ReadContext, ReadStart, Reader, ShardPage } from './readers/reader.js';
export type { HashKeyRange, ShardIdentity } from './values/shard-id.js';
