/** What a pipeline has settled of one shard in about one interval. */
export interface SettledBatch {
  /** When the last block was settled, in ms. */
  readonly atMs: number;
  /** The records of the blocks. */
  readonly records: number;
  /** How long the pipeline was at work on them, in ms. Above 0. */
  readonly processingMs: number;
  /** How long the last block waited behind others before its work began, in ms. */
  readonly schedulingMs: number;
}

/** Estimates, from what was settled, how many records a second may be read of a shard. */
export interface RateEstimator {
  /** The least time between two estimates of a shard, in ms. */
  readonly intervalMs: number;
  /**
   * Called once for each shard. The function that it returns is called with each batch, and returns the new rate in records a second, above 0, or
   * `undefined` to keep the rate that holds; for anything else the shard errors with an `InvalidConfigError`. Pure: it takes the time from the batch.
   */
  start(): (batch: SettledBatch) => number | undefined;
}
