import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Subject } from 'rxjs';
import { parseArguments, USAGE } from '../../docs/examples/demo/arguments.js';
import { BlockTraces, loadRows, type Fate, type Loads } from '../../docs/examples/demo/block-traces.js';
import { failuresIn, type Evidence as Outcome } from '../../docs/examples/demo/failures.js';
import { meanDelay, readFlights, totalsOf, type Flight } from '../../docs/examples/demo/flights.js';
import { INTERVENTIONS } from '../../docs/examples/demo/interventions.js';
import { rangeOf } from '../support/ranges.js';
import { lineOf, shortLineOf } from '../../docs/examples/demo/progress.js';
import { FAILURES, Outage } from '../../docs/examples/demo/proxy.js';
import { remoteSink, requestFor } from '../../docs/examples/demo/remote-sink.js';
import { alertRows } from '../../docs/examples/demo/report.js';
import { drawShardGraph, type ShardSummary } from '../../docs/examples/demo/shard-graph.js';
import { FlightSink } from '../../docs/examples/demo/sink.js';
import { readSink, type Applied } from '../../docs/examples/demo/sink-database.js';
import { describeCheckpoint } from '../../docs/examples/demo/summarize-shards.js';
import { drawTable } from '../../docs/examples/demo/table.js';
import { countEvent, EMPTY_TALLY, recoveredFromBuffers } from '../../docs/examples/demo/tally.js';
import { tenureRows, Tenures, wereShared } from '../../docs/examples/demo/tenures.js';
import { verify, type Evidence, type Produced } from '../../docs/examples/demo/verification.js';
import { note, type ToldAlert } from '../../docs/examples/demo/watch.js';
import type { ParentMessage, SaveRequest, WorkerMessage } from '../../docs/examples/demo/messages.js';
import type { Alert, KinesisEvent, Shard } from '../../lib/index.js';
import { block as kinesisBlock, record } from '../../lib/testing/index.js';

