/** A shard that descends from itself, if there is one: it could never be read. Ignores parents out of view. */
export function ownAncestor(parentsOf: ReadonlyMap<string, readonly string[]>): string | undefined {
  const cleared = new Set<string>();
  for (const start of parentsOf.keys()) {
    // Depth first, in a loop, since a chain of shards may be very long. The path holds the shards being visited.
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
