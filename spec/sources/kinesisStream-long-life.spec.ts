import { expect } from 'chai';
import { bufferCount, delay, mergeMap, of, tap, VirtualTimeScheduler, type Observable } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { readBudget, type ReadBudget } from '../../lib/kinesis/read-budget.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { polling } from '../../lib/readers/polling.js';
import type { Shard } from '../../lib/shards/shard.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { entriesOf } from '../../lib/tracking/tracked-block.js';
import { trackedShardOf } from '../../lib/tracking/tracked-shard.js';
import type { Block } from '../../lib/values/block.js';
import { collectGarbage, heldOf } from '../support/collect-garbage.js';
import { longStream } from '../support/long-stream.js';

/** A budget that knows of which shards it has been asked and not told to forget. */
function watchedBudget(): { readonly budget: ReadBudget; readonly shards: ReadonlySet<string> } {
  const inner = readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity });
  const shards = new Set<string>();
  const budget: ReadBudget = {
    acquire: (shard, scheduler) => (shards.add(shard), inner.acquire(shard, scheduler)),
    spend: (shard, bytes, scheduler) => (shards.add(shard), inner.spend(shard, bytes, scheduler)),
    forget: (shard) => (shards.delete(shard), inner.forget(shard)),
  };
  return { budget, shards };
}

const RECORDS = 200_000;
const PER_BLOCK = 10;
const IN_FLIGHT = 1_000;
/** In virtual time: several times what it takes. */
const MAX_MS = 60_000;

/** Follows a stream for 200 000 records in 20 000 blocks, and stays subscribed in the middle of a shard. */
function live() {
  const scheduler = new VirtualTimeScheduler(undefined, 0);
  const { budget, shards: budgeted } = watchedBudget();
  const client = longStream({ scheduler, recordsPerShard: 42_000, failsEvery: 50 });
  const made = {
    blocks: [] as WeakRef<object>[],
    entries: [] as WeakRef<object>[],
    records: [] as WeakRef<object>[],
    shards: [] as WeakRef<object>[],
  };
  const counts = { records: 0, recoveries: 0, restarts: 0, inView: 0 };
  const events = {
    next: (event: KinesisEvent): void => {
      if (event.type === 'recoveryStarted') counts.recoveries++;
      if (event.type === 'shardRestarted') counts.restarts++;
      if (event.type === 'shardsDiscovered') counts.inView = event.total;
    },
  };
  const note = (block: Block): void => {
    made.blocks.push(new WeakRef(block));
    made.records.push(new WeakRef(block.records[0]!));
    for (const { entry } of entriesOf(block.ranges)) made.entries.push(new WeakRef(entry));
  };
  const store = memoryCheckpoints();
  let current: WeakRef<Shard> | undefined;
  // Blocks finish out of order, the slowest after a hundred others.
  const work = (block: Block, i: number): Observable<Block> => of(block).pipe(delay(i % 100 === 0 ? 30 : (i * 7) % 11, scheduler));
  const pipeline = (shard: Shard): Observable<Block> => {
    current = new WeakRef(shard);
    made.shards.push(new WeakRef(trackedShardOf(shard)!));
    return shard.pipe(
      bufferCount(PER_BLOCK),
      withSequenceRanges(),
      tap(note),
      recoverFrom(store, { maxRecoveries: 1_000, initialDelayMs: 2, scheduler, random: () => 0.5 }),
    );
  };
  const subscription = kinesisStream({
    ...{ client, streamName: 'stream', startFrom: 'TRIM_HORIZON', store, budget, events, scheduler, random: () => 0.5 },
    ...{ maxInFlightRecords: IN_FLIGHT, discoveryIntervalMs: 500, reader: polling({ maxRecordsPerPage: 100 }), retry: { maxRetries: 0 } },
  })
    .pipe(
      mergeShards(pipeline, { scheduler, random: () => 0.5 }),
      // Behind the merger, so that one schedule sees all shards.
      mergeMap(work),
      tap((block) => void (counts.records += block.records.length)),
      checkpointEvery(100, { scheduler, random: () => 0.5 }),
    )
    .subscribe();
  while (counts.records < RECORDS && scheduler.maxFrames < MAX_MS) {
    scheduler.maxFrames += 100;
    scheduler.flush();
  }
  return { subscription, made, counts, budgeted, ledger: () => trackedShardOf(current!.deref()!)!.ledger };
}

describe('kinesisStream, after 200 000 records in 20 000 blocks, four reshards and many recoveries', () => {
  let life: ReturnType<typeof live>;

  before(async function () {
    this.timeout(60_000);
    life = live();
    await collectGarbage();
  });

  after(() => life.subscription.unsubscribe());

  it('has been through what it is to be measured after', () => {
    const { made, counts } = life;
    expect(counts.records).to.be.at.least(RECORDS);
    expect(made.blocks).to.have.length.at.least(RECORDS / PER_BLOCK);
    expect(made.shards).to.have.length(5);
    expect(counts.recoveries).to.be.at.least(20);
    expect(counts.restarts).to.equal(0);
  });

  it('holds no more blocks and records than may be in flight', () => {
    const { blocks, records } = life.made;
    const most = IN_FLIGHT / PER_BLOCK;
    expect(heldOf(blocks), 'blocks').to.be.at.most(most);
    expect(heldOf(records), 'blocks whose records are held').to.be.at.most(most);
  });

  it('holds the ledger entries of what is in flight or settled behind that, and at most as many that are done with', () => {
    // While the slowest block is worked on, some 250 others are settled behind it.
    expect(heldOf(life.made.entries)).to.be.at.most(2 * (IN_FLIGHT / PER_BLOCK + 250));
  });

  it('holds nothing of a shard that is done: no ledger, no schedule, no lost work, no budget, no place in the graph but its parent', () => {
    const { made, counts, budgeted } = life;
    expect(heldOf(made.shards)).to.equal(1);
    expect([...budgeted]).to.have.length(1);
    expect(counts.inView).to.equal(2);
  });

  it('keeps the account of the shard that lives short: what is in flight, in few pieces', () => {
    const ledger = life.ledger();
    expect(ledger.openEntries().length).to.be.at.most(IN_FLIGHT / PER_BLOCK);
    expect(ledger.unclaimedAfter(0).length).to.be.at.most(64);
    expect(ledger.outstandingRecords).to.be.at.most(IN_FLIGHT);
  });
});
