import type { KinesisEvent } from '../../lib/monitoring/events.js';

type Of<Type extends KinesisEvent['type']> = Extract<KinesisEvent, { type: Type }>;

/** The shard that sample events are of, unless they say otherwise. */
export const SAMPLE_SHARD = { streamName: 'stream', shardId: 'shardId-000000000000' };

/** Fields that some kind of event must have: what the metrics do not look at is as small as can be. */
const FILLING = {
  at: 0,
  ...SAMPLE_SHARD,
  records: 1,
  bytes: 1,
  millisBehindLatest: 0,
  hasOpenBlocks: false,
  added: [],
  total: 1,
  workerId: 'w1',
  sequenceNumber: '1',
  subSequenceNumber: 0,
  reason: 'transient',
  attempt: 1,
  delayMs: 1,
};

/** An event of a kind, with what matters to a spec. */
export function sampleEvent<Type extends KinesisEvent['type']>(type: Type, fields: Partial<Of<Type>> = {}): Of<Type> {
  const { shardId, streamName, ...filling } = FILLING;
  const place = {
    ...(!OF_NO_SHARD.has(type) && { shardId }),
    ...(!/^(allL|l)ease/.test(type) && { streamName }),
  };
  return { type, ...filling, ...place, ...fields } as unknown as Of<Type>;
}

const OF_NO_SHARD = new Set<string>([
  'allLeasesLost',
  'consumerAwaited',
  'consumerRegistered',
  'discoveryFailed',
  'leasesSeen',
  'shardsDiscovered',
  'stopTimedOut',
  'stopped',
  'stopping',
  'streamFailed',
]);
