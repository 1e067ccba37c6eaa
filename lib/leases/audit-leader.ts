/**
 * Whether this worker looks after the table: it makes missing rows and removes leases that are no longer needed.
 *
 * @remarks
 * Elects as KCL 2.x does: it sorts the owners as text, shuffles them by Java's `Random(1947)`, and takes the first. KCL workers may elect
 * a worker of this package that way, and then leave the audit to it. If no lease has an owner, every worker is elected.
 */
export function isAuditLeader(owners: Iterable<string>, workerId: string): boolean {
  const [leader = workerId] = javaShuffled([...new Set(owners)].sort());
  return leader === workerId;
}

/** `java.util.Collections.shuffle(items, new Random(seed))`. */
export function javaShuffled<T>(items: readonly T[], seed = 1947n): T[] {
  const nextInt = javaRandom(seed);
  const order = [...items];
  for (let left = order.length; left > 1; left--) {
    const index = nextInt(left);
    [order[left - 1], order[index]] = [order[index]!, order[left - 1]!];
  }
  return order;
}

const MULTIPLIER = 0x5deece66dn;
const MASK = (1n << 48n) - 1n;

/** `java.util.Random.nextInt(bound)`: a linear congruential generator of 48 bits, specified by its documentation. */
function javaRandom(seed: bigint): (bound: number) => number {
  let state = (seed ^ MULTIPLIER) & MASK;
  const next31 = (): bigint => {
    state = (state * MULTIPLIER + 0xbn) & MASK;
    return state >> 17n;
  };
  return (bound) => {
    const limit = BigInt(bound);
    if ((limit & (limit - 1n)) === 0n) return Number((limit * next31()) >> 31n);
    for (;;) {
      const bits = next31();
      const value = bits % limit;
      // Rejects the last, incomplete run of values: it would make some values a little more likely than others.
      if (bits - value + (limit - 1n) < 1n << 31n) return Number(value);
    }
  };
}
