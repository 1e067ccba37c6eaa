import { expect } from 'chai';
import { EMPTY, map, of, throwError, type Observable } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import type { ReadyShard } from '../../lib/shards/shard-graph.js';
import { resolveShardConfig } from '../../lib/shards/config.js';
import type { KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { openShard, type Opened } from '../../lib/shards/open-shard.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { fastReading, identityOf } from '../support/fast-reading.js';

const hashKeyRange = { startingHashKey: '0', endingHashKey: '1' };
const shard = identityOf(0);

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
/** A store with a checkpoint of these shards alone, and so of none that is opened here. */
const storeOf = (...shardIds: readonly string[]): CheckpointStore => ({
  read: ({ shardId }) => of(shardIds.includes(shardId) ? { ...checkpointAt('7'), shardId } : undefined),
  write: () => EMPTY,
});

const openWith = (config: Partial<KinesisStreamConfig>, one = ready()): Observable<Opened> =>
  openShard({
    identity: shard,
    ready: one,
    config: resolveShardConfig(fastReading(fakeKinesis({ shards: {} }), config)),
    firstSeenMs: 77,
  });

/** Opens with a store that answers at once. */
function opened(config: Partial<KinesisStreamConfig>, one: ReadyShard): Opened | undefined {
  let result: Opened | undefined;
  openWith(config, one).subscribe((found) => (result = found));
  return result;
}

const horizon = { type: 'TRIM_HORIZON' };
const moment = { type: 'AT_TIMESTAMP', timestamp: new Date(77) };
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
      'a Date, a parent out of view with a checkpoint: its beginning',
      { startFrom: date, store: storeOf('p') },
      ready({ unlistedParentIds: ['p'] }),
      horizon,
    ],
    [
      'a Date, the second of two parents out of view with a checkpoint: its beginning',
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
      'LATEST, a parent out of view with a checkpoint: its beginning',
      { startFrom: 'LATEST', store: storeOf('p') },
      ready({ unlistedParentIds: ['p'] }, true),
      horizon,
    ],
    [
      'LATEST, the first of two parents out of view with a checkpoint: its beginning',
      { startFrom: 'LATEST', store: storeOf('p') },
      ready({ unlistedParentIds: ['p', 'q'] }, true),
      horizon,
    ],
    [
      'LATEST, the second of two parents out of view with a checkpoint: its beginning',
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
    [
      'TRIM_HORIZON in its row, whatever this process would begin with',
      { startFrom: 'LATEST', store: storeWith(checkpointAt('TRIM_HORIZON')) },
      ready({}, true),
      horizon,
    ],
    [
      'AT_TIMESTAMP in its row, the time that this process is given',
      { startFrom: new Date(5), store: storeWith(checkpointAt('AT_TIMESTAMP')) },
      ready({}, false),
      { type: 'AT_TIMESTAMP', timestamp: new Date(5) },
    ],
    [
      'AT_TIMESTAMP in its row, of which this process is given no time: all of it',
      { startFrom: 'LATEST', store: storeWith(checkpointAt('AT_TIMESTAMP')) },
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

  it('begins at the newest record where the row says LATEST, also if this process would begin at the oldest', () => {
    const start = opened({ startFrom: 'TRIM_HORIZON', store: storeWith(checkpointAt('LATEST')) }, ready())?.start;
    expect(start).to.include({ type: 'AT_TIMESTAMP' });
  });

  it('gives the checkpoint as it is, but not a word that says only where to begin', () => {
    expect(opened({ store: storeWith(checkpointAt('7')) }, ready())?.checkpoint).to.deep.equal(checkpointAt('7'));
    for (const word of ['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'])
      expect(opened({ startFrom: 'LATEST', store: storeWith(checkpointAt(word)) }, ready())?.checkpoint).to.equal(undefined);
    expect(opened({ store: storeWith(checkpointAt('SHARD_END')) }, ready())?.checkpoint).to.deep.equal(checkpointAt('SHARD_END'));
    expect(opened({ store: storeWith(undefined) }, ready())?.checkpoint).to.equal(undefined);
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
