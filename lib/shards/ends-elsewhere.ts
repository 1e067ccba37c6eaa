import type { LeaseNews } from '../checkpoints/checkpoint-store.js';
import { assertOwn } from '../checkpoints/own-checkpoint.js';
import { SHARD_END } from '../values/position.js';
import type { ResolvedShardConfig } from './config.js';
import type { ShardGraph } from './shard-graph.js';

type EndedNews = Extract<LeaseNews, { readonly type: 'ended' }>;

/** For how long after its end was told listings may show a shard as open all the same, as it was before. */
const LONGEST_LAG_MS = 30_000;
/** How long after a listing that shows a shard as open the next one comes at the latest: its children wait. */
const RECHECK_MS = 5_000;

/**
 * Finishes the shards in the graph that other workers have read to their end, once it is sure that the rows that say so are of these shards.
 *
 * @remarks
 * A stream that was deleted and made again has shards of the same names, and a table may be another stream's. A row of this package tells where its
 * shard begins; for a row of KCL, a listing must show the shard as closed. One that still shows it as open proves something only if it began a while after
 * the end was told: each end asks for a listing at once, so many of them may come in one moment.
 */
export class EndsElsewhere {
  readonly #graph: ShardGraph;
  readonly #config: Pick<ResolvedShardConfig, 'scheduler' | 'stream'>;
  /** When the present listing began. */
  #begunAtMs = 0;
  /** The shards that are listed as open, and when their ends were told. */
  readonly #unconfirmed = new Map<string, number>();

  constructor(graph: ShardGraph, config: Pick<ResolvedShardConfig, 'scheduler' | 'stream'>) {
    this.#graph = graph;
    this.#config = config;
  }

  /** When the shards are listed again, in ms after the last listing. @param discoveryIntervalMs - when no listing is waited for. */
  relistMs(discoveryIntervalMs: number): number {
    return this.#unconfirmed.size > 0 ? Math.min(RECHECK_MS, discoveryIntervalMs) : discoveryIntervalMs;
  }

  /** Notes that a shard has ended; returns whether only another listing shows what follows. @throws ForeignCheckpointError */
  note(news: EndedNews): boolean {
    const { shardId, shardStart } = news;
    if (shardStart === undefined && this.#isOpen(shardId)) {
      this.#unconfirmed.set(shardId, this.#config.scheduler.now());
      return true;
    }
    this.#finish(news);
    return !this.#graph.hasChildren(shardId);
  }

  /** Notes that a listing is asked for. */
  noteRequest(): void {
    this.#begunAtMs = this.#config.scheduler.now();
  }

  /** Notes that the graph has the listing that was asked for last. @throws ForeignCheckpointError */
  noteListing(): void {
    for (const [shardId, toldAtMs] of this.#unconfirmed) {
      if (this.#isOpen(shardId) && this.#begunAtMs - toldAtMs < LONGEST_LAG_MS) continue;
      this.#unconfirmed.delete(shardId);
      this.#finish({ shardId });
    }
  }

  #isOpen(shardId: string): boolean {
    return this.#graph.get(shardId)?.closed === false;
  }

  #finish({ shardId, shardStart }: Omit<EndedNews, 'type'>): void {
    const shard = this.#graph.get(shardId);
    if (!shard) return;
    const { streamName } = this.#config.stream;
    const identity = { ...shard, streamName };
    const end = { streamName, shardId, sequenceNumber: SHARD_END, subSequenceNumber: 0 };
    assertOwn({ ...end, ...(shardStart !== undefined && { shardStart }) }, identity, shard.closed, shard.startingSequenceNumber);
    this.#graph.finish(shardId, 'resumed');
  }
}
