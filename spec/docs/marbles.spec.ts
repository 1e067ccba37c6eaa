import { expect } from 'chai';
import {
  filter,
  ReplaySubject,
  type Subscription,
  bufferTime,
  catchError,
  concat,
  concatMap,
  concatWith,
  defer,
  EMPTY,
  from,
  ignoreElements,
  map,
  merge,
  mergeMap,
  NEVER,
  noop,
  of,
  share,
  Subject,
  tap,
  throwError,
  timer,
  type Observable,
} from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import {
  blockPerPage,
  blockStore,
  blockWithin,
  checkpointEvery,
  checkpointSuccessRate,
  deaggregate,
  eachBlock,
  fanOut,
  health,
  highErrorRate,
  isLeaseLost,
  kinesisRange,
  kinesisRanges,
  kinesisShard,
  kinesisStream,
  loadBlocks,
  memoryBlocks,
  memoryCheckpoints,
  mergeShards,
  pauseWhen,
  perShard,
  planRecovery,
  pid,
  polling,
  processBlocks,
  processingLag,
  readBudget,
  recordsProcessed,
  recoverFrom,
  recoveryRate,
  releaseBlocks,
  shareAlerts,
  stopWhen,
  storeBlocks,
  stuckShards,
  throttleRate,
  withSequenceRanges,
  type Alert,
  type Block,
  type BlockFailure,
  type BlockStore,
  type Checkpoint,
  type CheckpointStore,
  type KinesisRecord,
  type SequenceNumberRange,
  type SequenceNumberRanges,
  type SettledBatch,
  type Shard,
} from 'rx-kinesis';
import type { LeaseNews } from 'rx-kinesis';
import { leaseTable } from 'rx-kinesis/dynamodb';
import { levelBlocks, levelCheckpoints, type LevelBlockDatabase, type LevelDatabase } from 'rx-kinesis/level';
import { exportMetrics, type CounterLike, type MeterLike } from 'rx-kinesis/opentelemetry';
import { s3Blocks, type S3ClientLike } from 'rx-kinesis/s3';
import { aggregate, block, fakeKinesis, marbles, record } from 'rx-kinesis/testing';
import { encodeBlockSync } from '../../lib/blocks/block-codec.js';
import { startDynalite, type DynamoDBService } from '../support/dynamodb-services.js';
import { handFedShard, settle } from '../support/hand-fed-shard.js';
import { instantKinesis, quickReading, quickShard } from '../support/quick-shard.js';
import { sampleEvent } from '../support/sample-event.js';
import { diagram, framesOf } from './diagram.js';

const SHARD = { streamName: 'stream', shardId: 'shardId-000000000000', parentShardIds: [] };