describe('demo', () => {
  describe('parseArguments', () => {
    it('takes the smaller file unless told otherwise', () => {
      expect(parseArguments([])).to.deep.equal({ help: false, records: '20000' });
      expect(parseArguments(['--records', 'all'])).to.deep.equal({ help: false, records: 'all' });
      expect(parseArguments(['--help'])).to.deep.equal({ help: true });
    });

    it('refuses what it does not know', () => {
      expect(() => parseArguments(['--records', '5'])).to.throw('--records: expected 20000 or all, got "5"');
      expect(() => parseArguments(['--speed', '5'])).to.throw("Unknown option '--speed'");
      expect(() => parseArguments(['all'])).to.throw("Unexpected argument 'all'");
    });
  });

  describe('readFlights', () => {
    it('gives every flight of the files a place and a group', () => {
      const byAirport = readFlights('20000').flights;
      expect(byAirport).to.have.lengthOf(20_000);
      expect(byAirport[0]).to.deep.equal({ index: 0, group: 'DTW', delay: 66 });
      expect(totalsOf(byAirport)).to.have.property('size', 220);

      const byDistance = readFlights('all').flights;
      expect(byDistance).to.have.lengthOf(200_000);
      expect(byDistance[1]).to.deep.equal({ index: 1, group: '2227 mi', delay: 171 });
    });

    it('has whole numbers of minutes, so that sums are exact', () => {
      for (const count of ['20000', 'all'] as const) {
        expect(readFlights(count).flights.every(({ delay }) => Number.isSafeInteger(delay))).to.equal(true);
      }
    });
  });

  it('adds delays up by group', () => {
    const totals = totalsOf([flight(0, 'ATL', 10), flight(1, 'JFK', -4), flight(2, 'ATL', 5)]);
    expect([...totals]).to.deep.equal([
      ['ATL', { flights: 2, delay: 15 }],
      ['JFK', { flights: 1, delay: -4 }],
    ]);
    expect(meanDelay(totals.get('ATL')!)).to.equal(7.5);
  });

  describe('verify', () => {
    it('passes when all is applied, once and in order', () => {
      expect(verify(evidence())).to.deep.equal({
        produced: 4,
        processed: 4,
        lost: 0,
        appliedTwice: 0,
        foreign: 0,
        outOfOrder: 0,
        groups: 2,
        differing: [],
        passed: true,
      });
    });

    const [first, second, third, fourth] = ['1', '2', '10', '11'].map((sequenceNumber, index) => [index, sequenceNumber] as const);
    const tampered: Record<string, [Partial<Evidence>, object]> = {
      'a flight is not applied': [{ applied: [block('a', first!, second!), block('b', third!)] }, { lost: 1, processed: 3 }],
      'a flight is applied twice': [
        { applied: [block('a', first!, second!), block('a', second!), block('b', third!, fourth!)] },
        { lost: 0, appliedTwice: 1, processed: 5 },
      ],
      'two records of a shard change places': [
        { applied: [block('a', second!, first!), block('b', third!, fourth!)] },
        { lost: 0, outOfOrder: 1 },
      ],
      'a child shard is applied before its parent': [
        { applied: [block('b', third!, fourth!), block('a', first!, second!)] },
        { lost: 0, outOfOrder: 2 },
      ],
      'a record has the data of another': [
        { applied: [block('a', first!, [2, '2']), block('b', third!, fourth!)] },
        { lost: 1, foreign: 1 },
      ],
      'a record is of another shard': [{ applied: [block('a', first!, second!, third!), block('b', fourth!)] }, { lost: 1, foreign: 1 }],
      'a flight is not produced': [
        { produced: evidence().produced.slice(1), applied: [block('a', second!), block('b', third!, fourth!)] },
        { produced: 3, lost: 1 },
      ],
      'a sum differs': [{ totals: totalsWith('ATL', { flights: 2, delay: 16 }) }, { lost: 0, differing: ['ATL'] }],
      'a count differs, and the mean does not': [{ totals: totalsWith('ATL', { flights: 4, delay: 80 }) }, { differing: ['ATL'] }],
      'a group is missing': [{ totals: totalsWith('JFK', undefined) }, { differing: ['JFK'] }],
      'a group is not in the file': [{ totals: totalsWith('XXX', { flights: 1, delay: 1 }) }, { differing: ['XXX'] }],
    };
    for (const [name, [changed, found]] of Object.entries(tampered)) {
      it(`fails when ${name}`, () => {
        const verdict = verify({ ...evidence(), ...changed });
        expect(verdict).to.include({ passed: false });
        expect(verdict).to.deep.include(found);
      });
    }
  });

  describe('FlightSink', () => {
    let directory: string;

    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-spec-'));
    });
    afterEach(() => rm(directory, { recursive: true, force: true }));

    /** Gives the blocks to one sink after another, each as if the one before had been killed. */
    async function saveAll(...lives: SaveRequest[][]): Promise<number[]> {
      const fresh: number[] = [];
      for (const blocks of lives) {
        const sink = await FlightSink.open(directory);
        // All at once, as the pipelines of several shards do.
        const saved = await Promise.all(blocks.map((each) => sink.save(each)));
        fresh.push(...saved.map((each) => each.fresh));
        await sink.close();
      }
      return fresh;
    }

    it('adds up what several shards bring at once', async () => {
      await saveAll([blockOf('a', flight(0, 'ATL', 10), flight(1, 'JFK', 3)), blockOf('b', flight(2, 'ATL', 30))]);
      const { totals, applied, counts } = await readSink(directory);
      expect(totals).to.deep.equal(totalsOf([flight(0, 'ATL', 10), flight(1, 'JFK', 3), flight(2, 'ATL', 30)]));
      expect(applied).to.deep.equal([block('a', [0, '100'], [1, '101']), block('b', [2, '102'])]);
      expect(counts).to.deep.equal({
        blocks: 2,
        processed: 3,
        repeatedBlocks: 0,
        repeatedBlockRecords: 0,
        repeatedRecords: 0,
        refusedBlocks: 0,
      });
    });

    it('knows a block that comes again by its id', async () => {
      const blocks = [blockOf('a', flight(0, 'ATL', 10), flight(1, 'JFK', 3))];
      expect(await saveAll(blocks, blocks)).to.deep.equal([2, 0]);
      const { totals, counts } = await readSink(directory);
      expect(totals.get('ATL')).to.deep.equal({ flights: 1, delay: 10 });
      expect(counts).to.include({ processed: 2, repeatedBlocks: 1, repeatedBlockRecords: 2, repeatedRecords: 0 });
    });

    it('refuses blocks of a former owner of the shard, also when the new owner has brought nothing new', async () => {
      const block = blockOf('a', flight(0, 'ATL', 10));
      const sink = await FlightSink.open(directory);
      await sink.save({ ...block, fencingToken: '9' });
      await sink.save({ ...block, fencingToken: '10' });
      const late = sink.save({ ...blockOf('a', flight(1, 'JFK', 3)), fencingToken: '9' });
      const refusal = await late.then(
        () => 'saved',
        (error: Error) => error.message,
      );
      expect(refusal).to.equal('a has another owner by now: its fencing token is 10, that of the block 9');
      // The tokens of another shard are others.
      await sink.save({ ...blockOf('b', flight(2, 'ATL', 30)), fencingToken: '1' });
      await sink.close();
      const { totals, counts } = await readSink(directory);
      expect(totals).to.deep.equal(totalsOf([flight(0, 'ATL', 10), flight(2, 'ATL', 30)]));
      expect(counts).to.include({ processed: 2, repeatedBlocks: 1, refusedBlocks: 1 });
    });

    it('saves nothing while it stands still', async () => {
      const sink = await FlightSink.open(directory);
      const saved: number[] = [];
      const save = async (index: number): Promise<void> => {
        await sink.save(blockOf('a', flight(index, 'ATL', 1)));
        saved.push(index);
      };
      const before = save(0);
      const goOn = sink.hold();
      const after = save(1);
      await before;
      // In the time in which another sink saves several blocks.
      const other = await FlightSink.open(join(directory, 'other'));
      for (let i = 0; i < 10; i++) await other.save(blockOf('a', flight(i, 'ATL', 1)));
      await other.close();
      expect(saved).to.deep.equal([0]);
      goOn();
      await after;
      expect(saved).to.deep.equal([0, 1]);
      await sink.close();
    });

    it('knows records that come again in another block by their place', async () => {
      const [first, second, third] = [flight(0, 'ATL', 10), flight(1, 'JFK', 3), flight(2, 'ATL', 30)];
      expect(await saveAll([blockOf('a', first), blockOf('a', second)], [blockOf('a', first, second, third)])).to.deep.equal([1, 1, 1]);
      const { totals, applied, counts } = await readSink(directory);
      expect(totals).to.deep.equal(totalsOf([first, second, third]));
      expect(applied.flatMap(({ records }) => records.map(([index]) => index))).to.deep.equal([0, 1, 2]);
      expect(counts).to.include({ processed: 3, repeatedBlocks: 0, repeatedRecords: 2 });
    });
  });

  describe('the sink as a worker sees it', () => {
    const first = kinesisBlock(record(100, { data: new TextEncoder().encode('{"index":0,"group":"ATL","delay":10}') }));
    const second = kinesisBlock(record(101, { data: new TextEncoder().encode('{"index":1,"group":"JFK","delay":3}') }));
    const shard = { shardId: first.records[0]!.shardId, fencingToken: '7' } as Shard;

    it('sends what it makes of the payloads, and emits a block once its own answer is there', () => {
      const told: WorkerMessage[] = [];
      const answers$ = new Subject<ParentMessage>();
      const save = remoteSink((message) => told.push(message), answers$);
      const saved: string[] = [];
      for (const block of [first, second]) save(block, shard).subscribe(({ id }) => saved.push(id));
      expect(told).to.have.lengthOf(2);
      expect(told[0]).to.deep.equal({
        type: 'save',
        call: 0,
        request: {
          blockId: first.id,
          shardId: shard.shardId,
          fencingToken: '7',
          records: [{ flight: flight(0, 'ATL', 10), sequenceNumber: '100', subSequenceNumber: 0 }],
        },
      });
      answers$.next({ type: 'stop' });
      expect(saved).to.deep.equal([]);
      answers$.next({ type: 'answer', call: 1 });
      answers$.next({ type: 'answer', call: 0 });
      expect(saved).to.deep.equal([second.id, first.id]);
    });

    it('errors when the sink refuses a block', () => {
      const answers$ = new Subject<ParentMessage>();
      let refusal: unknown;
      remoteSink(() => undefined, answers$)(first, shard).subscribe({ error: (error: unknown) => (refusal = (error as Error).message) });
      answers$.next({ type: 'answer', call: 0, error: 'it is full' });
      expect(refusal).to.equal('The sink refused a block: it is full');
    });
  });

  describe('an outage', () => {
    const iterator = 'AAAAAAAAAAE'.padEnd(60, 'x');
    const ask = (of = iterator): Buffer => Buffer.from(JSON.stringify({ ShardIterator: of }));
    const page = (next: string, ...records: object[]): Buffer => Buffer.from(JSON.stringify({ NextShardIterator: next, Records: records }));
    const failures = (outage: Outage, of?: string): number => {
      let count = 0;
      while (outage.fails(ask(of))) count++;
      return count;
    };

    it('fails the read that follows a page with records, more often than the reader tries', () => {
      const outage = new Outage();
      outage.begin();
      outage.notePage(page(iterator, { PartitionKey: 'ATL' }));
      expect([failures(outage, 'another'.padEnd(60, 'x')), failures(outage), failures(outage)]).to.deep.equal([0, FAILURES, 0]);
    });

    it('knows the iterator in CBOR too, where a length stands between its name and itself', () => {
      const outage = new Outage();
      outage.begin();
      outage.notePage(Buffer.from(`\xbfgRecords\x81\xbflPartitionKeycATL\xffqNextShardIterator\x78\x3c${iterator}\xff`, 'latin1'));
      expect(failures(outage)).to.equal(FAILURES);
    });

    it('fails nothing after an empty page, before it begins, and after its end', () => {
      const outage = new Outage();
      outage.notePage(page(iterator, { PartitionKey: 'ATL' }));
      outage.begin();
      outage.notePage(page(iterator));
      expect(failures(outage)).to.equal(0);
      outage.notePage(page(iterator, { PartitionKey: 'ATL' }));
      outage.end();
      expect(failures(outage)).to.equal(0);
    });
  });

  it('intervenes while flights are produced, in order', () => {
    const times = INTERVENTIONS.map(({ at }) => at);
    expect(times).to.deep.equal([...times].sort((a, b) => a - b));
    expect(times.every((at) => at > 0 && at < 1)).to.equal(true);
  });

  it('adds up what workers report', () => {
    const shard = { at: 0, streamName: 'flights', shardId: 'shardId-000000000000' };
    const tally = [
      { type: 'checkpointWritten', ...shard, sequenceNumber: '1', subSequenceNumber: 0 },
      { type: 'recoveryStarted', ...shard, ranges: [rangeOf(7, 9, 2)], error: undefined },
      { type: 'recovered', ...shard, ranges: 2, records: 30 },
      { type: 'readRetry', ...shard, reason: 'throttling', attempt: 1, delayMs: 10, error: undefined },
      { type: 'recoveryStarted', ...shard, ranges: [rangeOf(10, 20, 12)], error: { code: 'BLOCK_UNAVAILABLE' } },
      { type: 'blockRecovered', ...shard, blockId: 'b', records: 12 },
      { type: 'recovered', ...shard, ranges: 1, records: 12 },
      { type: 'shardRestarted', ...shard, attempt: 1, delayMs: 10, error: undefined },
      { type: 'shardEndReached', ...shard },
    ] as const;
    const lostRanges = ['shard 0: 2 records from …7 to …9'];
    const recovered = { recoveredRanges: 3, recoveredRecords: 42, recoveredBlockRecords: 12 };
    const total = tally.reduce(countEvent, EMPTY_TALLY);
    expect(total).to.deep.equal({ checkpoints: 1, ...recovered, lostRanges, retries: 1, restarts: 1 });
    expect(recoveredFromBuffers(total)).to.equal(30);
  });

  it('tells progress within the width of a terminal, beside a bar', () => {
    const figures = { lagMs: 420, checkpointSuccess: 0.9, throttled: undefined };
    const progress = { produced: 10_000, processed: 5_000, flights: 20_000, waiting: 3, checkpoints: 12, figures };
    expect(lineOf(progress)).to.equal('produced 10 000, processed 5 000, blocks waiting 3, lag 0.4 s, checkpoints 12 (90 %), throttled -');
    expect(shortLineOf(progress)).to.equal('5 000 of 20 000, lag 0.4 s, checkpoints 90 %, throttled -');
    const most = { lagMs: 29_900, checkpointSuccess: 1, throttled: 1 };
    expect(shortLineOf({ ...progress, processed: 200_000, flights: 200_000, figures: most })).to.have.length.at.most(66);
  });

  it('tells of each alert when it was raised and when it was cleared', () => {
    const alert = (type: Alert['type'], raised: boolean, shard: number, value: number | undefined): Alert => {
      const limit = type === 'stuckShard' ? 2_500 : 0.05;
      return { type, raised, streamName: 'flights', shardId: `shardId-00000000000${shard}`, value, limit };
    };
    const told: ToldAlert[] = [];
    note(told, alert('stuckShard', true, 3, 2_501), 10_000);
    note(told, alert('highErrorRate', true, 3, 0.5), 11_000);
    note(told, alert('stuckShard', false, 3, 0), 12_300);
    note(told, alert('stuckShard', false, 4, 0), 12_400);
    note(told, alert('stuckShard', true, 3, 2_600), 20_000);
    expect(alertRows(told).slice(1)).to.deep.equal([
      ['stuckShard', '3', '10.0 s', '12.3 s', '2.5 s', '2.5 s'],
      ['highErrorRate', '3', '11.0 s', 'never', '50 %', '5 %'],
      ['stuckShard', '3', '20.0 s', 'never', '2.6 s', '2.5 s'],
    ]);
  });

  it('explains itself within 80 columns', () => {
    expect(Math.max(...USAGE.split('\n').map((line) => line.length))).to.be.at.most(80);
  });

  describe('who read what', () => {
    it('has a row for each owner of a shard, and how long nobody read it before', () => {
      const tenures = new Tenures();
      const told: [string, KinesisEvent][] = [
        ['A', leaseTaken(0, 900, 'free')],
        ['A', pageRead(0, 1_000, 10)],
        ['B', leaseTaken(1, 900, 'free')],
        ['B', pageRead(1, 1_100, 5)],
        ['A', pageRead(0, 2_000, 0)],
        ['B', leaseTaken(0, 5_500, 'expired')],
        ['B', pageRead(0, 6_000, 20)],
        ['B', pageRead(0, 7_000, 1)],
        ['B', { type: 'shardReleased', ...ofShard(0, 7_100), reason: 'stopped' }],
        ['C', leaseTaken(0, 7_300, 'free')],
        ['A', leaseTaken(0, 7_350, 'handedOver')],
        ['B', leaseTaken(0, 7_370, 'handedOver')],
        ['B', pageRead(0, 7_400, 2)],
      ];
      for (const [worker, event] of told) tenures.note(worker, event);
      expect(tenureRows(tenures.all, 500).slice(1)).to.deep.equal([
        ['0', 'A', '10', '0.5 s', '1.5 s', '', 'it was free'],
        ['', 'B', '21', '5.5 s', '6.5 s', '4.0 s', 'its owner was gone'],
        ['', 'B', '2', '6.9 s', '6.9 s', '0.4 s', 'it was free, then handed over'],
        ['1', 'B', '5', '0.6 s', '0.6 s', '', 'it was free'],
      ]);
      expect(['A', 'B', 'C'].map((worker) => tenures.shardsOf(worker).length)).to.deep.equal([0, 2, 0]);
    });
  });

  it('calls shards shared when two workers read at the same time, also when one worker was the first to read each of them', () => {
    const tenuresOf = (...told: readonly (readonly [string, KinesisEvent])[]) => {
      const tenures = new Tenures();
      for (const [worker, event] of told) tenures.note(worker, event);
      return tenures.all;
    };
    const first = [
      ['A', pageRead(0, 1_000, 1)],
      ['A', pageRead(1, 1_000, 1)],
      ['A', pageRead(1, 3_000, 1)],
    ] as const;
    const handedOver = ['A', { type: 'shardReleased', ...ofShard(0, 1_500), reason: 'stopped' }] as const;
    const successors = [
      ['B', pageRead(0, 4_000, 1)],
      ['B', pageRead(1, 4_000, 1)],
    ] as const;
    expect(wereShared(tenuresOf(...first))).to.equal(false);
    expect(wereShared(tenuresOf(...first, handedOver, ['B', pageRead(0, 2_000, 1)]))).to.equal(true);
    // One after the other, as when a worker that read everything is killed.
    expect(wereShared(tenuresOf(...first, ...successors))).to.equal(false);
  });

  it('says of a lease that another worker has freed that its owner was gone', () => {
    const tenures = new Tenures();
    const freed = (at: number): KinesisEvent => ({ type: 'leaseFreed', at, ...freedOf, shardId: ofShard(0, at).shardId });
    const freedOf = { workerId: 'B', formerOwner: 'A', idleMs: 10_001 };
    const told: [string, KinesisEvent][] = [
      ['A', pageRead(0, 1_000, 10)],
      ['B', freed(12_000)],
      ['C', leaseTaken(0, 12_100, 'free')],
      ['C', pageRead(0, 12_200, 1)],
      ['C', { type: 'shardReleased', ...ofShard(0, 13_000), reason: 'stopped' }],
      ['B', leaseTaken(0, 13_100, 'free')],
      ['B', pageRead(0, 13_200, 1)],
    ];
    for (const [worker, event] of told) tenures.note(worker, event);
    expect(tenures.all.map(({ worker, from }) => [worker, from])).to.deep.equal([
      ['A', []],
      ['C', ['expired']],
      ['B', ['free']],
    ]);
  });

  it('does not take a lease that a worker had renewed too late, and has again, for one that was handed over', () => {
    const tenures = new Tenures();
    const lost: KinesisEvent = { type: 'leaseLost', at: 0, shardId: ofShard(0, 0).shardId, workerId: 'w', reason: 'expired', heldMs: 1 };
    const told: [string, KinesisEvent][] = [
      ['A', pageRead(0, 1_000, 10)],
      ['A', lost],
      ['A', { type: 'shardReleased', ...ofShard(0, 1_100), reason: 'lost' }],
      ['A', leaseTaken(0, 2_000, 'regained')],
      ['A', pageRead(0, 3_000, 1)],
      ['A', lost],
      ['B', leaseTaken(0, 4_000, 'handedOver')],
      ['B', pageRead(0, 4_000, 1)],
    ];
    for (const [worker, event] of told) tenures.note(worker, event);
    expect(tenures.all.map(({ worker, from, silentMs }) => [worker, from, silentMs])).to.deep.equal([
      ['A', [], undefined],
      ['A', ['regained'], 2_000],
      ['B', ['handedOver'], 1_000],
    ]);
  });

  describe('what came from where', () => {
    const stored = (number: number, blockId: string): KinesisEvent => ({ type: 'blockStored', ...ofShard(number, 0), blockId, records: 1 });
    const tracesOf = (...blocks: [worker: string, shard: number, blockId: string][]): BlockTraces => {
      const traces = new BlockTraces();
      for (const [worker, shard, blockId] of blocks) traces.note(worker, stored(shard, blockId));
      return traces;
    };

    it('counts blocks by what had happened to them, and by where they were found', () => {
      const traces = tracesOf(['A', 0, 'a'], ['A', 0, 'b'], ['A', 0, 'c'], ['A', 0, 'd'], ['A', 0, 'e']);
      const [b, c, d] = traces.resting(['A']);
      traces.noteDeleted([b!], 'ownDeleted');
      traces.noteDeleted([c!], 'replicaDeleted');
      traces.noteDeleted([d!], 'bothDeleted');
      traces.noteLoaded('A', 'a', 'memory');
      traces.noteLoaded('A', 'b', 'replica');
      traces.noteLoaded('A', 'c', 'disk');
      traces.note('A', { type: 'blockRecovered', ...ofShard(0, 0), blockId: 'd', records: 1 });
      traces.noteLoaded('B', 'e', 'replica');
      expect(loadRows(traces).slice(1)).to.deep.equal([
        ['nothing', '1', '1', '0', '0', '0'],
        ['left by a former owner', '1', '0', '0', '1', '0'],
        ["the worker's copy deleted", '1', '0', '0', '1', '0'],
        ['the replica deleted', '1', '0', '1', '0', '0'],
        ['both copies deleted', '1', '0', '0', '0', '1'],
      ]);
      // It was stored again.
      traces.noteLoaded('A', 'd', 'memory');
      expect(traces.loadsOf('untouched').memory).to.equal(2);
    });

    it('knows which blocks wait, and which of those stay where they are while the sink stands still', () => {
      const traces = tracesOf(['A', 0, 'a'], ['B', 1, 'b'], ['A', 0, 'c'], ['B', 1, 'd'], ['A', 0, 'e']);
      traces.noteLoaded('A', 'a', 'memory');
      expect(traces.waiting(['A', 'B']).map(({ blockId }) => blockId)).to.deep.equal(['b', 'c', 'd', 'e']);
      expect(traces.resting(['A', 'B'])).to.deep.equal([
        { worker: 'B', blockId: 'd' },
        { worker: 'A', blockId: 'e' },
      ]);
      expect(traces.waiting(['B']).map(({ blockId }) => blockId)).to.deep.equal(['b', 'd']);
      expect(['a', 'b'].map((blockId) => traces.isLoaded(blockId))).to.deep.equal([true, false]);
    });
  });

  describe('the outcome', () => {
    const NONE: Loads = { memory: 0, disk: 0, replica: 0, Kinesis: 0 };
    const loads: Partial<Record<Fate, Loads>> = {
      inherited: { ...NONE, replica: 3 },
      ownDeleted: { ...NONE, replica: 2 },
      replicaDeleted: { ...NONE, memory: 1, disk: 1 },
      bothDeleted: { ...NONE, Kinesis: 4 },
    };
    const withLoads = (changed: Partial<Record<Fate, Loads>>): Pick<Outcome, 'traces'> => ({
      traces: { loadsOf: (fate) => ({ ...loads, ...changed })[fate] ?? NONE },
    });
    const tenures = new Tenures();
    tenures.note('A', pageRead(0, 0, 1));
    tenures.note('B', pageRead(1, 0, 1));
    const good: Outcome = {
      verdict: verify(evidence()),
      isComplete: true,
      hasStopped: true,
      tally: { ...EMPTY_TALLY, recoveredRecords: 5, recoveredBlockRecords: 4 },
      tenures: tenures.all,
      ...withLoads({}),
    };

    it('is good when all was seen and nothing is lost', () => {
      expect(failuresIn(good)).to.deep.equal([]);
    });

    const bad: Record<string, Partial<Outcome>> = {
      'not everything was processed': { isComplete: false },
      'what was processed is not what is in the file': { verdict: verify({ ...evidence(), applied: [] }) },
      'a worker did not stop': { hasStopped: false },
      'no two workers read at the same time, so sharing was not seen': { tenures: tenures.all.slice(1) },
      'nothing was lost in a buffer, so recovery was not seen': { tally: { ...good.tally, recoveredBlockRecords: 5 } },
      'no block of a killed worker was found by another': withLoads({ inherited: { ...NONE, Kinesis: 3 } }),
      "no block without the worker's own copy came from the replica": withLoads({ ownDeleted: { ...NONE, Kinesis: 2 } }),
      "no block without the replica came from the worker's own copy": withLoads({ replicaDeleted: { ...NONE, Kinesis: 2 } }),
      'no block without a copy was read again from Kinesis': withLoads({ bothDeleted: NONE }),
    };
    for (const [failure, changed] of Object.entries(bad)) {
      it(`is bad when ${failure}`, () => {
        expect(failuresIn({ ...good, ...changed })).to.deep.equal([failure]);
      });
    }
  });

  it('draws a table with numbers to the right', () => {
    const table = drawTable([
      ['name', 'count', ''],
      ['produced', '20 000', 'all'],
      ['lost', '0', ''],
    ]);
    expect(table.split('\n')).to.deep.equal([
      '┌──────────┬────────┬─────┐',
      '│ name     │  count │     │',
      '├──────────┼────────┼─────┤',
      '│ produced │ 20 000 │ all │',
      '│ lost     │      0 │     │',
      '└──────────┴────────┴─────┘',
    ]);
  });

  it('draws splits and merges', () => {
    const graph = drawShardGraph([shard(0), shard(1), shard(2), shard(3, 2), shard(4, 2), shard(5, 0, 1)]);
    expect(graph.split('\n').map((line) => line.replace(/ +/g, ' ').replace(/ checkpoint.*/, ''))).to.deep.equal([
      '0 4 of 5 merged with 1 into 5',
      '└─ 5 4 of 5 open',
      '1 4 of 5 merged with 0 into 5',
      '└─ 5 (above)',
      '2 4 of 5 split into 3 and 4',
      '├─ 3 4 of 5 open',
      '└─ 4 4 of 5 open',
    ]);
  });

  it('says how far a checkpoint is', () => {
    const produced = ['9', '10', '11'].map((sequenceNumber, index): Produced => ({ index, shardId: 'a', sequenceNumber }));
    const at = (sequenceNumber: string) => ({ streamName: 'flights', shardId: 'a', sequenceNumber, subSequenceNumber: 0 });
    expect(describeCheckpoint(undefined, produced, false)).to.equal('none');
    expect(describeCheckpoint(undefined, produced, true)).to.equal('cleaned up');
    expect(describeCheckpoint(at('SHARD_END'), produced, true)).to.equal('SHARD_END');
    expect(describeCheckpoint(at('11'), produced, false)).to.equal('its last record');
    expect(describeCheckpoint(at('9'), produced, false)).to.equal('2 records behind');
  });
});

