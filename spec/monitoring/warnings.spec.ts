import { expect } from 'chai';
import sinon from 'sinon';
import { bufferTime, concatMap, defer, map, of, throwError, VirtualTimeScheduler, type Observable, type SchedulerLike } from 'rxjs';
import type { CheckpointStore, LeasingStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { LeaseLostError } from '../../lib/checkpoints/errors.js';
import type { UntimedEvent } from '../../lib/monitoring/events.js';
import { LEVELS } from '../../lib/monitoring/levels.js';
import { warnings } from '../../lib/monitoring/warnings.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { fakeLeases } from '../../lib/testing/leases/fakeLeases.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { InvalidValueError } from '../../lib/values/errors.js';
import type { Block } from '../../lib/values/block.js';
import { fakeLeases as quietLeases } from '../support/fake-leases.js';
import { fastReading } from '../support/fast-reading.js';
import { thrownBy } from '../support/thrown-by.js';

const shard = { streamName: 'flights', shardId: 'shardId-000000000000' };
const lease = { workerId: 'flights-1', shardId: shard.shardId };
const range = { ...shard, fromSeqNumber: '1', toSeqNumber: '2', fromSubSeqNumber: 0, toSubSeqNumber: 0, recordCount: 2 };
const position = { sequenceNumber: '7', subSequenceNumber: 0 };
const error = new InvalidValueError('malformed');

/** One event of each kind, and whether an operator must know of it. */
const EVENTS: ReadonlyArray<readonly [UntimedEvent, RegExp | undefined]> = [
  [
    { type: 'blockFailed', ...shard, blockId: 'flights-7', records: 3, reason: 'error', attempts: 10, error },
    /the work on block flights-7 failed in all 10 calls, and the block is given up: InvalidValueError .*malformed/,
  ],
  [
    { type: 'blockFailed', ...shard, blockId: 'flights-7', records: 3, reason: 'age', attempts: 0 },
    /block flights-7 is too old for the work, and given up/,
  ],
  [{ type: 'blockLost', ...shard, blockId: 'flights-7', records: 3 }, /a block of 3 records is lost, .*: it is read again/],
  [{ type: 'blockOpened', ...shard, records: 1, bytes: 1 }, undefined],
  [{ type: 'blockRecovered', ...shard, blockId: 'flights-7', records: 3 }, undefined],
  [
    { type: 'blockRetry', ...shard, blockId: 'flights-7', records: 3, attempt: 2, delayMs: 700, error },
    /the work on block flights-7 failed \(call 2\) and is done again in 700 ms: InvalidValueError .*malformed/,
  ],
  [{ type: 'blockSettled', ...shard, records: 1, bytes: 1, hasOpenBlocks: false }, undefined],
  [{ type: 'blockStored', ...shard, blockId: 'flights-7', records: 3 }, undefined],
  [
    { type: 'checkpointFailed', ...shard, ...position, reason: 'transient', error },
    /the checkpoint 7 could not be written .*: InvalidValueError .*malformed/,
  ],
  [{ type: 'checkpointSkipped', ...shard, reason: 'held' }, undefined],
  [{ type: 'checkpointWritten', ...shard, ...position }, undefined],
  [{ type: 'consumerAwaited', streamName: 'flights', status: 'CREATING', waitedMs: 1_000 }, undefined],
  [{ type: 'consumerRegistered', streamName: 'flights', consumerName: 'app' }, undefined],
  [{ type: 'discoveryFailed', streamName: 'flights', reason: 'transient', error }, /^rx-kinesis: flights: the shards could not be listed/],
  [
    { type: 'gap', ...shard, from: position, firstAvailable: { ...position, sequenceNumber: '9' } },
    /no longer holds those from 7 on.* is 9/,
  ],
  [
    { type: 'aggregateMalformed', ...shard, position, reason: 'checksum' },
    /flights\/shardId-000000000000: the record at 7 begins like a KPL aggregate but cannot be opened \(checksum\): it is emitted as it is/,
  ],
  [{ type: 'allLeasesLost', workerId: 'flights-1' }, /flights-1: this worker has lost every lease/],
  [{ type: 'blockStoreFailed', action: 'put', blockId: 'flights-7', error }, /flights-7: a store of blocks failed: put: .*malformed/],
  [{ type: 'hashKeysUncovered', holes: [] }, /^rx-kinesis: all shards: .* read by nobody/],
  [{ type: 'leaseAsked', ...lease, nextOwner: 'other' }, undefined],
  [{ type: 'leaseFreed', ...lease, formerOwner: 'other', idleMs: 7 }, undefined],
  [
    { type: 'leaseLost', ...lease, reason: 'expired', heldMs: 7 },
    /flights-1\/shardId-000000000000: the lease is lost after 7 ms \(expired\)/,
  ],
  [
    { type: 'leaseLost', ...lease, reason: 'sameWorkerId', heldMs: 7 },
    /flights-1\/shardId-000000000000: the lease is lost after 7 ms \(sameWorkerId\): another process with the same workerId has taken it/,
  ],
  [
    { type: 'checkpointFailed', ...shard, ...position, reason: 'fatal', error: new LeaseLostError(shard) },
    /the checkpoint .* could not be written and is not tried again, nor is a later one of this shard: .*the lease is lost/,
  ],
  [{ type: 'leaseReleased', ...lease, heldMs: 7 }, undefined],
  [{ type: 'leaseRenewed', ...lease }, undefined],
  [{ type: 'leaseRenewedLate', ...lease, sinceMs: 7 }, /renewed late, after 7 ms/],
  [{ type: 'leaseRequestFailed', ...lease, action: 'take', attempt: 2, reason: 'transient', error }, /\(take, try 2\): .*malformed/],
  [{ type: 'leaseRequested', ...lease, owner: 'other' }, undefined],
  [{ type: 'leaseTaken', ...lease, from: 'free', idleMs: 0, fencingToken: '1' }, undefined],
  [{ type: 'leaseUnreadable', shardId: 'flights-row', error }, /flights-row: the row of the lease cannot be read/],
  [{ type: 'leasesSeen', workerId: 'flights-1', leases: 4, held: 2 }, undefined],
  [{ type: 'pageRead', ...shard, records: 0, bytes: 0, millisBehindLatest: 0, hasOpenBlocks: false }, undefined],
  [{ type: 'pipelineCompleted', ...shard, records: 3 }, /completed before the shard's end .* 3 records are not settled/],
  [{ type: 'rateChanged', ...shard, recordsPerSecond: 80, processedPerSecond: 100, waitedMs: 1_000 }, undefined],
  [{ type: 'readRetry', ...shard, reason: 'throttling', attempt: 2, delayMs: 5, error }, /Kinesis was throttled .* 5 ms \(retry 2\)/],
  [{ type: 'readRetry', ...shard, reason: 'iterator', attempt: 1, delayMs: 0, error }, undefined],
  [{ type: 'readerFellBack', ...shard, error }, /fan-out cannot subscribe to the shard, so its fallback reads it: .*malformed/],
  [{ type: 'readerPaused', ...shard, records: 10, bytes: 99, pausedMs: 10_000 }, /paused for 10000 ms, since 10 records \(99 bytes\)/],
  [{ type: 'readerResumed', ...shard, pausedMs: 10_001 }, undefined],
  [{ type: 'recovered', ...shard, ranges: 1, records: 2 }, undefined],
  [{ type: 'recoveryStarted', ...shard, ranges: [range], error }, /what was lost \(1 ranges\) is read again after a failure: /],
  [
    { type: 'recoveryStarted', ...shard, ranges: [range], error: new TypeError('work') },
    /a failure of an operator above recoverFrom, .* put it below: TypeError: work/,
  ],
  [{ type: 'shardEndReached', ...shard }, undefined],
  [{ type: 'shardFailed', ...shard, error }, /failed for good: .*malformed/],
  [{ type: 'shardReleased', ...shard, reason: 'lost' }, /the lease is lost, so the work on the shard ends here/],
  [{ type: 'shardReleased', ...shard, reason: 'ended' }, undefined],
  [
    { type: 'shardRestarted', ...shard, attempt: 1, delayMs: 5, error: new Error('work') },
    /restarts in 5 ms \(restart 1\): Error: work at \S+spec\/monitoring\/warnings\.spec\.ts:\d+:\d+ \[shardRestarted]$/,
  ],
  [{ type: 'shardStarted', ...shard, parentShardIds: [], start: 'LATEST' }, undefined],
  [{ type: 'shardSubscribed', ...shard, reason: 'expired' }, undefined],
  [{ type: 'shardsDiscovered', streamName: 'flights', added: [shard.shardId], total: 1 }, undefined],
  [{ type: 'slowClient', advice: 'keep connections alive' }, /the client: is slow: keep connections alive/],
  [{ type: 'wireFallback', reason: 'refused', error }, /read as JSON, though CBOR was asked for \(refused\): .*malformed/],
  [{ type: 'stopTimedOut', streamName: 'flights', error }, /flights: stop ran out of time: /],
  [{ type: 'streamFailed', streamName: 'flights', error }, /flights: the stream failed for good: nothing is read until .*malformed/],
  [{ type: 'stopped', streamName: 'flights', tookMs: 1 }, undefined],
  [{ type: 'stopping', streamName: 'flights', shards: 1, records: 0, bytes: 0 }, undefined],
  [
    { type: 'storeRetry', ...shard, reason: 'transient', attempt: 1, delayMs: 5, error },
    /a call to the store failed and is made again in 5 ms/,
  ],
  [{ type: 'watermarkFreed', ...shard, ranges: [range], heldMs: 30 }, undefined],
  [
    { type: 'watermarkHeld', ...shard, ranges: [range], heldMs: 30 },
    /held by a block .* 30 ms: flights\/shardId-000000000000\[1\.\.2 #2\]/,
  ],
];

function warned() {
  const scheduler = new VirtualTimeScheduler();
  const lines: string[] = [];
  return { scheduler, lines, sink: warnings(scheduler, (line) => void lines.push(line)) };
}

describe('warnings', () => {
  it('have a level for each kind of event, and these specs an event', () => {
    expect(new Set(EVENTS.map(([{ type }]) => type))).to.deep.equal(new Set(Object.keys(LEVELS)));
  });

  for (const [event, line] of EVENTS) {
    const kind = 'reason' in event ? `${event.type} (${event.reason})` : event.type;
    it(`are ${line ? '' : 'not '}written for ${kind}`, () => {
      const { lines, sink } = warned();
      sink(event);
      if (!line) expect(lines).to.deep.equal([]);
      else {
        expect(lines).to.have.length(1);
        expect(lines[0])
          .to.match(line)
          .and.to.match(/^rx-kinesis: (flights|all shards|the client)/)
          .and.not.to.match(/[\n\r]/);
      }
    });
  }

  it('are written at most once a minute for each kind and shard, and say how many were not', () => {
    const { scheduler, lines, sink } = warned();
    const restart = (shardId: string): void => sink({ type: 'shardRestarted', ...shard, shardId, attempt: 1, delayMs: 5, error });
    const at = (ms: number): void => void (scheduler.frame = ms);
    restart('a');
    restart('b');
    sink({ type: 'shardFailed', ...shard, shardId: 'a', error });
    expect(lines).to.have.length(3);
    at(59_999);
    restart('a');
    restart('a');
    expect(lines).to.have.length(3);
    at(60_000);
    restart('a');
    expect(lines).to.have.length(4);
    expect(lines[3]).to.match(/\(and 2 more since the last such line\)$/);
  });

  it('are not kept quiet by a clock that is set back', () => {
    const { scheduler, lines, sink } = warned();
    scheduler.frame = 1_000_000;
    sink({ type: 'shardFailed', ...shard, error });
    scheduler.frame = 0;
    sink({ type: 'shardFailed', ...shard, error });
    expect(lines).to.have.length(2);
  });

  it('hold no credential and no payload of an error of a service', () => {
    const { lines, sink } = warned();
    const refused = Object.assign(new Error('CANARY-token'), { name: 'InvalidSignatureException', $metadata: { httpStatusCode: 403 } });
    sink({ type: 'shardRestarted', ...shard, attempt: 1, delayMs: 5, error: refused });
    sink({ type: 'readRetry', ...shard, reason: 'transient', attempt: 1, delayMs: 5, error: new Error('CANARY-body') });
    sink({ type: 'shardFailed', ...shard, error: new SyntaxError('Unexpected token C, "CANARY-payload" is not valid JSON') });
    expect(lines).to.have.length(3);
    expect(lines.join()).to.include('InvalidSignatureException (403)').and.not.to.include('CANARY');
  });

  it('say where the work threw, and nothing of a message that looks like a line of a stack', () => {
    const { lines, sink } = warned();
    const told = (error: unknown): string => {
      sink({ type: 'shardFailed', ...shard, shardId: `s${lines.length}`, error });
      return lines.at(-1)!;
    };
    const parse = (text: string): unknown => thrownBy(() => JSON.parse(text));
    expect(told(parse('{"a": CANARY}')))
      .to.match(/: SyntaxError at \S*warnings\.spec\.ts:\d+:\d+ \[/)
      .and.not.to.include('CANARY');
    const forged = new SyntaxError('bad\n    at /CANARY.ts:1:1');
    expect(told(forged))
      .to.match(/: SyntaxError at \S*warnings\.spec\.ts/)
      .and.not.to.include('CANARY');
    expect(told(Object.assign(new SyntaxError('x'), { message: 'other', stack: 'SyntaxError: x\n    at /CANARY.ts:1:1' }))).not.to.include(
      'CANARY',
    );

    const stack = [
      'Error: down',
      '    at Socket.emit (node:events:1:2)',
      '    at Pool.query (/app/node_modules/pg/pool.js:3:4)',
      '    at async save (file:///app/save.ts:5:6)',
    ];
    expect(told(Object.assign(new Error('down'), { stack: stack.join('\n') }))).to.include(': Error: down at file:///app/save.ts:5:6 [');
    expect(told(Object.assign(new Error('down'), { stack: stack.slice(0, 3).join('\n') }))).to.include(
      ': Error: down at /app/node_modules/pg/pool.js:3:4 [',
    );
    expect(told(Object.assign(new Error('down'), { stack: stack.slice(0, 2).join('\n') }))).to.include(': Error: down [');
    expect(told('a text')).to.include('a text [');
  });

  it('keep the words of the user on one line, and cut them short', () => {
    const { lines, sink } = warned();
    sink({ type: 'shardFailed', ...shard, error: new Error(`a\nrx-kinesis: forged\u001b[31m${'x'.repeat(1_000)}`) });
    expect(lines[0]).not.to.match(/\p{C}/u);
    expect(lines[0]).to.have.length.below(500);
  });

  describe('of a pipeline', () => {
    let warn: sinon.SinonStub;
    beforeEach(() => (warn = sinon.stub(console, 'warn')));
    afterEach(() => warn.restore());

    const linesWritten = (): string[] => warn.args.map(([line]) => String(line));
    const failing = (kinesis: FakeKinesis, config: Partial<KinesisStreamConfig>, store: CheckpointStore = memoryCheckpoints()) =>
      kinesisStream(fastReading(kinesis, { store, ...config })).pipe(
        mergeShards((records$) =>
          records$.pipe(
            bufferTime(5),
            withSequenceRanges(),
            concatMap((): Observable<Block> => throwError(() => new TypeError('poison record'))),
            checkpointEvery(10),
          ),
        ),
      );

    it(
      "show a restart's error at once, without events",
      marbles(({ flush, scheduler }) => {
        const subscription = failing(fakeKinesis({ shards: { 0: 'a^' } }), {}).subscribe({ error: () => undefined });
        scheduler.schedule(() => expect(linesWritten()).to.match(/restart 1\): TypeError: poison record/), 20);
        scheduler.schedule(() => subscription.unsubscribe(), 50_000);
        flush();
        const restarts = linesWritten().filter((line) => line.includes('restarts in'));
        expect(restarts).to.have.length(1);
        expect(restarts[0]).to.match(/^rx-kinesis: stream\/shardId-000000000000: the pipeline failed and restarts in \d+ ms \(restart 1\)/);
      }),
    );

    for (const [name, events] of Object.entries({ silent: 'silent', 'an observer': { next: () => undefined } } as const)) {
      it(
        `are not written with events: ${name}`,
        marbles(({ flush }) => {
          failing(fakeKinesis({ shards: { 0: 'a^' } }), { events }).subscribe({ error: () => undefined });
          flush();
          expect(linesWritten()).to.deep.equal([]);
        }),
      );
    }

    it(
      'show a store that fails',
      marbles(({ flush, scheduler }) => {
        let writes = 0;
        const inner = memoryCheckpoints();
        const store: CheckpointStore = {
          read: inner.read,
          write: (...asked) => defer(() => (writes++ < 3 ? throwError(() => new Error('down')) : inner.write(...asked))),
        };
        const subscription = kinesisStream(fastReading(fakeKinesis({ shards: { 0: 'a^' } }), { store }))
          .pipe(
            mergeShards((records$) =>
              records$.pipe(
                bufferTime(5),
                withSequenceRanges(),
                concatMap((block) => of(block).pipe(map((same) => same))),
                checkpointEvery(10),
              ),
            ),
          )
          .subscribe();
        scheduler.schedule(() => subscription.unsubscribe(), 30_000);
        flush();
        expect(linesWritten()).to.have.length(1);
        expect(linesWritten()[0]).to.match(/the checkpoint 1 could not be written and is tried again: CheckpointError/);
      }),
    );

    for (const [name, makeStore] of Object.entries<(scheduler: SchedulerLike) => { store: LeasingStore; lose: () => void }>({
      'a store that tells of it itself': (scheduler) => {
        const table = fakeLeases({ scheduler });
        const lose = (): void => table.put(0, { leaseOwner: 'another', leaseCounter: 77 });
        return { store: table.worker('w1', { failoverTimeMs: 1_000 }), lose };
      },
      'a store that does not': (scheduler) => {
        const store = quietLeases({ scheduler });
        return { store, lose: () => store.lose(0) };
      },
    })) {
      it(
        `tell of a lost lease once, with ${name}`,
        marbles(({ flush, scheduler }) => {
          const { store, lose } = makeStore(scheduler);
          const kinesis = fakeKinesis({ shards: { 0: 'a^', 1: 'b^' } });
          const shards$ = kinesisStream(fastReading(kinesis, { store })).pipe(mergeShards((records$) => records$));
          const subscription = shards$.subscribe();
          scheduler.schedule(lose, 5_000);
          scheduler.schedule(() => subscription.unsubscribe(), 8_000);
          flush();
          expect(linesWritten()).to.have.length(1);
          expect(linesWritten()[0]).to.match(
            /shardId-000000000000: (the lease is lost after \d+ ms \(taken\)|the lease is lost, so the work on the shard ends here) \[(leaseLost|shardReleased)]$/,
          );
        }),
      );
    }
  });
});