describe('the marble diagrams of the pages', () => {
  it(
    'kinesisStream',
    marbles(({ expectObservable }) => {
      const { shard0, shard1, shard2, shards } = diagram('kinesisStream');
      const client = fakeKinesis({
        latencyMs: 0,
        shards: { 0: shard0!, 1: { parents: [0], records: shard1! }, 2: { parents: [0], records: shard2! } },
      });
      const numbers$ = kinesisStream({ ...quickReading(), client }).pipe(
        mergeMap((shard) => concat(of(shard.shardId.slice(-1)), shard.pipe(ignoreElements()))),
      );
      expectObservable(numbers$, '^ 50ms !').toBe(shards!);
    }),
  );

  it(
    'kinesisShard',
    marbles(({ expectObservable }) => {
      const { arriving, records } = diagram('kinesisShard');
      const client = fakeKinesis({ latencyMs: 0, shards: { 0: arriving! } });
      const shard = kinesisShard({ ...quickReading(), client, shardId: SHARD.shardId, reader: polling({ idleDelayMs: 5 }) });
      expectObservable(shard.pipe(map(letterOf))).toBe(records!);
    }),
  );

  it(
    'kinesisRange',
    marbles(({ expectObservable }) => {
      const { arrived, records } = diagram('kinesisRange');
      const client = fakeKinesis({ latencyMs: 0, shards: { 0: `${arrived}^` } });
      expectObservable(kinesisRange(rangeOf('b', 'd'), { budget: quickReading().budget, client }).pipe(map(letterOf))).toBe(records!);
    }),
  );

  it(
    'kinesisRanges',
    marbles(({ expectObservable }) => {
      const { arrived, records } = diagram('kinesisRanges');
      const client = fakeKinesis({ latencyMs: 0, shards: { 0: `${arrived}^` } });
      const ranges = [rangeOf('b', 'b'), rangeOf('d', 'e')];
      expectObservable(kinesisRanges(ranges, { budget: quickReading().budget, client }).pipe(map(letterOf))).toBe(records!);
    }),
  );

  it(
    'polling',
    marbles(({ expectObservable }) => {
      const { arriving, records } = diagram('polling');
      const client = fakeKinesis({ latencyMs: 1, shards: { 0: arriving! } });
      const reader = polling({ idleDelayMs: 4, maxRecordsPerPage: 1 });
      const shard = kinesisShard({ ...quickReading(), client, shardId: SHARD.shardId, reader });
      expectObservable(shard.pipe(map(letterOf)), '^ 15ms !').toBe(records!);
    }),
  );

  it(
    'blockPerPage',
    marbles(({ cold, expectObservable }) => {
      const { records, arrays } = diagram('blockPerPage');
      expectObservable(cold(records!).pipe(blockPerPage())).toBe(arrays!, { x: ['a', 'b'], y: ['c'] });
    }),
  );

  it(
    'blockWithin',
    marbles(({ cold, expectObservable }) => {
      const { records, arrays } = diagram('blockWithin');
      expectObservable(cold(records!).pipe(blockWithin(5))).toBe(arrays!, { x: ['a', 'b'], y: ['c'] });
    }),
  );

  it(
    'processBlocks',
    marbles(({ cold, expectObservable, scheduler }) => {
      const { blocks, handler: calls, onFailure: failures, emitted } = diagram('processBlocks');
      const given = new Subject<string>();
      const letterIn = (part: Block): string => letterOf(part.records[0]!);
      const handler = (part: Block) =>
        defer(() => nextMark([letterIn(part), letterIn(part).toUpperCase()], calls, scheduler)).pipe(
          map((mark) => {
            if (mark !== letterIn(part)) throw new Error('a capital letter');
          }),
        );
      const onFailure = ({ block: part }: BlockFailure) => (given.next(letterIn(part)), EMPTY);
      const config = { maxAttempts: 2, retryDelayMs: 2, random: () => 0.5, onFailure };
      expectObservable(given).toBe(failures!);
      expectObservable(cold(blocks!).pipe(map(blockOf), processBlocks(handler, config), map(letterIn))).toBe(emitted!);
    }),
  );

  it(
    'pid',
    marbles(({ cold, expectObservable }) => {
      const { settled, rates } = diagram('pid');
      const batch = { records: 1_000, processingMs: 1_000, schedulingMs: 0 };
      const source = cold<SettledBatch>(settled!, {
        a: { ...batch, atMs: 1_000 },
        b: { ...batch, atMs: 2_000 },
        c: { ...batch, atMs: 3_000, schedulingMs: 1_000 },
      });
      const estimated$ = source.pipe(
        map(pid().start()),
        filter((rate) => rate !== undefined),
      );
      expectObservable(estimated$).toBe(rates!, { B: 1_000, C: 800 });
    }),
  );

  it(
    'fanOut',
    marbles(({ expectObservable }) => {
      const { arriving, records } = diagram('fanOut');
      const client = fakeKinesis({ consumers: ['flights-app'], shards: { 0: arriving! } });
      const reader = fanOut({ consumerName: 'flights-app' });
      const shard = kinesisShard({ ...quickReading(), client, shardId: SHARD.shardId, reader });
      expectObservable(shard.pipe(map(letterOf)), '^ 15ms !').toBe(records!);
    }),
  );

  it(
    'readBudget',
    marbles(({ cold, scheduler, expectObservable }) => {
      const { asked, granted } = diagram('readBudget');
      const budget = readBudget({ readsPerSecond: 200 });
      const grant = (letter: string): Observable<string> => budget.acquire('shard', scheduler).pipe(map(() => letter));
      expectObservable(cold(asked!).pipe(mergeMap(grant))).toBe(granted!);
    }),
  );

  it(
    'planRecovery',
    marbles(({ expectObservable }) => {
      const { ranges, records } = diagram('planRecovery');
      const letters = [...ranges!.slice(1, -1)];
      const client = fakeKinesis({ shards: { 0: `${letters.join('')}^` }, latencyMs: 0 });
      const lost = letters.map((letter) => block(client.values[letter]!).ranges.ranges[0]!);
      const limits = { readsPerSecond: 200 };
      const records$ = kinesisRanges(lost, { client, maxRecordsPerPage: 1, budget: readBudget(limits) });
      expectObservable(records$).toBe(records!, client.values);
      expect(planRecovery(lost, { maxRecordsPerPage: 1, ...limits })).to.include({ reads: 3, seconds: 0.01 });
    }),
  );

  it(
    'withSequenceRanges',
    marbles(({ cold, expectObservable }) => {
      const { records, blocks } = diagram('withSequenceRanges');
      const source = cold<KinesisRecord[]>(records!, { x: [record(1), record(2)], y: [], z: [record(3)] });
      expectObservable(source.pipe(withSequenceRanges())).toBe(blocks!, { X: block(1, 2), Z: block(3) });
    }),
  );

  it(
    'deaggregate',
    marbles(({ cold, expectObservable }) => {
      const { records, users } = diagram('deaggregate');
      const [a, b, p] = ['a', 'b', 'p'].map((partitionKey) => ({ partitionKey, data: new TextEncoder().encode(partitionKey) }));
      const source = cold<KinesisRecord>(records!, { A: record(1, { data: aggregate([a!, b!]) }), p: record(2, p) });
      const values = { a: record(1, a), b: record(1, { ...b, subSequenceNumber: 1 }), p: record(2, p) };
      expectObservable(source.pipe(deaggregate())).toBe(users!, values);
    }),
  );

  it(
    'checkpointEvery',
    marbles(({ cold, scheduler, flush, expectObservable }) => {
      const { blocks, result, written } = diagram('checkpointEvery');
      const notes: string[] = [];
      const store = noting(() => scheduler.now(), notes);
      const values = { a: block(1), b: block(2), c: block(3) };
      expectObservable(cold(blocks!, values).pipe(checkpointEvery(5, { store }))).toBe(result!, values);
      flush();
      expect(notes).to.deep.equal(framesOf(written!).map(({ letter, frame }) => `${frame} ${'abc'.indexOf(letter) + 1}`));
    }),
  );

  it(
    'checkpointEvery, out of order',
    marbles(({ scheduler, flush, expectObservable }) => {
      const { finished, passed, written } = diagram('checkpointEvery', 1);
      const notes: string[] = [];
      const store = noting(() => scheduler.now(), notes);
      const client = fakeKinesis({ latencyMs: 0, shards: { 0: 'abcd^|' } });
      const frames = framesOf(finished!);
      const work = (one: Block): Observable<Block> => {
        const { frame } = frames.find(({ letter }) => letter === letterOf(one.records[0]!))!;
        return timer(frame - scheduler.now()).pipe(map(() => one));
      };
      const shard = kinesisShard({ ...quickReading(), client, shardId: SHARD.shardId, store });
      const letters$ = shard.pipe(
        map((one) => [one]),
        withSequenceRanges(),
        mergeMap(work),
        checkpointEvery(3),
        map(({ records: [one] }) => letterOf(one!)),
      );
      expectObservable(letters$).toBe(passed!);
      flush();
      // The last write says more than `d`: all of the closed shard is done.
      expect(notes).to.deep.equal(
        framesOf(written!).map(({ letter, frame }) => `${frame} ${letter === 'd' ? 'SHARD_END' : numberOf(letter)}`),
      );
    }),
  );

  it(
    'recoverFrom',
    marbles(({ expectObservable }) => {
      const { read, blocks } = diagram('recoverFrom');
      const failsAtMs = read!.indexOf('#');
      const client = fakeKinesis({
        latencyMs: 0,
        shards: { 0: read!.replace('#', '-') },
        faults: [{ method: 'getRecords', fromMs: failsAtMs, error: 'InternalFailure' }],
      });
      const store = memoryCheckpoints();
      const shard = kinesisShard({ ...quickReading(), client, shardId: SHARD.shardId, store });
      const letters$ = shard.pipe(
        bufferTime(4),
        withSequenceRanges(),
        recoverFrom(store),
        map((one) => ({ letters: one.records.map(letterOf).join(''), recovered: one.recovered })),
      );
      const values = {
        A: { letters: 'ab', recovered: false },
        C: { letters: 'c', recovered: true },
        D: { letters: 'd', recovered: false },
      };
      expectObservable(letters$, '^ 20ms !').toBe(blocks!, values);
    }),
  );

  it(
    'mergeShards',
    marbles(({ cold, expectObservable }) => {
      const { shards, s, t, again, result } = diagram('mergeShards');
      let attempts = 0;
      const failing = defer(() => cold(attempts++ === 0 ? t! : again!));
      const byHand = (records$: Observable<unknown>): Shard => Object.assign(records$, { ...SHARD, leaseLost$: NEVER }) as never;
      const source = cold<Shard>(shards!, { s: byHand(cold(s!)), t: byHand(failing) });
      expectObservable(
        source.pipe(mergeShards((shard) => shard, { restart: { initialDelayMs: 10 }, random: () => 0.5 })) as Observable<unknown>,
      ).toBe(result!);
    }),
  );

  it('eachBlock', async () => {
    const { blocks, loop, settled } = diagram('eachBlock');
    const source = new Subject<Block>();
    const seen = { loop: '', settled: '' };
    let workLeft = 0;
    let endWork = (): void => undefined;

    const iterated = (async () => {
      const blocks$ = source.pipe(map((one) => whenSettled(one, () => (seen.settled += letterOf(one.records[0]!)))));
      for await (const one of eachBlock(blocks$, { store: memoryCheckpoints(), intervalMs: Infinity })) {
        seen.loop += letterOf(one.records[0]!);
        workLeft = WORK_FRAMES;
        await new Promise<void>((resolve) => (endWork = resolve));
      }
      seen.loop += '|';
    })();

    for (const [frame, mark] of [...blocks!.padEnd(loop!.length, '-')].entries()) {
      await promisesToRun();
      if (mark === '|') source.complete();
      else if (mark !== '-') source.next(block(record(numberOf(mark))));
      if (workLeft > 0 && --workLeft === 0) endWork();
      await promisesToRun();
      seen.loop = seen.loop.padEnd(frame + 1, workLeft > 0 ? '=' : '-');
      seen.settled = seen.settled.padEnd(frame + 1, '-');
    }
    await iterated;
    expect(seen.loop).to.equal(loop);
    expect(seen.settled.replace(/-+$/, '')).to.equal(settled);
  });

  it(
    'memoryCheckpoints',
    marbles(({ cold, expectObservable }) => {
      const { write, done, read } = diagram('memoryCheckpoints');
      const store = memoryCheckpoints();
      const keep = (letter: string): Observable<string> =>
        concat(from(store.write(checkpointOf(letter), SHARD)).pipe(ignoreElements()), of(letter));
      expectObservable(codesOf(cold(write!).pipe(concatMap(keep)))).toBe(done!, undefined, 'CHECKPOINT');
      const readAt = framesOf(read!).map(({ frame }) => timer(frame).pipe(mergeMap(() => from(store.read(SHARD)))));
      expectObservable(merge(...readAt).pipe(map((checkpoint) => letterAt(checkpoint)))).toBe(`${read!.slice(0, -1)}(${read!.at(-1)}|)`);
    }),
  );

  it(
    'levelCheckpoints',
    marbles(({ cold, expectObservable }) => {
      const { asked, done } = diagram('levelCheckpoints');
      const entries = new Map<string, string>();
      // Its answers are Observables, which do in virtual time what promises do outside.
      const db = {
        get: (key: string) => timer(1).pipe(map(() => entries.get(key))),
        put: (key: string, value: string) => timer(1).pipe(tap(() => entries.set(key, value))),
      } as unknown as LevelDatabase;
      const store = levelCheckpoints(db);
      const keep = (letter: string): Observable<string> =>
        concat(from(store.write(checkpointOf(letter), SHARD)).pipe(ignoreElements()), of(letter));
      expectObservable(cold(asked!).pipe(mergeMap(keep))).toBe(done!);
    }),
  );

  describe('with a DynamoDB', () => {
    let service: DynamoDBService;
    before(async () => (service = await startDynalite()));
    after(() => service.stop());

    it('leaseTable', async () => {
      const { worker1, worker2 } = diagram('leaseTable');
      const workers = [worker1!, worker2!].map((marbles, i) => ({
        marbles,
        table: leaseTable({
          ...{ client: service.client(), tableName: 'diagram', workerId: `worker${i + 1}` },
          ...{ tablePollIntervalMs: 1, lookIntervalMs: 10, random: () => 0 },
        }),
      }));
      const subscriptions = new Map<string, Subscription>();
      for (let frame = 0; frame < Math.max(worker1!.length, worker2!.length); frame++) {
        for (const { marbles, table } of workers) await act(marbles[frame] ?? '-', frame, table, subscriptions);
      }
      subscriptions.forEach((subscription) => subscription.unsubscribe());
    });
  });

  it(
    'blockStore',
    marbles(({ cold, expectObservable, scheduler }) => {
      const { put, disk, replica, second, stored } = diagram('blockStore');
      const blocks = blockStore('DISK_ONLY_2', {
        disk: takingAs(disk, scheduler),
        replicas: [takingAs(replica, scheduler), takingAs(second, scheduler)],
        scheduler,
      });
      expectObservable(cold(put!).pipe(concatMap((letter) => puttingTo(blocks, letter)))).toBe(stored!);
    }),
  );

  it(
    'memoryBlocks',
    marbles(({ cold, expectObservable }) => {
      const { put, delete: deleted, kept, refused } = diagram('memoryBlocks');
      const blocks = memoryBlocks({ maxBytes: 2 * encodeBlockSync(blockOf('a')).byteLength });
      const outcomes$ = cold(put!).pipe(
        mergeMap((letter) =>
          puttingTo(blocks, letter).pipe(
            map(() => ({ letter, isKept: true })),
            catchError(() => of({ letter, isKept: false })),
          ),
        ),
        share(),
      );
      const deletes$ = cold(deleted!).pipe(mergeMap((letter) => from(blocks.delete(blockOf(letter).id)).pipe(ignoreElements())));
      const lettersOf = (wanted: boolean) =>
        outcomes$.pipe(
          filter(({ isKept }) => isKept === wanted),
          map(({ letter }) => letter),
        );
      expectObservable(merge(lettersOf(true), deletes$)).toBe(kept!);
      expectObservable(lettersOf(false)).toBe(refused!);
    }),
  );

  it(
    'levelBlocks',
    marbles(({ expectObservable }) => {
      const db = { get: fail, batch: () => timer(2), keys: fail } as unknown as LevelBlockDatabase;
      expectObservable(putAndDelete(levelBlocks(db))).toBe(diagram('levelBlocks').done!);
    }),
  );

  it(
    's3Blocks',
    marbles(({ expectObservable }) => {
      // What a promise is to its caller, in virtual time.
      const send = () => ({ then: (resolve: (answer: object) => void) => timer(3).subscribe(() => resolve({})) });
      const client = { send } as unknown as S3ClientLike;
      expectObservable(putAndDelete(s3Blocks({ client, bucket: 'b' }))).toBe(diagram('s3Blocks').done!);
    }),
  );

  it(
    'storeBlocks',
    marbles(({ cold, expectObservable, scheduler }) => {
      const { source, put, handles } = diagram('storeBlocks');
      const shard = quickShard(instantKinesis({ shards: { 0: '' } }));
      // The shard is subscribed, so that it is known where it stands; the blocks come by hand.
      const blocks$ = merge(shard.pipe(ignoreElements()), cold(source!).pipe(map(blockOf)));
      const handles$ = blocks$.pipe(
        storeBlocks(takingAs(put, scheduler), { shard }),
        map(({ ranges }) => lettersIn(ranges)),
      );
      expectObservable(handles$, '^ 50ms !').toBe(handles!);
    }),
  );

  it(
    'loadBlocks',
    marbles(({ cold, expectObservable, scheduler }) => {
      const { handles, store, loaded } = diagram('loadBlocks');
      const shard = quickShard(fakeKinesis({ shards: { 0: 'abc^' }, latencyMs: 1 }));
      const get = (id: string) => {
        const one = ['a', 'b', 'c'].map(blockOf).find((each) => each.id === id)!;
        const letter = letterOf(one.records[0]!);
        return nextMark([letter, letter.toUpperCase()], store, scheduler).pipe(map((mark) => (mark === letter ? one : undefined)));
      };
      const handles$ = cold(handles!).pipe(
        map(blockOf),
        map(({ id, ranges }) => ({ id, ranges, recovered: false })),
      );
      const letters$ = handles$.pipe(
        loadBlocks({ ...memoryBlocks(), get }, { shard }),
        map((one) => (one.recovered ? lettersIn(one.ranges).toUpperCase() : lettersIn(one.ranges))),
      );
      expectObservable(letters$).toBe(loaded!);
    }),
  );

  it(
    'releaseBlocks',
    marbles(({ cold, expectObservable }) => {
      const { work, written, values, deleted } = diagram('releaseBlocks');
      const { account, block: makeTracked } = handFedShard({ store: memoryCheckpoints() });
      const stored = new Map([...'abc'].map((letter, i) => [letter, makeTracked(i + 1)] as const));
      for (const one of stored.values()) account.unreleased.add(one.ranges);
      settle(...stored.values());
      const deletes = new Subject<string>();
      const blocks: BlockStore = {
        ...memoryBlocks(),
        delete: (id) => defer(() => (deletes.next('-abc'[Number(/\/(\d)-/.exec(id)![1])]!), of(0))),
      };
      const values$ = cold(work!).pipe(
        map((letter) => ({ letter, ranges: stored.get(letter)!.ranges })),
        releaseBlocks(blocks),
        map(({ letter }) => letter),
      );
      cold(written!).subscribe(() => account.checkpointer.write().subscribe());
      expectObservable(values$).toBe(values!);
      expectObservable(deletes).toBe(deleted!);
    }),
  );

  const window = { windowMs: 10, everyMs: 5 };

  it(
    'checkpointSuccessRate',
    marbles(({ cold, expectObservable }) => {
      const { events, rate } = diagram('checkpointSuccessRate');
      const source = cold(events!, { w: sampleEvent('checkpointWritten'), f: sampleEvent('checkpointFailed') });
      expectObservable(source.pipe(checkpointSuccessRate(window))).toBe(rate!, { a: 2 / 3, b: 3 / 4, c: 1, _: undefined });
    }),
  );

  it(
    'recoveryRate',
    marbles(({ cold, expectObservable }) => {
      const { events, rate } = diagram('recoveryRate');
      const source = cold(events!, {
        ...{ b: sampleEvent('blockSettled'), p: sampleEvent('pageRead'), r: sampleEvent('recoveryStarted', { ranges: [] }) },
      });
      expectObservable(source.pipe(recoveryRate(window))).toBe(rate!, { x: 200, y: 100, z: 0, _: undefined });
    }),
  );

  it(
    'processingLag',
    marbles(({ cold, expectObservable }) => {
      const { settled, lag } = diagram('processingLag');
      const source = cold(settled!, { a: sampleEvent('blockSettled', { lagMs: 100 }) });
      expectObservable(source.pipe(processingLag(window))).toBe(lag!, { x: 104, y: 102, z: 107, _: undefined });
    }),
  );

  it(
    'throttleRate',
    marbles(({ cold, expectObservable }) => {
      const { events, rate } = diagram('throttleRate');
      const source = cold(events!, { p: sampleEvent('pageRead'), t: sampleEvent('readRetry', { reason: 'throttling' }) });
      expectObservable(source.pipe(throttleRate({ service: 'kinesis', ...window }))).toBe(rate!, { x: 1 / 3, _: undefined });
    }),
  );

  it(
    'recordsProcessed',
    marbles(({ cold, expectObservable }) => {
      const { events, records } = diagram('recordsProcessed');
      const source = cold(events!, { a: sampleEvent('blockSettled', { records: 100 }), b: sampleEvent('blockSettled', { records: 7 }) });
      expectObservable(source.pipe(recordsProcessed(window))).toBe(records!, { x: 107, y: 207, z: 100, _: undefined });
    }),
  );

  it(
    'perShard',
    marbles(({ cold, expectObservable }) => {
      const { events, figures } = diagram('perShard');
      const other = 'shardId-000000000001';
      const source = cold(events!, {
        a: sampleEvent('blockSettled', { records: 5 }),
        b: sampleEvent('blockSettled', { records: 2, shardId: other }),
        r: sampleEvent('shardReleased'),
      });
      const figure = (shardId: string, value: number | undefined) => ({ streamName: 'stream', shardId, value });
      expectObservable(source.pipe(perShard(recordsProcessed(window)))).toBe(figures!, {
        ...{ x: figure(SHARD.shardId, 5), y: figure(other, 2), u: figure(SHARD.shardId, undefined), v: figure(other, undefined) },
      });
    }),
  );

  it(
    'stuckShards',
    marbles(({ cold, expectObservable }) => {
      const { events, alerts } = diagram('stuckShards');
      const source = cold(events!, { s: sampleEvent('blockSettled', { hasOpenBlocks: true }) });
      // The diagram ends before the next alert.
      const letters$ = source.pipe(
        stuckShards({ maxAllowedLagMs: 5 }),
        map(({ raised }) => (raised ? 'r' : 'c')),
      );
      expectObservable(letters$, '^ 15ms !').toBe(alerts!);
    }),
  );

  it(
    'highErrorRate',
    marbles(({ cold, expectObservable }) => {
      const { events, alerts } = diagram('highErrorRate');
      const source = cold(events!, { e: sampleEvent('readRetry'), p: sampleEvent('pageRead') });
      const letters$ = source.pipe(
        highErrorRate({ threshold: 0.5, ...window }),
        map(({ raised }) => (raised ? 'r' : 'c')),
      );
      expectObservable(letters$).toBe(alerts!);
    }),
  );

  it(
    'shareAlerts',
    marbles(({ hot, expectObservable }) => {
      const { alerts, late } = diagram('shareAlerts');
      const values = { a: alertOf(true), A: alertOf(false) };
      const alert$ = hot(alerts!, values).pipe(shareAlerts());
      alert$.subscribe();
      expectObservable(alert$, '----^').toBe(late!, values);
    }),
  );

  it(
    'pauseWhen',
    marbles(({ cold, expectObservable }) => {
      const { blocks, alerts, passed } = diagram('pauseWhen');
      const values = Object.fromEntries([...'abcd'].map((letter) => [letter, blockOf(letter)]));
      const alert$ = cold(alerts!, { r: alertOf(true), c: alertOf(false) });
      expectObservable(cold(blocks!, values).pipe(pauseWhen(alert$))).toBe(passed!, values);
    }),
  );

  it(
    'stopWhen',
    marbles(({ cold, expectObservable }) => {
      const { alerts, stop } = diagram('stopWhen');
      const values = { r: alertOf(true), c: alertOf(false) };
      expectObservable(stopWhen(cold(alerts!, values))).toBe(stop!, values);
    }),
  );

  it(
    'exportMetrics',
    marbles(({ cold, expectObservable }) => {
      const { events, counted } = diagram('exportMetrics');
      const letters = new Map([
        ['pageRead', 'p'],
        ['blockSettled', 's'],
      ]);
      const counted$ = new Subject<string | undefined>();
      const counter = (name: string): CounterLike => ({
        add: (_, attributes) => name === 'rx_kinesis.events' && counted$.next(letters.get(attributes!['rx_kinesis.event.type']!)),
      });
      const meter: MeterLike = {
        createCounter: counter,
        createHistogram: () => ({ record: noop }),
        createObservableGauge: () => ({ addCallback: noop, removeCallback: noop }),
        createUpDownCounter: counter,
      };
      expectObservable(counted$).toBe(counted!);
      exportMetrics(cold(events!, { p: sampleEvent('pageRead'), s: sampleEvent('blockSettled') }), meter);
    }),
  );

  it(
    'health',
    marbles(({ cold, expectObservable }) => {
      const { events, health: states } = diagram('health');
      const source = cold(events!, { d: sampleEvent('shardsDiscovered'), s: sampleEvent('stopping'), T: sampleEvent('stopTimedOut') });
      const letters$ = health(source).pipe(
        map(({ live, ready, reasons }) => (ready ? 'y' : !live ? 't' : reasons[0] === 'stream: stopping' ? 's' : 'n')),
      );
      expectObservable(letters$).toBe(states!);
    }),
  );

  it(
    'testing',
    marbles(({ expectObservable }) => {
      const { script, records } = diagram('testing');
      const client = fakeKinesis({ latencyMs: 0, shards: { 0: script! } });
      const shard = kinesisShard({ ...quickReading(), client, shardId: SHARD.shardId });
      expectObservable(shard.pipe(map(letterOf))).toBe(records!);
    }),
  );
});

