import type { Observable } from 'rxjs';
import type { PortChildShard } from '../kinesis/port.js';
import type { Outcome } from './shard-graph.js';
import type { ResolvedShardConfig } from './config.js';

/** What a shard's life depends on, and whom it tells. */
export interface LifeContext {
  readonly reading: ResolvedShardConfig;
  readonly firstSeenMs: number;
  /** Emits, once, when shards are to complete; replays to those who come later. */
  readonly stop$: Observable<unknown>;
  /** Told what a shard became, as soon as its end is read. */
  readonly announce: (children: readonly PortChildShard[]) => void;
  /** Told when children may start. */
  readonly finish: (outcome: Outcome) => void;
}
