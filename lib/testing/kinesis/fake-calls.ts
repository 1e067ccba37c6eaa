import { toShardId, type ShardName } from '../shard-name.js';

/** The calls that a fake answers. */
export type KinesisMethod = 'getRecords' | 'getShardIterator' | 'listShards';

/** One call that was made, kept up to date while it lasts. */
export interface FakeCall {
  readonly method: KinesisMethod;
  /** The shard asked for; of an iterator, the one that it belongs to. */
  readonly shardId?: string;
  /** When it was made, in ms from the call of `fakeKinesis`. */
  readonly atMs: number;
  /** When it was answered or aborted. */
  readonly endedAtMs?: number;
  /** The ShardIteratorType of a GetShardIterator. */
  readonly type?: string;
  /** The StartingSequenceNumber of a GetShardIterator. */
  readonly startingSequenceNumber?: string;
  /** The Timestamp of a GetShardIterator. */
  readonly timestamp?: Date;
  /** The Limit of a GetRecords. */
  readonly limit?: number;
  /** Whether it was unsubscribed before the answer. */
  readonly aborted: boolean;
  /** The name of the error that was the answer. */
  readonly error?: string;
}

/** What the request says of a call. */
export type CallDetails = Omit<FakeCall, 'aborted' | 'atMs' | 'endedAtMs' | 'error'>;

/** Keeps the calls of one fake. */
export class FakeCalls {
  readonly all: FakeCall[] = [];
  /** How many calls wait for their answer. */
  inFlight = 0;

  constructor(private readonly now: () => number) {}

  /** The calls of a method, of one shard if given. */
  of(method: KinesisMethod, shard?: ShardName): FakeCall[] {
    const calls = this.all.filter((call) => call.method === method);
    return shard === undefined ? calls : calls.filter(({ shardId }) => shardId === toShardId(shard));
  }

  /** Enters a call; the function that it returns ends it, once. */
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
