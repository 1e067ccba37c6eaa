import { expect } from 'chai';
import { of, takeWhile, type Observable } from 'rxjs';
import { isRangeExpired } from '../../lib/kinesis/errors.js';
import type { FanOutPort } from '../../lib/kinesis/fan-out-port.js';
import type { GetRecordsPage, KinesisPort } from '../../lib/kinesis/port.js';
import { fanOut } from '../../lib/readers/fanOut.js';
import { polling } from '../../lib/readers/polling.js';
import type { Reader, ShardPage } from '../../lib/readers/reader.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { pageText, readContext } from '../support/read-context.js';

const HOUR_MS = 3_600_000;

/** A shard of nine records, two a page, of which records are trimmed behind the reader's back once it has read some. */
class AgingShard {
  readonly opened: string[] = [];
  readonly #lagMs: number;
  /** The oldest record, once so many records have been read. */
  readonly #oldest: readonly [afterRead: number, oldest: number];
  #read = 0;

  constructor(lagMs: number, oldest: readonly [number, number]) {
    this.#lagMs = lagMs;
    this.#oldest = oldest;
  }

  /** The page from this record on: as the service does, one that was trimmed is passed in silence. */
  page(from: number, limit = 2): GetRecordsPage & { readonly next: number } {
    const [afterRead, oldest] = this.#oldest;
    const first = Math.max(from, this.#read >= afterRead ? oldest : 1);
    const numbers = [first, first + 1].filter((number) => number <= 9).slice(0, limit);
    this.#read = Math.max(this.#read, ...numbers);
    const Records = numbers.map((number) => ({
      SequenceNumber: String(number),
      PartitionKey: 'key',
      Data: new TextEncoder().encode(String(number)),
    }));
    return { Records, MillisBehindLatest: this.#lagMs, next: first + numbers.length };
  }

  /** Where a start is. */
  open(type: string, number = '0'): number {
    this.opened.push(type.startsWith('A') ? `${type.slice(0, 5)} ${number}` : type);
    if (type === 'TRIM_HORIZON') return 1;
    return Number(number) + (type === 'AFTER_SEQUENCE_NUMBER' ? 1 : 0);
  }
}

const EMPTY_SHARD = fakeKinesis({ shards: { 0: '' } });

function pollingPort(shard: AgingShard): KinesisPort {
  return {
    ...EMPTY_SHARD,
    getShardIterator: (request) => of(String(shard.open(request.ShardIteratorType, numberIn(request, 'StartingSequenceNumber')))),
    getRecords: ({ ShardIterator, Limit }) => {
      const { next, ...page } = shard.page(Number(ShardIterator), Limit);
      return of({ ...page, NextShardIterator: String(next) });
    },
  };
}

/** Each subscription has one event. */
function fanOutPort(shard: AgingShard): KinesisPort & FanOutPort {
  return {
    ...EMPTY_SHARD,
    describeStreamConsumer: () => of({ ConsumerARN: CONSUMER, ConsumerStatus: 'ACTIVE' }),
    subscribeToShard: ({ StartingPosition: start }) => {
      const { next, ...page } = shard.page(shard.open(start.Type, numberIn(start, 'SequenceNumber')));
      const events = [{ ...page, ContinuationSequenceNumber: String(next - 1) }, undefined];
      return of({ next: () => of(events.shift()), close: () => undefined });
    },
  };
}

const CONSUMER = 'arn:aws:kinesis:us-east-1:123456789012:stream/stream/consumer/app:1';

/** The sequence number of a start, where it has one. */
function numberIn(start: object, field: string): string | undefined {
  return (start as Readonly<Record<string, string | undefined>>)[field];
}

const readers: Readonly<Record<string, readonly [reader: Reader, port: (shard: AgingShard) => KinesisPort]>> = {
  polling: [polling(), pollingPort],
  // The record at which reading is opened again fills the page.
  'polling, of pages of one record': [polling({ maxRecordsPerPage: 1 }), pollingPort],
  fanOut: [fanOut({ consumerArn: CONSUMER }), fanOutPort],
};

for (const [name, [reader, portOf]] of Object.entries(readers))
  describe(`${name}, as far behind as records live`, () => {
    /** What is read of the shard up to its last record, or to an error. */
    const outcome = (shard: AgingShard, onGap: 'continue' | 'fail') => {
      const result = { text: '', error: undefined as unknown, gaps: [] as unknown[] };
      marbles(({ flush }) => {
        const port = portOf(shard);
        const context = readContext(EMPTY_SHARD, { port, client: port as never, onGap });
        const pages$: Observable<ShardPage> = reader(context, { type: 'TRIM_HORIZON' }, of(10));
        pages$.pipe(takeWhile((page) => !pageText(page).includes('9'), true)).subscribe({
          next: (page) => void (result.text += pageText(page)),
          error: (error: unknown) => (result.error = error),
        });
        flush();
        result.gaps = context.events.filter(({ type }) => type === 'gap');
      })();
      return result;
    };

    it('tells of records that are trimmed between two pages (regression: an iterator passes them in silence)', () => {
      const failing = outcome(new AgingShard(23.5 * HOUR_MS, [4, 7]), 'fail');
      expect(failing.text).to.equal('1234');
      expect(failing.error).to.satisfy(isRangeExpired);
      expect(failing.error).to.have.deep.property('gap', {
        streamName: 'stream',
        shardId: 'shardId-000000000000',
        from: { sequenceNumber: '4', subSequenceNumber: 0 },
        firstAvailable: { sequenceNumber: '7', subSequenceNumber: 0 },
      });

      const continuing = outcome(new AgingShard(23.5 * HOUR_MS, [4, 7]), 'continue');
      expect(continuing).to.include({ text: '1234789', error: undefined });
      expect(continuing.gaps).to.have.length(1);
    });

    it('reads all that is there, each record once', () => {
      const shard = new AgingShard(23.5 * HOUR_MS, [99, 1]);
      expect(outcome(shard, 'fail')).to.deep.equal({ text: '123456789', error: undefined, gaps: [] });
      expect(shard.opened[0]).to.equal('TRIM_HORIZON');
      expect(shard.opened.at(-1)).to.match(/^AT_SE [78]$/);
    });

    it('does not open reading again where nothing can be trimmed yet', () => {
      const shard = new AgingShard(22.5 * HOUR_MS, [99, 1]);
      expect(outcome(shard, 'fail')).to.deep.equal({ text: '123456789', error: undefined, gaps: [] });
      expect(shard.opened.filter((opened) => opened.startsWith('AT'))).to.deep.equal([]);
    });
  });
