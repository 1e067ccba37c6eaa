import { expect } from 'chai';
import { lastValueFrom, of, toArray, type ObservableInput } from 'rxjs';
import { kinesisRange, memoryCheckpoints, polling, type Block, type Checkpoint, type CheckpointStore } from '../../lib/index.js';
import { aggregate } from '../../lib/testing/index.js';
import { comparePositions } from '../../lib/values/position.js';
import { abortConsumers, consume, fast, type Consumer, type ConsumerConfig } from '../support/consumer.js';
import { EMPTY_AGGREGATE } from '../support/aggregated-stream.js';
import { textOf } from '../support/fast-reading.js';
import { OddKinesis, oddNumber, type OddAnswer, type OddCall, type Oddity, type OddPage } from '../support/odd-kinesis.js';

const SHARD = 'shardId-000000000000';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** An aggregate whose user records hold their names. */
const whole = (name: string, count: number): Uint8Array =>
  aggregate(Array.from({ length: count }, (_, i) => ({ partitionKey: `${name}.${i % 3}`, data: `${name}.${i}` })));

/** Forty records of Kinesis, of which every third is an aggregate of one to twelve user records. */
const COUNTS = Array.from({ length: 40 }, (_, i) => (i % 3 === 1 ? (i % 12) + 1 : 0));
const PAYLOADS = COUNTS.map((count, i) => (count === 0 ? bytes(`r${i}`) : whole(`r${i}`, count)));
const NAMES = COUNTS.flatMap((count, i) => (count === 0 ? [`r${i}`] : Array.from({ length: count }, (_, sub) => `r${i}.${sub}`)));

/** A store in memory that notes every write, and refuses none. */
function notingStore(at?: Pick<Checkpoint, 'sequenceNumber' | 'subSequenceNumber'>) {
  const inner = memoryCheckpoints();
  const written: Checkpoint[] = [];
  const store: CheckpointStore = {
    read: (shard) => (written.length === 0 && at ? of({ streamName: 'odd', shardId: shard.shardId, ...at }) : inner.read(shard)),
    write: (checkpoint, shard) => {
      written.push(checkpoint);
      return inner.write(checkpoint, shard);
    },
  };
  return { store, written };
}

