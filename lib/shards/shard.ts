import type { Observable } from 'rxjs';
import type { KinesisRecord } from '../values/record.js';
import type { HashKeyRange } from '../values/shard-id.js';

/**
 * One shard, as an Observable of its records in order.
 *
 * @remarks
 * Cold: reading begins with the subscription. Only one subscription at a time, since a shard has one account: `share()` it for
 * more. It completes when its end is read, when `stop` emits, and when the lease is lost. A new subscription after an error begins at the
 * watermark, that is, after the last record that is settled together with all before it; under `recoverFrom` it resumes after the last
 * delivered record.
 */
export interface Shard extends Observable<KinesisRecord> {
  /** The name of the stream, without account and region. */
  readonly streamName: string;
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** The shards that it was made from: none, one (split) or two (merge). */
  readonly parentShardIds: readonly string[];
  /** Its hash key range, decimal and inclusive; absent for a `kinesisShard` without the option. */
  readonly hashKeyRange?: HashKeyRange;
  /** With leases: a number that grows with every tenure of the shard, so that a sink can refuse writes of a former owner. */
  readonly fencingToken?: string;
  /**
   * Emits when the lease is lost, and when the stream is unsubscribed while the shard is still worked on, so that the lease is given up;
   * completes without emitting when the shard is released otherwise.
   */
  readonly leaseLost$: Observable<void>;
}