function flight(index: number, group: string, delay: number): Flight {
  return { index, group, delay };
}

function block(shardId: string, ...records: Applied['records'][number][]): Applied {
  return { shardId, records };
}

/** What a worker sends of a block; the sequence numbers are 100 and up, by flight. */
function blockOf(shardId: string, ...flights: Flight[]): SaveRequest {
  const encode = (value: Flight): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const block = kinesisBlock(...flights.map((each) => record(100 + each.index, { shardId, data: encode(each) })));
  return requestFor(block, { shardId, fencingToken: '1' });
}

/** Who reads which shard of the stream; the time is in ms. */
function pageRead(number: number, at: number, records: number): KinesisEvent {
  return { type: 'pageRead', ...ofShard(number, at), records, bytes: 0, millisBehindLatest: 0, hasOpenBlocks: false };
}

function leaseTaken(number: number, at: number, from: 'free' | 'expired' | 'handedOver' | 'regained'): KinesisEvent {
  return { type: 'leaseTaken', at, shardId: ofShard(number, at).shardId, workerId: 'w', from, idleMs: 0, fencingToken: '1' };
}

function ofShard(number: number, at: number): { at: number; streamName: string; shardId: string } {
  return { at, streamName: 'flights', shardId: `shardId-00000000000${number}` };
}

