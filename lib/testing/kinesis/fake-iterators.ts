import { awsError } from './fake-errors.js';

/** The content of an iterator. */
export interface FakeIterator {
  readonly shardId: string;
  /** An index in the shard's log. */
  readonly position: number;
  /** When it was given. */
  readonly bornAtMs: number;
  /** How often all iterators had been expired before it was given. */
  readonly generation: number;
  /** Whether it is stuck before trimmed records. */
  readonly stuck: boolean;
}

/** Makes iterators, and knows which of them have expired. */
export class FakeIterators {
  private readonly expiriesAtMs: number[];

  constructor(
    private readonly ttlMs: number,
    expiriesAtMs: readonly number[],
  ) {
    this.expiriesAtMs = [...expiriesAtMs];
  }

  /** Expires every iterator given until now. */
  expireAll(nowMs: number): void {
    this.expiriesAtMs.push(nowMs);
  }

  /** Makes the opaque string. */
  give(shardId: string, position: number, stuck: boolean, nowMs: number): string {
    return [MARK, shardId, position, nowMs, this.generationAt(nowMs), stuck ? 'stuck' : 'free'].join(':');
  }

  /** Reads an iterator that {@link give} made, expired or not; `undefined` for any other text. */
  peek(text: string): FakeIterator | undefined {
    const [mark, shardId, position, bornAtMs, generation, stuck] = text.split(':');
    if (mark !== MARK || shardId === undefined) return undefined;
    return { shardId, position: Number(position), bornAtMs: Number(bornAtMs), generation: Number(generation), stuck: stuck === 'stuck' };
  }

  /** Reads an iterator that is used now. For a malformed or expired one it throws the error of GetRecords. */
  use(text: string, nowMs: number): FakeIterator {
    const iterator = this.peek(text);
    if (!iterator) throw awsError('InvalidArgumentException', 'Invalid ShardIterator.');
    if (nowMs - iterator.bornAtMs <= this.ttlMs && iterator.generation === this.generationAt(nowMs)) return iterator;
    const times = `The iterator was created at time ${iterator.bornAtMs} while right now it is ${nowMs}`;
    throw awsError('ExpiredIteratorException', `Iterator expired. ${times}, later than the tolerated delay of ${this.ttlMs} milliseconds.`);
  }

  /** Counts expiries instead of comparing times, so that an iterator given later in the same millisecond is valid. */
  private generationAt(nowMs: number): number {
    return this.expiriesAtMs.filter((atMs) => atMs <= nowMs).length;
  }
}

const MARK = 'fake-iterator';
