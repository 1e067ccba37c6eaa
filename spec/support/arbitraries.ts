import fc from 'fast-check';
import type { SequenceNumberRange } from '../../lib/values/sequence-range.js';

/** Sequence numbers, short and long. */
export const anySequenceNumber = fc.oneof(fc.bigInt(0n, 30n), fc.bigInt(0n, 10n ** 129n - 1n)).map(String);

/** Well-formed ranges, of few streams and shards so that they meet. */
export const anyRange: fc.Arbitrary<SequenceNumberRange> = fc
  .record({
    streamName: fc.constantFrom('flights', 'trains', 'a.b-c_d'),
    shardId: fc.constantFrom('shardId-000000000000', 'shardId-000000000001'),
    ends: fc.tuple(fc.bigInt(0n, 10n ** 60n), fc.bigInt(0n, 100n)),
    subs: fc.tuple(fc.nat(3), fc.nat(3)),
    recordCount: fc.integer({ min: 1, max: 10_000 }),
  })
  .map(({ streamName, shardId, ends: [from, length], subs: [a, b], recordCount }) => ({
    streamName,
    shardId,
    fromSeqNumber: String(from),
    toSeqNumber: String(from + length),
    fromSubSeqNumber: length === 0n ? Math.min(a, b) : a,
    toSubSeqNumber: length === 0n ? Math.max(a, b) : b,
    recordCount,
  }));