async function act(
  mark: string,
  frame: number,
  table: ReturnType<typeof leaseTable>,
  subscriptions: Map<string, Subscription>,
): Promise<void> {
  const shard = { ...SHARD, parentShardIds: [], closed: false, startingSequenceNumber: '0', isReady: true };
  const checkpoint = { ...SHARD, sequenceNumber: String(frame), subSequenceNumber: 0 };
  const run = (work: Observable<unknown>): Promise<unknown> =>
    new Promise((resolve, reject) => work.subscribe({ next: resolve, complete: () => resolve(undefined), error: reject }));
  if (mark.toLowerCase() === 'g') {
    const news$ = new ReplaySubject<LeaseNews>(Infinity);
    subscriptions.set(table.workerId, table.leases(concat(of([shard]), NEVER)).subscribe(news$));
    await run(news$.pipe(filter(({ type }) => type === 'granted')));
  } else if (mark.toLowerCase() === 'w') await run(table.write(checkpoint, shard));
  else if (mark === 'r') {
    // Else it would take the shard again.
    subscriptions.get(table.workerId)?.unsubscribe();
    await run(table.release(shard));
  } else if (mark === 'x') {
    const error: unknown = await run(table.write(checkpoint, shard)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(isLeaseLost(error)).to.equal(true);
  }
}

/** The block of one record that a letter stands for. */
function blockOf(letter: string): Block {
  return block(record(numberOf(letter), { data: new TextEncoder().encode(letter) }));
}

/** The letters of the records in some ranges, one record a range. */
function lettersIn({ ranges }: SequenceNumberRanges): string {
  return ranges.map(({ fromSeqNumber }) => 'abcdefg'[Number(fromSeqNumber) - 1]).join('');
}

/** Emits the next of these marks that the marbles have, when they have it. */
function nextMark(wanted: readonly string[], marks: string | undefined, { frame }: TestScheduler): Observable<string> {
  const at = [...marks!].findIndex((mark, i) => i >= frame && wanted.includes(mark));
  return timer(at - frame).pipe(map(() => marks![at]!));
}

/** A store that takes a block where the marbles have its letter, and refuses it where they have `#`. */
function takingAs(marks: string | undefined, scheduler: TestScheduler): BlockStore {
  const put = (one: Block) => nextMark([letterOf(one.records[0]!), '#'], marks, scheduler).pipe(tap((mark) => mark === '#' && fail()));
  return { ...memoryBlocks(), put };
}

/** Emits the letter when its block is stored. */
function puttingTo(blocks: BlockStore, letter: string): Observable<string> {
  return concat(from(blocks.put(blockOf(letter))).pipe(ignoreElements()), of(letter));
}

/** Puts block `b` and deletes it in one breath; emits `b` and `d` as each is done. */
function putAndDelete(blocks: BlockStore): Observable<string> {
  const deleted$ = defer(() => from(blocks.delete(blockOf('b').id))).pipe(ignoreElements());
  return merge(puttingTo(blocks, 'b'), concat(deleted$, of('d'))).pipe(concatWith(NEVER));
}

function alertOf(raised: boolean): Alert {
  return { type: 'highErrorRate', raised, value: 1, limit: 0 };
}

function fail(): never {
  throw new Error('refused');
}

/** How long the loop of the diagram works on a block. */
const WORK_FRAMES = 4;

/** The block, with a callback for when its ranges are taken, which is when it is settled. */
function whenSettled(one: Block, settled: () => void): Block {
  return Object.defineProperty({ ...one }, 'ranges', {
    get: () => {
      settled();
      return one.ranges;
    },
  });
}

/** Lets promises that are settled take their course. */
function promisesToRun(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The letters of a script are numbered from 1. */
function numberOf(letter: string): string {
  return String('abcdefg'.indexOf(letter.toLowerCase()) + 1);
}

function letterOf({ data, sequenceNumber }: KinesisRecord): string {
  return new TextDecoder().decode(data) || 'abcdefg'[Number(sequenceNumber) - 1]!;
}

function rangeOf(from: string, to: string): SequenceNumberRange {
  const [fromSeqNumber, toSeqNumber] = [numberOf(from), numberOf(to)];
  const recordCount = Number(toSeqNumber) - Number(fromSeqNumber) + 1;
  const { streamName, shardId } = SHARD;
  return { streamName, shardId, fromSeqNumber, toSeqNumber, fromSubSeqNumber: 0, toSubSeqNumber: 0, recordCount };
}

function checkpointOf(letter: string): Checkpoint {
  const { streamName, shardId } = SHARD;
  return { streamName, shardId, sequenceNumber: numberOf(letter), subSequenceNumber: 0 };
}

function letterAt(checkpoint: Checkpoint | undefined): string {
  return 'abcdefg'[Number(checkpoint?.sequenceNumber) - 1] ?? '-';
}

/** The source with the code of its error in place of the error. */
function codesOf<T>(source: Observable<T>): Observable<T> {
  return source.pipe(catchError((error: unknown) => throwError(() => (error as { readonly code: string }).code)));
}

function noting(now: () => number, notes: string[]): CheckpointStore {
  const store = memoryCheckpoints();
  const write: CheckpointStore['write'] = (checkpoint, shard) => {
    notes.push(`${now()} ${checkpoint.sequenceNumber}`);
    return store.write(checkpoint, shard);
  };
  return { ...store, write };
}
