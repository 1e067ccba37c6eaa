import { expect } from 'chai';
import { bufferTime, finalize, type Observable, type Subscription } from 'rxjs';
import sinon from 'sinon';
import { leaseTable, type LeaseTableConfig } from '../../lib/dynamodb/index.js';
import {
  checkpointEvery,
  kinesisRanges,
  kinesisShard,
  kinesisStream,
  mergeShards,
  polling,
  readBudget,
  recoverFrom,
  withSequenceRanges,
  type CheckpointStore,
  type KinesisEvent,
  type KinesisRecord,
} from '../../lib/index.js';
import { canariesIn, shownBy } from '../support/canaries.js';
import { startHostileServices, type HostileServices } from '../support/hostile-services.js';
import { rangeOf } from '../support/ranges.js';
import { sabotages } from '../support/sabotages.js';
import { until } from '../support/until.js';

const SHARD = 'shardId-000000000000';

/** Everything that a subscription told somebody. */
interface Told {
  readonly errors: unknown[];
  readonly events: KinesisEvent[];
  /** Whether it is over, or has said all that it will say. */
  isOver: boolean;
}

describe('no credential, payload or partition key is told', function () {
  this.timeout(30_000);
  let services: HostileServices;
  let tables = 0;
  /** What went to the console, and warnings of Node. */
  let written: unknown[];

  before(async () => void (services = await startHostileServices()));
  after(() => services.stop());

  beforeEach(() => {
    written = [];
    for (const method of ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const)
      sinon.stub(console, method).callsFake((...args: unknown[]) => void written.push(...args));
    process.on('warning', warned);
  });
  afterEach(() => {
    sinon.restore();
    process.off('warning', warned);
  });
  const warned = (warning: Error): void => void written.push(warning);

  const newTable = (events?: LeaseTableConfig['events']): CheckpointStore =>
    leaseTable({
      client: services.dynamodb,
      tableName: `leases-${tables++}`,
      tablePollIntervalMs: 1,
      failoverTimeMs: 5_000,
      requestTimeoutMs: 1_000,
      lookIntervalMs: 20,
      ...(events && { events }),
    });
  const quick = (told: Told) => ({
    client: services.kinesis,
    retry: { maxRetries: 1, initialDelayMs: 1, maxDelayMs: 1 },
    budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
    requestTimeoutMs: 300,
    events: { next: (event: KinesisEvent) => void told.events.push(event) },
  });
  const reading = (told: Told, store?: CheckpointStore) => ({
    ...quick(told),
    streamName: 'stream',
    startFrom: 'TRIM_HORIZON' as const,
    reader: polling({ idleDelayMs: 1 }),
    ...(store && { store }),
  });
  const restarted = mergeShards((shard) => shard, { restart: { maxRestarts: 1, initialDelayMs: 1, maxDelayMs: 1 } });
  const worked = (shard$: Observable<KinesisRecord>, store: CheckpointStore) =>
    shard$.pipe(bufferTime(1), withSequenceRanges(), recoverFrom(store), checkpointEvery(2, { maxRetries: 1, retryDelayMs: 1 }));

  const sources: Readonly<Record<string, (told: Told) => Observable<unknown>>> = {
    'a stream': (told) => kinesisStream(reading(told)).pipe(restarted),
    'a stream that nobody watches': (told) => kinesisStream({ ...reading(told), events: undefined }).pipe(restarted),
    'a shard with a lease table': (told) => {
      const store = newTable();
      return worked(kinesisShard({ ...reading(told, store), shardId: SHARD }), store);
    },
    'a worker with a lease table': (told) => {
      const store = newTable({ next: (event) => void told.events.push(event) });
      return kinesisStream(reading(told, store)).pipe(mergeShards((shard) => worked(shard, store)));
    },
    'a range': (told) => kinesisRanges([rangeOf(2, 2, 1)], { ...quick(told), retryTimeoutMs: 200 }),
  };
  const OPERATIONS: Readonly<Record<string, readonly string[]>> = {
    'a stream': ['ListShards', 'GetShardIterator', 'GetRecords'],
    'a stream that nobody watches': ['ListShards', 'GetShardIterator', 'GetRecords'],
    'a shard with a lease table': ['DescribeTable', 'CreateTable', 'GetItem', 'PutItem'],
    'a worker with a lease table': ['Scan', 'PutItem', 'UpdateItem'],
    'a range': ['GetShardIterator', 'GetRecords'],
  };

  /** Reads until it has said what it has to say of an operation that goes wrong. */
  async function tell(source: string, operation: string, way: string): Promise<Told> {
    services.sabotage(operation, sabotages[way]!);
    const told: Told = { errors: [], events: [], isOver: false };
    const over = (): void => void (told.isOver = true);
    const reading: Subscription = sources[source]!(told)
      .pipe(finalize(over))
      .subscribe({ error: (error: unknown) => told.errors.push(error) });
    const isTold = (): boolean => services.sabotaged() > 0 && told.events.filter((event) => 'error' in event).length >= 2;
    await until(`${source} meets ${operation} that ${way}`, () => told.isOver || isTold() || (way === NEVER && services.sabotaged() > 0));
    reading.unsubscribe();
    expect(services.sabotaged(), 'how often it went wrong').to.be.above(0);
    return told;
  }
  const NEVER = 'is never answered';

  /** The length of a text, without where this checkout lies: the stacks of an error and of its causes name it in each line. */
  const lengthOf = (text: string): number => text.replaceAll(/(?:file:\/\/)?\/[^\s()]*\/(?=(?:lib|spec|node_modules)\/)/g, '').length;

  for (const [source, operations] of Object.entries(OPERATIONS)) {
    for (const operation of operations) {
      for (const way of Object.keys(sabotages)) {
        it(`by ${source} when ${operation} ${way}`, async () => {
          const told = await tell(source, operation, way);
          const faults = [...told.errors, ...told.events.filter((event) => 'error' in event)];
          if (way !== NEVER) expect(faults).not.to.deep.equal([]);
          for (const each of [...told.errors, ...told.events, ...written]) {
            const texts = shownBy(each);
            expect(canariesIn(texts), texts.join('\n').slice(0, 2_000)).to.deep.equal([]);
            expect(Math.max(...texts.map(lengthOf)), 'the longest text').to.be.below(30_000);
          }
        });
      }
    }
  }
});
