import type { Observable } from 'rxjs';
import type { KinesisRecord } from '../values/record.js';
import type { HashKeyRange } from '../values/shard-id.js';

/**
 * One shard, as an Observable of its records in order.
 *
 * @remarks
 * Cold: reading begins with the subscription. One subscription at a time, since a shard has one account: `share()` it for
 * more. Completes when the shard's end is read, when `stop` fires and when the lease is
 * lost. Subscribed again after an error it begins at its watermark, that is after the last record that is settled together
 * with all before it; under `recoverFrom` it goes on after the last delivered one.
 */
export interface Shard extends Observable<KinesisRecord> {
  readonly streamName: string;
  readonly shardId: string;
  /** The shards it came from: none, one (split) or two (merge). */
  readonly parentShardIds: readonly string[];
  /** The hash keys it holds, decimal and inclusive; unknown for a `kinesisShard` that was not given them. */
  readonly hashKeyRange?: HashKeyRange;
  /** With leases: grows with every tenure of the shard, so that a sink can refuse writes of a former owner. */
  readonly fencingToken?: string;
  /** Emits when another worker has taken the shard; completes without emitting when the shard's life here ends otherwise. */
  readonly leaseLost$: Observable<void>;
}
