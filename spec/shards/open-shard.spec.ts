import { expect } from 'chai';
import { EMPTY, map, of, throwError, type Observable } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import type { ReadyShard } from '../../lib/shards/shard-graph.js';
import { resolveShardConfig } from '../../lib/shards/config.js';
import type { KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import type { StartPosition } from '../../lib/shards/config.js';
import { LatestMoment } from '../../lib/shards/latest-moment.js';
import { openShard, type Opened } from '../../lib/shards/open-shard.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isForeignCheckpoint } from '../../lib/checkpoints/errors.js';
import { isRangeExpired } from '../../lib/kinesis/errors.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { fastReading, identityOf } from '../support/fast-reading.js';
import { untimed } from '../support/untimed.js';

const hashKeyRange = { startingHashKey: '0', endingHashKey: '1' };
const shard = { ...identityOf(0), startingSequenceNumber: '0' };

function ready(fields: Partial<ReadyShard> = {}, closed = false): ReadyShard {
  return {
    shard: { ...shard, hashKeyRange, closed },
    initial: true,
    hasReadParent: false,
    hasResumedParent: false,
    unlistedParentIds: [],
    ...fields,
  };
}

const checkpointAt = (sequenceNumber: string): Checkpoint => ({ ...identityOf(0), sequenceNumber, subSequenceNumber: 0 });
const storeWith = (checkpoint: Checkpoint | undefined): CheckpointStore => ({ read: () => of(checkpoint), write: () => EMPTY });
/** A store that has these shards read to their end, and so none that is opened here. */
const storeOf = (...shardIds: readonly string[]): CheckpointStore => ({
  read: ({ shardId }) => of(shardIds.includes(shardId) ? { ...checkpointAt('SHARD_END'), shardId } : undefined),
  write: () => EMPTY,
});

const latest = new LatestMoment(77);
const moment = latest.start;

const openWith = (config: Partial<KinesisStreamConfig>, one = ready()): Observable<Opened> =>
  openShard({
    identity: shard,
    ready: one,
    config: resolveShardConfig(fastReading(fakeKinesis({ shards: {} }), config)),
    latest,
  });

/** Opens with a store that answers at once. */
function opened(config: Partial<KinesisStreamConfig>, one: ReadyShard): Opened | undefined {
  let result: Opened | undefined;
  openWith(config, one).subscribe((found) => (result = found));
  return result;
}

const horizon = { type: 'TRIM_HORIZON' };
const date = new Date(5);

describe('openShard', () => {
  const rules: ReadonlyArray<[string, Partial<KinesisStreamConfig>, ReadyShard, unknown]> = [
    ['TRIM_HORIZON: its beginning', { startFrom: 'TRIM_HORIZON' }, ready(), horizon],
    ['TRIM_HORIZON, closed: its beginning', { startFrom: 'TRIM_HORIZON' }, ready({}, true), horizon],
    ['a Date: that', { startFrom: date }, ready(), { type: 'AT_TIMESTAMP', timestamp: date }],
    [
      'a Date, a child: that',
      { startFrom: date },
      ready({ initial: false, hasReadParent: true }),
      { type: 'AT_TIMESTAMP', timestamp: date },
    ],
    [
      'a Date, a child of a shard that was read on from earlier work: its beginning',
      { startFrom: date },
      ready({ hasReadParent: true, hasResumedParent: true }),
      horizon,
    ],
    [
      'a Date, a parent out of view that was read: its beginning',
      { startFrom: date, store: storeOf('p') },
      ready({ unlistedParentIds: ['p'] }),
      horizon,
    ],
    [
      'a Date, the second of two parents out of view that was read: its beginning',
      { startFrom: date, store: storeOf('q') },
      ready({ unlistedParentIds: ['p', 'q'] }),
      horizon,
    ],
    [
      'a Date, two parents out of view without a checkpoint: that',
      { startFrom: date, store: storeOf('r') },
      ready({ unlistedParentIds: ['p', 'q'] }),
      { type: 'AT_TIMESTAMP', timestamp: date },
    ],
    ['LATEST: the pinned moment', { startFrom: 'LATEST' }, ready(), moment],
    ['LATEST, closed: nothing', { startFrom: 'LATEST' }, ready({}, true), 'skipped'],
    ['LATEST, a parent was read: its beginning', { startFrom: 'LATEST' }, ready({ hasReadParent: true }), horizon],
    ['LATEST, appeared later: its beginning', { startFrom: 'LATEST' }, ready({ initial: false }), horizon],
    ['LATEST, a parent out of view, no store: the pinned moment', { startFrom: 'LATEST' }, ready({ unlistedParentIds: ['p'] }), moment],
    [
      'LATEST, a parent out of view that was read: its beginning',
      { startFrom: 'LATEST', store: storeOf('p') },
      ready({ unlistedParentIds: ['p'] }, true),
      horizon,
    ],
    [
      'LATEST, the first of two parents out of view that was read: its beginning',
      { startFrom: 'LATEST', store: storeOf('p') },
      ready({ unlistedParentIds: ['p', 'q'] }, true),
      horizon,
    ],
    [
      'LATEST, the second of two parents out of view that was read: its beginning',
      { startFrom: 'LATEST', store: storeOf('q') },
      ready({ unlistedParentIds: ['p', 'q'] }, true),
      horizon,
    ],
    [
      'LATEST, two parents out of view without a checkpoint: the pinned moment',
      { startFrom: 'LATEST', store: storeOf('r') },
      ready({ unlistedParentIds: ['p', 'q'] }),
      moment,
    ],
    [
      'LATEST, a checkpoint: that counts, and without it the beginning',
      { startFrom: 'LATEST', store: storeWith(checkpointAt('7')) },
      ready({}, true),
      horizon,
    ],
    ['SHARD_END: done', { startFrom: 'LATEST', store: storeWith(checkpointAt('SHARD_END')) }, ready({}, true), 'done'],
  ];
  for (const [name, config, one, start] of rules) {
    it(`says where to begin. ${name}`, () => {
      expect(opened(config, one)?.start).to.deep.equal(start);
    });
  }

  it('goes by the word of the row, whatever this process would begin with', () => {
    const startAt = (word: string, startFrom: StartPosition) => opened({ startFrom, store: storeWith(checkpointAt(word)) }, ready())?.start;
    expect(startAt('TRIM_HORIZON', 'LATEST')).to.deep.equal(horizon);
    expect(startAt('LATEST', 'TRIM_HORIZON')).to.include({ type: 'AT_TIMESTAMP' });
    const noted = opened({ startFrom: 'LATEST', store: storeWith({ ...checkpointAt('LATEST'), startTimestamp: -3 }) }, ready());
    expect(noted?.start).to.deep.include({ timestamp: new Date(-3) });
    expect(startAt('AT_TIMESTAMP', new Date(5))).to.deep.equal({ type: 'AT_TIMESTAMP', timestamp: new Date(5) });
    // Of a time that only others know: all of it.
    expect(startAt('AT_TIMESTAMP', 'LATEST')).to.deep.equal(horizon);
  });

  it('begins at the beginning, whatever the word of the row, where a parent out of view was read, and says what was not read of it', () => {
    for (const word of ['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'])
      for (const startFrom of ['LATEST', date] as const) {
        const storeWithParentAt = (parentAt: string): CheckpointStore => ({
          read: ({ shardId }) => of(shardId === 'p' ? { ...checkpointAt(parentAt), shardId } : checkpointAt(word)),
          write: () => EMPTY,
        });
        const child = ready({ unlistedParentIds: ['p'] });
        expect(opened({ startFrom, store: storeWithParentAt('SHARD_END') }, child)?.start).to.deep.equal(horizon);

        const events: KinesisEvent[] = [];
        const notified = { onGap: 'continue', events: { next: (event: KinesisEvent) => void events.push(event) } } as const;
        expect(opened({ startFrom, store: storeWithParentAt('7'), ...notified }, child)?.start).to.deep.equal(horizon);
        expect(events.map(({ type }) => type)).to.deep.equal(['gap']);
      }
  });

  it('gives the checkpoint as it is, but not a word that says only where to begin', () => {
    expect(opened({ store: storeWith(checkpointAt('7')) }, ready())?.checkpoint).to.deep.equal(checkpointAt('7'));
    for (const word of ['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'])
      expect(opened({ startFrom: 'LATEST', store: storeWith(checkpointAt(word)) }, ready())?.checkpoint).to.equal(undefined);
    expect(opened({ store: storeWith(checkpointAt('SHARD_END')) }, ready({}, true))?.checkpoint).to.deep.equal(checkpointAt('SHARD_END'));
    expect(opened({ store: storeWith(undefined) }, ready())?.checkpoint).to.equal(undefined);
  });

  describe('when a parent that is no longer listed was read in part', () => {
    const store: CheckpointStore = {
      read: ({ shardId }) => of(shardId === 'q' ? { ...checkpointAt('7'), shardId: 'q' } : undefined),
      write: () => EMPTY,
    };
    const child = ready({ unlistedParentIds: ['p', 'q'] });
    for (const startFrom of ['TRIM_HORIZON', 'LATEST', date] as const) {
      it(`fails with what is gone, from ${String(startFrom instanceof Date ? 'a Date' : startFrom)}`, () => {
        let error: unknown;
        openWith({ startFrom, store }, child).subscribe({ error: (e: unknown) => (error = e) });
        expect(error).to.satisfy(isRangeExpired);
        expect(error).to.have.deep.property('gap', {
          streamName: 'stream',
          shardId: 'q',
          from: { sequenceNumber: '7', subSequenceNumber: 0 },
        });
      });

      it(`begins at the child's beginning when onGap says to continue, and tells of the gap, from ${String(startFrom instanceof Date ? 'a Date' : startFrom)}`, () => {
        const events: KinesisEvent[] = [];
        const config = { startFrom, store, onGap: 'continue' as const, events: { next: (event: KinesisEvent) => void events.push(event) } };
        expect(opened(config, child)?.start).to.deep.equal(horizon);
        expect(untimed(events)).to.deep.equal([
          { type: 'gap', streamName: 'stream', shardId: 'q', from: { sequenceNumber: '7', subSequenceNumber: 0 } },
        ]);
      });
    }

    it('does not look at the parents of a shard that has a checkpoint of its own', () => {
      const both: CheckpointStore = { read: ({ shardId }) => of({ ...checkpointAt('7'), shardId }), write: () => EMPTY };
      expect(opened({ startFrom: 'LATEST', store: both }, child)?.checkpoint).to.include({ sequenceNumber: '7' });
    });
  });

  describe('checks that the checkpoint is of this shard: it', () => {
    const errorOf = (checkpoint: Checkpoint, closed = false, startingSequenceNumber: string | undefined = '100'): unknown => {
      let result: unknown = 'opened';
      openShard({
        identity: { ...shard, startingSequenceNumber: startingSequenceNumber || undefined },
        ready: ready({}, closed),
        config: resolveShardConfig(fastReading(fakeKinesis({ shards: {} }), { store: storeWith(checkpoint) })),
        latest,
      }).subscribe({ error: (error: unknown) => (result = error) });
      return result;
    };

    it('takes one that was stored for the shard that begins here, also its end', () => {
      expect(errorOf({ ...checkpointAt('150'), shardStart: '100' })).to.equal('opened');
      expect(errorOf({ ...checkpointAt('SHARD_END'), shardStart: '100' })).to.equal('opened');
    });

    for (const word of ['150', '50', 'SHARD_END']) {
      it(`refuses ${word} of one that begins elsewhere, as in a stream that was made again`, () => {
        const error = errorOf({ ...checkpointAt(word), shardStart: '99' }, true);
        expect(error).to.satisfy(isForeignCheckpoint);
        expect(error).to.deep.include({ shardStart: '100', retriable: false, shardId: shard.shardId });
        expect((error as Error).message)
          .to.include(word)
          .and.include('99')
          .and.include('begins at 100');
      });
    }

    it('without that word (a row of KCL) takes a number within the shard, and refuses one before it', () => {
      expect(errorOf(checkpointAt('100'))).to.equal('opened');
      expect(errorOf(checkpointAt('99'))).to.satisfy(isForeignCheckpoint);
    });

    it('without that word takes the end of a closed shard, and refuses that of one that is listed as open', () => {
      expect(errorOf(checkpointAt('SHARD_END'), true)).to.equal('opened');
      expect(errorOf(checkpointAt('SHARD_END'), false)).to.satisfy(isForeignCheckpoint);
    });

    it('takes the words that say only where to begin, and anything where the shard is not listed', () => {
      expect(errorOf(checkpointAt('TRIM_HORIZON'))).to.equal('opened');
      expect(errorOf({ ...checkpointAt('7'), shardStart: '99' }, false, '')).to.equal('opened');
    });
  });

  it('reads once, also a store that emits nothing, more, or nothing that is good', () => {
    const read = (store: CheckpointStore | undefined): unknown => {
      let found: unknown;
      openWith({ store }).subscribe({ next: ({ checkpoint }) => (found = checkpoint), error: (error: unknown) => (found = error) });
      return found;
    };
    expect(read(undefined)).to.equal(undefined);
    expect(read({ read: () => EMPTY, write: () => EMPTY })).to.equal(undefined);
    expect(read({ read: () => of(checkpointAt('1'), checkpointAt('2')), write: () => EMPTY })).to.deep.equal(checkpointAt('1'));
    const error = read(storeWith(checkpointAt('seven')));
    expect(error).to.satisfy(isInvalidValue);
    expect((error as Error).message).to.include('checkpoint of stream/shardId-000000000000');
  });

  it(
    'retries a read that fails with an error that passes',
    marbles(({ expectObservable }) => {
      let reads = 0;
      const slowDown = Object.assign(new Error('slow down'), { name: 'ThrottlingException' });
      const store = { read: () => (++reads === 1 ? throwError(() => slowDown) : of(checkpointAt('7'))), write: () => EMPTY };
      const config = { store, retry: { initialDelayMs: 10 }, random: () => 0.5 };
      expectObservable(openWith(config).pipe(map(({ checkpoint }) => checkpoint?.sequenceNumber))).toBe('5ms (7|)');
    }),
  );
});