/** Four flights in a shard `a` and its child `b`, all well. Each group has flights in both. */
function evidence(): Evidence {
  const flights = [flight(0, 'ATL', 10), flight(1, 'JFK', 3), flight(2, 'ATL', 30), flight(3, 'JFK', 4)];
  const produced: Produced[] = [
    { index: 0, shardId: 'a', sequenceNumber: '1' },
    { index: 1, shardId: 'a', sequenceNumber: '2' },
    { index: 2, shardId: 'b', sequenceNumber: '10' },
    { index: 3, shardId: 'b', sequenceNumber: '11' },
  ];
  const applied = [block('a', [0, '1'], [1, '2']), block('b', [2, '10'], [3, '11'])];
  return { flights, produced, applied, totals: totalsOf(flights) };
}

function totalsWith(group: string, total: { flights: number; delay: number } | undefined): Evidence['totals'] {
  const totals = new Map(evidence().totals);
  if (total) totals.set(group, total);
  else totals.delete(group);
  return totals;
}

function shard(number: number, ...parents: number[]): ShardSummary {
  const name = (n: number): string => `shardId-${String(n).padStart(12, '0')}`;
  return { shardId: name(number), parentShardIds: parents.map(name), produced: 5, processed: 4, checkpoint: 'none' };
}