describe('a consumer of a service that answers oddly', function () {
  this.timeout(30_000);
  afterEach(abortConsumers);

  const pages = (maxRecordsPerPage: number) => ({ reader: polling({ idleDelayMs: 5, maxRecordsPerPage }) });
  const start = (kinesis: OddKinesis, config: Partial<ConsumerConfig> = {}): Consumer =>
    consume({ client: kinesis.client(), streamName: 'odd', ...pages(4), ...config });

  /** Reads all of it; each record must come once and in order, and the checkpoints must go forward up to the last. */
  async function expectAll(
    kinesis: OddKinesis,
    { names = NAMES, last = PAYLOADS.length - 1, ...config }: Partial<ConsumerConfig> & { names?: readonly string[]; last?: number } = {},
  ): Promise<Consumer> {
    const { store, written } = notingStore();
    const consumer = start(kinesis, { store, ...config });
    await consumer.hasDone(names.length);
    await consumer.stop();
    expect(consumer.records.map(textOf)).to.deep.equal(names);
    written.slice(1).forEach((each, i) => expect(comparePositions(each, written[i]!)).to.be.above(0));
    expect(written.at(-1)).to.include({ sequenceNumber: oddNumber(last) });
    return consumer;
  }

  const fallbacksOf = (consumer: Consumer) => consumer.eventsOf('wireFallback').map(({ reason }) => reason);
  /** Answers the calls with these numbers oddly. */
  const at =
    (numbers: readonly number[], answer: (call: OddCall) => OddAnswer | 'never'): Oddity =>
    (call) =>
      numbers.includes(call.nth) ? answer(call) : undefined;

  it('reads what AWS is said to write: maps without a length, tagged times, bytes', async () => {
    const kinesis = new OddKinesis(PAYLOADS);
    const consumer = await expectAll(kinesis);
    expect(new Set(kinesis.formats)).to.deep.equal(new Set(['cbor']));
    expect(consumer.records[0]!.approximateArrivalTimestamp).to.deep.equal(new Date(1_700_000_000_000));
    expect(fallbacksOf(consumer)).to.deep.equal([]);
  });

  it('delivers records that can be spread, compared, cloned and written as JSON', async () => {
    for (const wire of ['cbor', 'json', 'sdk'] as const) {
      const consumer = start(new OddKinesis(PAYLOADS), { wire });
      await consumer.hasDone(4);
      await consumer.stop();
      const at = { streamName: 'odd', shardId: SHARD, subSequenceNumber: 0 };
      const expected = [
        { ...at, sequenceNumber: oddNumber(0), partitionKey: 'outer 0', data: bytes('r0'), approximateArrivalTimestamp: new Date(1.7e12) },
        {
          ...at,
          sequenceNumber: oddNumber(1),
          partitionKey: 'r1.0',
          data: bytes('r1.0'),
          approximateArrivalTimestamp: new Date(1.7e12 + 1),
        },
      ];
      const records = consumer.records.slice(0, 2);
      expect(records.map((record) => ({ ...record }))).to.deep.equal(expected);
      expect(structuredClone(records)).to.deep.equal(expected);
      expect(records.map((record) => Object.keys(record).sort())).to.deep.equal(expected.map((record) => Object.keys(record).sort()));
      expect(JSON.parse(JSON.stringify(records))).to.deep.equal(JSON.parse(JSON.stringify(expected)));
    }
  });

  /** Faults that pass: at the first call, at the second, in the middle, three in a row, and every other call. */
  const WHEN: Readonly<Record<string, readonly number[]>> = {
    'at the very first call': [0],
    'after the first page': [1],
    'three times in a row': [4, 5, 6],
    'at every other call': Array.from({ length: 12 }, (_, i) => 2 * i + 1),
  };
  const FAULTS: Readonly<Record<string, (call: OddCall) => OddAnswer | 'never'>> = {
    'is throttled': ({ refuse }) => refuse('ProvisionedThroughputExceededException'),
    'is throttled by KMS': ({ refuse }) => refuse('KMSThrottlingException'),
    'finds its iterator expired': ({ refuse }) => refuse('ExpiredIteratorException'),
    'fails inside the service': ({ refuse }) => refuse('InternalFailure', 500),
    'fails without a body': () => ({ status: 503 }),
    'meets the page of a proxy': () => ({ status: 502, type: 'text/html', body: '<html>bad gateway</html>' }),
    'meets the page of a proxy that seems well': () => ({ type: 'text/html', body: '<html>maintenance</html>' }),
    'is answered with nothing': ({ isCbor, write }) => ({ ...write({}), body: isCbor ? '' : ' ' }),
    'is answered with an empty map': ({ write }) => write({}),
    'is answered with null records': ({ write, page }) => write({ ...page, Records: null }),
    'is cut off, and says so': ({ write, page }) => ({ ...half(write(page)), isCut: true }),
    'is cut off, and does not say so': ({ write, page }) => half(write(page)),
    'is shorter than it says': ({ write, page }) => ({ ...half(write(page)), headers: { 'content-length': '100000' } }),
    'is cut off behind the records, where a map may end': ({ write, page, isCbor }) => upToRecords(write(page), isCbor),
    'is answered with a page of before': ({ write, page }) => write({ ...page, Records: [...recordsOf(page), ...recordsOf(page)] }),
    'is answered with a record without a payload': ({ write, page }) =>
      write({ ...page, Records: recordsOf(page).map((record) => ({ ...record, Data: null })) }),
    'is answered with records in the wrong order': ({ write, page }) =>
      write({ ...page, Records: [...recordsOf(page), recordsOf(page)[0]] }),
  };
  for (const [what, answer] of Object.entries(FAULTS)) {
    for (const [when, numbers] of Object.entries(WHEN)) {
      it(`loses and repeats nothing when a call ${what} ${when}`, async () => {
        await expectAll(new OddKinesis(PAYLOADS, at(numbers, answer)));
      });
    }
  }

  for (const [what, answer] of Object.entries(FAULTS)) {
    it(`recovers what a failure upstream has lost, when a call ${what} and is not retried`, async () => {
      const faults = at([1, 4, 9], answer);
      await expectAll(new OddKinesis(PAYLOADS, faults), { retry: { maxRetries: 0 }, recover: { initialDelayMs: 1 } });
    });

    it(`reads a range that begins and ends within aggregates, when a call ${what}`, async () => {
      const kinesis = new OddKinesis(PAYLOADS, at([0, 2, 3], answer));
      const [first, last] = ['r4.2', 'r34.7'];
      const names = NAMES.slice(NAMES.indexOf(first), NAMES.indexOf(last) + 1);
      const ends = { fromSeqNumber: oddNumber(4), fromSubSeqNumber: 2, toSeqNumber: oddNumber(34), toSubSeqNumber: 7 };
      const { budget, retry } = fast;
      const config = { client: kinesis.client(), budget, retry, events: 'silent' } as const;
      const range = { streamName: 'odd', shardId: SHARD, ...ends, recordCount: names.length };
      const records = await lastValueFrom(kinesisRange(range, config).pipe(toArray()));
      expect(records.map(textOf)).to.deep.equal(names);
    });
  }

  it("leaves the SDK's own retries as they are", async () => {
    const kinesis = new OddKinesis(
      PAYLOADS,
      at([0, 3, 4, 7], ({ nth, refuse, write, page }) =>
        nth === 7 ? { ...half(write(page)), isCut: true } : refuse('ProvisionedThroughputExceededException'),
      ),
    );
    const consumer = await expectAll(kinesis, { client: kinesis.client({ maxAttempts: 3 }) });
    expect(consumer.eventsOf('readRetry')).to.deep.equal([]);
  });

  it('asks again when an answer never ends', async () => {
    await expectAll(
      new OddKinesis(
        PAYLOADS,
        at([0, 3], ({ write, page }) => ({ ...half(write(page)), isStalled: true })),
      ),
      { requestTimeoutMs: 100 },
    );
  });

  it('asks again when a call is never answered', async () => {
    await expectAll(
      new OddKinesis(
        PAYLOADS,
        at([0, 3], () => 'never'),
      ),
      { requestTimeoutMs: 50 },
    );
  });

  it('reads on in JSON, and says so once, when the service takes no CBOR', async () => {
    for (const refused of [
      ({ isCbor, refuse }: OddCall) => (isCbor ? refuse('UnknownOperationException') : undefined),
      ({ isCbor }: OddCall) => (isCbor ? { status: 415 } : undefined),
    ]) {
      const kinesis = new OddKinesis(PAYLOADS, refused);
      expect(fallbacksOf(await expectAll(kinesis))).to.deep.equal(['refused']);
      expect(kinesis.formats.filter((format) => format === 'cbor')).to.have.length(1);
    }
  });

  it('says once, for two shards and two sources with one client, that it reads JSON', async () => {
    const shards = { [SHARD]: { payloads: PAYLOADS }, 'shardId-000000000001': { payloads: PAYLOADS } };
    const kinesis = new OddKinesis(shards, ({ isCbor, refuse }) => (isCbor ? refuse('SerializationException') : undefined));
    const client = kinesis.client();
    const both = [start(kinesis, { client }), start(kinesis, { client })];
    for (const consumer of both) {
      await consumer.hasDone(2 * NAMES.length);
      await consumer.stop();
      for (const shardId of Object.keys(shards))
        expect(consumer.records.filter((record) => record.shardId === shardId).map(textOf)).to.deep.equal(NAMES);
    }
    expect(both.flatMap(fallbacksOf)).to.deep.equal(['refused']);
  });

  it('reads the pages in JSON that cannot be read in CBOR, and the others in CBOR', async () => {
    const kinesis = new OddKinesis(PAYLOADS, ({ isCbor, nth, write, page }) => (isCbor && nth === 2 ? half(write(page)) : undefined));
    const consumer = await expectAll(kinesis, pages(1));
    expect(kinesis.formats.slice(0, 4)).to.deep.equal(['cbor', 'cbor', 'cbor', 'json']);
    expect(kinesis.formats.slice(4).filter((format) => format === 'cbor')).to.have.length.above(5);
    expect(fallbacksOf(consumer)).to.deep.equal(['not-understood']);
  });

  it('takes JSON in the middle of a stream in CBOR', async () => {
    const json = ({ page, nth }: OddCall): OddAnswer | undefined => (nth % 3 === 1 ? inJson(page) : undefined);
    expect(fallbacksOf(await expectAll(new OddKinesis(PAYLOADS, json)))).to.deep.equal([]);
  });

  it('passes over empty pages, and pages of empty aggregates', async () => {
    const empty = Array.from({ length: 9 }, () => EMPTY_AGGREGATE);
    const payloads = [...empty, ...PAYLOADS, ...empty];
    const kinesis = new OddKinesis(payloads, ({ nth, page, write, shardId }) =>
      nth % 2 === 1 ? write({ ...page, Records: [], NextShardIterator: iteratorBefore(page, shardId) }) : undefined,
    );
    await expectAll(kinesis, { ...pages(3), last: 9 + PAYLOADS.length - 1 });
  });

  it('delivers an aggregate that cannot be opened as it is, tells of it, and goes on behind it', async () => {
    const broken = PAYLOADS[1]!.slice();
    broken[broken.length - 1]! ^= 1;
    const payloads = [PAYLOADS[0]!, broken, ...PAYLOADS.slice(2)];
    const { store } = notingStore();
    const consumer = start(new OddKinesis(payloads), { store });
    const expected = NAMES.filter((name) => !name.startsWith('r1.'));
    await consumer.hasDone(expected.length + 1);
    await consumer.stop();
    expect(consumer.records[1]!.data).to.deep.equal(broken);
    expect(consumer.records.map(textOf).filter((_text, i) => i !== 1)).to.deep.equal(expected);
    expect(consumer.eventsOf('aggregateMalformed')).to.have.length(1);
    expect(consumer.eventsOf('aggregateMalformed')[0]).to.deep.include({
      shardId: SHARD,
      position: { sequenceNumber: oddNumber(1), subSequenceNumber: 0 },
      reason: 'checksum',
    });
  });

  it('goes on within an aggregate where a checkpoint lies, wherever that is', async () => {
    const positions = COUNTS.flatMap((count, i) =>
      Array.from({ length: Math.max(1, count) }, (_, sub) => ({ sequenceNumber: oddNumber(i), subSequenceNumber: sub })),
    );
    for (let i = 0; i < NAMES.length - 1; i += 7) {
      const { store } = notingStore(positions[i]);
      const consumer = start(new OddKinesis(PAYLOADS), { store });
      await consumer.hasDone(NAMES.length - 1 - i);
      await consumer.stop();
      expect(consumer.records.map(textOf), `from ${NAMES[i]}`).to.deep.equal(NAMES.slice(i + 1));
    }
  });

  it('is restarted within an aggregate when its work fails there, and loses nothing', async () => {
    let failures = 0;
    const work = (block: Block): ObservableInput<unknown> => {
      if (failures < 3 && block.records.some((record) => textOf(record) === `r${10 + 9 * failures}.0`)) {
        failures++;
        throw new Error('work');
      }
      return [];
    };
    const consumer = start(new OddKinesis(PAYLOADS), { work, restart: { initialDelayMs: 1 } });
    await consumer.until('all is done', () => new Set(consumer.records.map(textOf)).size === NAMES.length);
    await consumer.stop();
    expect(failures).to.equal(3);
    const seen = [...new Set(consumer.records.map(textOf))];
    expect(seen).to.deep.equal(NAMES);
  });

  it('reads an aggregate with far more user records than the credit, and stays within a page of it', async () => {
    const names = Array.from({ length: 5_000 }, (_, i) => `big.${i}`);
    const payloads = [whole('big', 5_000), ...PAYLOADS];
    const consumer = await expectAll(new OddKinesis(payloads), {
      names: [...names, ...NAMES],
      last: PAYLOADS.length,
      maxInFlightRecords: 10,
    });
    expect(Math.max(...consumer.records.map(({ data }) => data.buffer.byteLength)), 'held by a record').to.be.at.most(65_536);
    expect(Math.max(...consumer.eventsOf('pageRead').map(({ records }) => records))).to.be.below(5_100);
  });

  describe('at the end of a shard', () => {
    const child = 'shardId-000000000001';
    const split = (): Readonly<Record<string, { payloads: Uint8Array[]; children?: string[]; parent?: string }>> => ({
      [SHARD]: { payloads: [...PAYLOADS], children: [child] },
      [child]: { payloads: [bytes('c0'), whole('c1', 3)], parent: SHARD, children: [] },
    });
    const expected = [...NAMES, 'c0', 'c1.0', 'c1.1', 'c1.2'];

    const ENDS: Readonly<Record<string, Oddity>> = {
      'without an iterator': () => undefined,
      'with null for the iterator': ({ page, write }) =>
        'NextShardIterator' in page ? undefined : write({ ...page, NextShardIterator: null }),
      'without naming the children': ({ page, write }) => ('ChildShards' in page ? write({ ...page, ChildShards: null }) : undefined),
      'on a page without records': ({ page, write, shardId }) =>
        'ChildShards' in page && recordsOf(page).length > 0
          ? write({ ...page, ChildShards: null, NextShardIterator: `${shardId}/${shardId === SHARD ? PAYLOADS.length : 2}/end` })
          : undefined,
    };
    for (const [what, oddity] of Object.entries(ENDS)) {
      for (const wire of ['cbor', 'json'] as const) {
        it(`reads the children after the last aggregate, told ${what} in ${wire}`, async () => {
          const consumer = start(new OddKinesis(split(), oddity), { wire, discoveryIntervalMs: 20 });
          await consumer.hasDone(expected.length);
          await consumer.until('both are released', () => consumer.eventsOf('shardReleased').length === 2);
          await consumer.stop();
          expect(consumer.records.map(textOf)).to.deep.equal(expected);
          expect(consumer.eventsOf('shardReleased').map(({ reason }) => reason)).to.deep.equal(['ended', 'ended']);
        });
      }
    }

    it('does not believe one page that has lost its iterator in the middle', async () => {
      const lost = at([2], ({ page: { NextShardIterator: _lost, ...page }, write }) => write(page));
      await expectAll(new OddKinesis(PAYLOADS, lost));
    });
  });
});

