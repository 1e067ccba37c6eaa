import { InvalidConfigError } from '../../values/errors.js';
import { shown } from '../../values/shown.js';
import { toShardId, type ShardName } from '../shard-name.js';

/** The calls that a fake answers. */
export type KinesisMethod =
  | 'describeStreamConsumer'
  | 'describeStreamSummary'
  | 'getRecords'
  | 'getShardIterator'
  | 'listShards'
  | 'registerStreamConsumer'
  | 'subscribeToShard';

const METHODS: Readonly<Record<KinesisMethod, true>> = {
  describeStreamConsumer: true,
  describeStreamSummary: true,
  getRecords: true,
  getShardIterator: true,
  listShards: true,
  registerStreamConsumer: true,
  subscribeToShard: true,
};

/** Throws unless it is a method of a fake. */
export function assertMethodName(method: string): void {
  if (Object.hasOwn(METHODS, method)) return;
  throw new InvalidConfigError(`fakeKinesis: expected method to be one of ${Object.keys(METHODS).join(', ')}, got ${shown(method)}`);
}

/** One call; its fields are updated while it lasts. */
export interface FakeCall {
  /** The call. */
  readonly method: KinesisMethod;
  /** The shard of the request; for GetRecords, the shard of its iterator. */
  readonly shardId?: string;
  /** When it was made, in ms since the call of `fakeKinesis`. */
  readonly atMs: number;
  /** When it was answered or aborted; absent while it lasts. */
  readonly endedAtMs?: number;
  /** The ShardIteratorType of a GetShardIterator, the Type of the start of a SubscribeToShard. */
  readonly type?: string;
  /** The sequence number with it. */
  readonly startingSequenceNumber?: string;
  /** The time with it. */
  readonly timestamp?: Date;
  /** The Limit of a GetRecords. */
  readonly limit?: number;
  /** Whether it was unsubscribed before the answer. */
  readonly aborted: boolean;
  /** The name of the error that was the answer. */
  readonly error?: string;
}

/** The fields of a call that come from its request. */
export type CallDetails = Omit<FakeCall, 'aborted' | 'atMs' | 'endedAtMs' | 'error'>;

/** Keeps the calls of one fake. */
export class FakeCalls {
  readonly all: FakeCall[] = [];
  /** How many calls wait for their answer. */
  inFlight = 0;

  constructor(private readonly now: () => number) {}

  /** The calls of a method; with `shard`, only those of that shard. */
  of(method: KinesisMethod, shard?: ShardName): FakeCall[] {
    assertMethodName(method);
    const calls = this.all.filter((call) => call.method === method);
    return shard === undefined ? calls : calls.filter(({ shardId }) => shardId === toShardId(shard));
  }

  /** Adds a call; returns a function that ends it, once. */
  begin(details: CallDetails): (end: { readonly aborted: boolean; readonly error?: string }) => void {
    const call: { -readonly [K in keyof FakeCall]: FakeCall[K] } = { ...details, atMs: this.now(), aborted: false };
    this.all.push(call);
    this.inFlight++;
    return (end) => {
      if (call.endedAtMs !== undefined) return;
      this.inFlight--;
      Object.assign(call, end, { endedAtMs: this.now() });
    };
  }
}
