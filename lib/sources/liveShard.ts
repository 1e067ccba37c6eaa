import { defer, type Observable } from 'rxjs';
import type { ReadyShard } from '../kinesis/shard-graph.js';
import type { Shard } from '../kinesis/shard.js';
import { ShardLife, type LifeContext } from './shard-life.js';

/**
 * The life of one shard: taken, emitted and read, drained, then ended, stopped or lost, and released.
 *
 * @remarks Emits the shard once, unless it is done already. Completes when its life is over and its last checkpoint is written.
 */
export function liveShard(ready: ReadyShard, context: LifeContext): Observable<Shard> {
  return defer(() => new ShardLife(ready, context).run());
}