function recordsOf(page: OddPage): object[] {
  return page.Records as object[];
}

function half(answer: OddAnswer): OddAnswer {
  const whole = Buffer.from(answer.body as Uint8Array);
  return { ...answer, body: whole.subarray(0, whole.length / 2) };
}

/** Cuts a page in CBOR right behind its list of records, and one in JSON at its last comma. */
function upToRecords(answer: OddAnswer, isCbor: boolean): OddAnswer {
  const whole = Buffer.from(answer.body as Uint8Array);
  return { ...answer, body: whole.subarray(0, isCbor ? whole.indexOf('MillisBehindLatest') - 1 : whole.lastIndexOf(',')) };
}

/** The iterator with which the records of a page come again. */
function iteratorBefore(page: OddPage, shardId: string): string {
  const [first] = recordsOf(page) as Array<{ readonly SequenceNumber: string }>;
  const next = String(page['NextShardIterator']).split('/');
  const index = Number(next[1]) - recordsOf(page).length;
  return first ? `${shardId}/${index}/again` : next.join('/');
}

function inJson(page: OddPage): OddAnswer {
  const Records = (recordsOf(page) as Array<Record<string, unknown>>).map((record) => ({
    ...record,
    ApproximateArrivalTimestamp: (record['ApproximateArrivalTimestamp'] as Date).getTime() / 1_000,
    Data: Buffer.from(record['Data'] as Uint8Array).toString('base64'),
  }));
  return { type: 'application/x-amz-json-1.1', body: JSON.stringify({ ...page, Records }) };
}
