import type { LeaseNews } from '../checkpoints/checkpoint-store.js';
import { assertOwn } from '../checkpoints/own-checkpoint.js';
import { SHARD_END } from '../values/position.js';
import type { ShardGraph } from './shard-graph.js';

type EndedNews = Extract<LeaseNews, { readonly type: 'ended' }>;

/** How many listings must show a shard as open that is said to have ended: the first may show it as it was shortly before. */
const LISTINGS = 2;

/**
 * Finishes the shards in the graph that other workers have read to their end, once it is sure that the rows that say so are of these shards.
 *
 * @remarks
 * A stream that was deleted and made again has shards of the same names, and a table may be another stream's. A row of this package tells where its
 * shard begins; for a row of KCL, a listing must show the shard as closed.
 */
export class EndsElsewhere {
  readonly #streamName: string;
  readonly #graph: ShardGraph;
  /** The shards that are listed as open, and how many more listings are waited for. */
  readonly #unconfirmed = new Map<string, number>();

  constructor(streamName: string, graph: ShardGraph) {
    this.#streamName = streamName;
    this.#graph = graph;
  }

  /** Notes that a shard has ended; returns whether only another listing shows what follows. @throws ForeignCheckpointError */
  note(news: EndedNews): boolean {
    const { shardId, shardStart } = news;
    if (shardStart === undefined && this.#isOpen(shardId)) {
      this.#unconfirmed.set(shardId, LISTINGS);
      return true;
    }
    this.#finish(news);
    return !this.#graph.hasChildren(shardId);
  }

  /** Notes that the graph has a new listing. @throws ForeignCheckpointError */
  noteListing(): void {
    for (const [shardId, listings] of this.#unconfirmed) {
      if (listings > 1 && this.#isOpen(shardId)) this.#unconfirmed.set(shardId, listings - 1);
      else {
        this.#unconfirmed.delete(shardId);
        this.#finish({ shardId });
      }
    }
  }

  #isOpen(shardId: string): boolean {
    return this.#graph.get(shardId)?.closed === false;
  }

  #finish({ shardId, shardStart }: Omit<EndedNews, 'type'>): void {
    const shard = this.#graph.get(shardId);
    if (!shard) return;
    const identity = { ...shard, streamName: this.#streamName };
    const end = { streamName: this.#streamName, shardId, sequenceNumber: SHARD_END, subSequenceNumber: 0 };
    assertOwn({ ...end, ...(shardStart !== undefined && { shardStart }) }, identity, shard.closed, shard.startingSequenceNumber);
    this.#graph.finish(shardId, 'resumed');
  }
}
