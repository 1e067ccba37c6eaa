/** A shard that descends from itself, if there is one: no order of reading would ever come to it. Parents out of view count for nothing. */
export function ownAncestor(parentsOf: ReadonlyMap<string, readonly string[]>): string | undefined {
  const cleared = new Set<string>();
  for (const start of parentsOf.keys()) {
    // Depth first, in a loop: a line of shards may be as long as the stream is old. On the path are those being looked at.
    const path = new Set<string>();
    const todo = [start];
    while (todo.length > 0) {
      const id = todo.at(-1)!;
      if (path.has(id) || cleared.has(id)) {
        todo.pop();
        path.delete(id);
        cleared.add(id);
        continue;
      }
      path.add(id);
      for (const parent of parentsOf.get(id) ?? []) {
        if (path.has(parent)) return parent;
        if (parentsOf.has(parent) && !cleared.has(parent)) todo.push(parent);
      }
    }
  }
  return undefined;
}
