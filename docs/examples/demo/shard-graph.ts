import { integer, shortId } from './format.js';

/** A shard, and what became of it. */
export interface ShardSummary {
  readonly shardId: string;
  /** None, one, or two. */
  readonly parentShardIds: readonly string[];
  readonly produced: number;
  readonly processed: number;
  /** Where its checkpoint stands, in words. */
  readonly checkpoint: string;
}

/** Draws the shards as trees, parents above their children; a merged shard stands under its first parent. */
export function drawShardGraph(shards: readonly ShardSummary[]): string {
  const known = new Set(shards.map(({ shardId }) => shardId));
  const roots = shards.filter(({ parentShardIds }) => !parentShardIds.some((id) => known.has(id)));
  const rows = roots.flatMap((root) => drawTree(root, shards, '', ''));
  const width = Math.max(...rows.map(({ tree }) => tree.length));
  return rows.map(({ tree, text }) => `${tree.padEnd(width)}  ${text}`).join('\n');
}

interface Row {
  readonly tree: string;
  readonly text: string;
}

function drawTree(shard: ShardSummary, shards: readonly ShardSummary[], lead: string, leadOfChildren: string): Row[] {
  const children = shards.filter(({ parentShardIds }) => parentShardIds.includes(shard.shardId));
  const own = { tree: lead + shortId(shard.shardId), text: describe(shard, children) };
  const below = children.flatMap((child, i) => {
    const isLast = i === children.length - 1;
    const leadOfChild = `${leadOfChildren}${isLast ? '└─ ' : '├─ '}`;
    if (child.parentShardIds[0] !== shard.shardId) return [{ tree: leadOfChild + shortId(child.shardId), text: '(above)' }];
    return drawTree(child, shards, leadOfChild, `${leadOfChildren}${isLast ? '   ' : '│  '}`);
  });
  return [own, ...below];
}

function describe({ produced, processed, checkpoint, shardId }: ShardSummary, children: readonly ShardSummary[]): string {
  const counts = `${integer(processed).padStart(7)} of ${integer(produced).padStart(7)}`;
  return `${counts}   ${fate(shardId, children).padEnd(20)}   checkpoint: ${checkpoint}`;
}

function fate(shardId: string, children: readonly ShardSummary[]): string {
  const [child] = children;
  if (!child) return 'open';
  const other = child.parentShardIds.find((id) => id !== shardId);
  if (other) return `merged with ${shortId(other)} into ${shortId(child.shardId)}`;
  return `split into ${children.map((each) => shortId(each.shardId)).join(' and ')}`;
}
