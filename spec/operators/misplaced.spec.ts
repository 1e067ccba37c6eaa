import { expect } from 'chai';
import { bufferCount, bufferTime, defer, map, mergeMap, NEVER, of, throwError, timer, toArray, Observable } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { deaggregate } from '../../lib/operators/deaggregate.js';
import { loadBlocks } from '../../lib/operators/loadBlocks.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { releaseBlocks } from '../../lib/operators/releaseBlocks.js';
import { storeBlocks } from '../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { fanOut } from '../../lib/readers/fanOut.js';
import { polling } from '../../lib/readers/polling.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import type { Shard } from '../../lib/shards/shard.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { block } from '../../lib/testing/block.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { record } from '../../lib/testing/record.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { fastReading } from '../support/fast-reading.js';

/** What the compiler would refuse, and JavaScript does not. */
const js = (value: unknown): never => value as never;
const ONE_DECODED = 'give it one KinesisRecord at a time, with the decoded bytes as data';
const shardLike = Object.assign(new Observable<never>(), { leaseLost$: NEVER });

/** A shard of a source that nobody reads. */
function madeShard(): Shard {
  const client = fakeKinesis({ shards: { 0: 'a^' } });
  return kinesisShard({ client, streamName: 'stream', shardId: 'shardId-000000000000', startFrom: 'TRIM_HORIZON' });
}

/** The message that a pipeline fails with at the first value, which must be an InvalidConfigError. */
function messageOf(result$: Observable<unknown>): string {
  const ends: unknown[] = [];
  result$.subscribe({ next: () => ends.push('next'), error: (error: unknown) => ends.push(error), complete: () => ends.push('complete') });
  expect(ends).to.have.length(1);
  expect(ends[0]).to.satisfy(isInvalidConfig);
  return (ends[0] as Error).message;
}

describe('an operator that is given what it cannot work with', () => {
  const tables: ReadonlyArray<
    readonly [string, (value$: Observable<never>) => Observable<unknown>, ReadonlyArray<readonly [string, unknown, string]>]
  > = [
    [
      'withSequenceRanges: expected an array of records',
      (value$) => value$.pipe(withSequenceRanges()),
      [
        ['a record without bufferTime', record(1), 'got a record: put bufferTime before it'],
        ['a block: it is there twice', block(1), 'got a block: is it there twice?'],
        ['blocks: it is there twice, with a buffer between', [block(1)], 'got an array with a block: is it there twice?'],
        ['a shard: mergeShards is forgotten', shardLike, 'got a shard: is mergeShards missing?'],
        ['shards', [shardLike], 'got an array with a shard: is mergeShards missing?'],
        ['parsed records', [{ flight: 7 }], 'got an array with object: parse records behind it, not before'],
        ['parsed records behind others', [record(1), { flight: 7 }], 'got an array with object: parse records behind it, not before'],
        ['texts', ['a'], 'got an array with string: parse records behind it, not before'],
        ['texts behind records', [record(1), 'a'], 'got an array with string: parse records behind it, not before'],
        ['nothings', [null], 'got an array with null: parse records behind it, not before'],
        ['nulls', [null, null], 'got an array with null: parse records behind it, not before'],
        [
          'nothings of a function that returns nothing',
          [undefined, undefined],
          'got an array with undefined: parse records behind it, not before',
        ],
        ['nothings behind a record', [record(1), undefined, undefined], 'got an array with undefined: parse records behind it, not before'],
        ['nothing', undefined, 'got undefined: put bufferTime before it'],
      ],
    ],
    [
      'checkpointEvery: expected a block, or an object with its ranges',
      (value$) => value$.pipe(checkpointEvery(10, { store: memoryCheckpoints() })),
      [
        ['nothing', undefined, 'got undefined: return the block from your work'],
        ['null', null, 'got null: return the block from your work'],
        ['a number', 5, 'got number: return the block from your work'],
        ['an object without ranges', { saved: 5 }, 'got object: return the block from your work'],
        ['ranges that are none', { ranges: 5 }, 'got object: return the block from your work'],
        ['a shard', shardLike, 'got a shard: is mergeShards missing?'],
        ['a record', record(1), 'got a record: put withSequenceRanges before it, and pass on each block by itself'],
        ['records', [record(1)], 'got an array with a record: put withSequenceRanges before it, and pass on each block by itself'],
        ['blocks', [block(1)], 'got an array with a block: put withSequenceRanges before it, and pass on each block by itself'],
      ],
    ],
    [
      'recoverFrom: expected a block or a record',
      (value$) => value$.pipe(recoverFrom()),
      [
        ['records', [record(1)], 'got an array with a record: put it behind withSequenceRanges'],
        ['a shard', shardLike, 'got a shard: is mergeShards missing?'],
        ['nothing', undefined, 'got undefined: put it behind withSequenceRanges'],
      ],
    ],
    [
      'storeBlocks: expected a block with its records',
      (value$) => value$.pipe(storeBlocks(memoryBlocks(), { shard: madeShard() })),
      [
        ['nothing', undefined, 'got undefined: put withSequenceRanges before it, and pass on each block by itself'],
        ['a record', record(1), 'got a record: put withSequenceRanges before it, and pass on each block by itself'],
        ['blocks', [block(1)], 'got an array with a block: put withSequenceRanges before it, and pass on each block by itself'],
        ['a handle: it is there twice', { id: 'a', ranges: block(1).ranges }, 'got a block: pass on the block itself'],
        ['a shard', shardLike, 'got a shard: is mergeShards missing?'],
      ],
    ],
    [
      'loadBlocks: expected the handle of a block',
      (value$) => value$.pipe(loadBlocks(memoryBlocks(), { shard: madeShard() })),
      [
        ['nothing', undefined, 'got undefined: put it behind storeBlocks'],
        ['a record', record(1), 'got a record: put it behind storeBlocks'],
        ['a handle without ranges', { id: 'a' }, 'got object: put it behind storeBlocks'],
      ],
    ],
    [
      'releaseBlocks: expected a block, or an object with its ranges',
      (value$) => value$.pipe(releaseBlocks(memoryBlocks())),
      [
        ['nothing', undefined, 'got undefined: return the block from your work'],
        ['null', null, 'got null: return the block from your work'],
        ['an object without ranges', { saved: 5 }, 'got object: return the block from your work'],
        ['ranges that are none', { ranges: 5 }, 'got object: return the block from your work'],
        ['blocks', [block(1)], 'got an array with a block: return the block from your work'],
      ],
    ],
    [
      'deaggregate: expected a record whose data is a Uint8Array',
      (value$) => value$.pipe(deaggregate()),
      [
        ['a record of a Lambda event', { eventID: '0:1', kinesis: { data: '85qawg==' } }, `got object: ${ONE_DECODED}`],
        ['a record of the SDK', { Data: new Uint8Array(4), PartitionKey: 'a', SequenceNumber: '1' }, `got object: ${ONE_DECODED}`],
        ['a text as data', { ...record(1), data: '85qawg==' }, `got object: ${ONE_DECODED}`],
        ['a buffer as data', { ...record(1), data: new ArrayBuffer(4) }, `got a record: ${ONE_DECODED}`],
        ['records', [record(1)], `got an array with a record: ${ONE_DECODED}`],
        ['a shard', shardLike, 'got a shard: is mergeShards missing?'],
        ['nothing', undefined, `got undefined: ${ONE_DECODED}`],
      ],
    ],
    [
      'mergeShards: expected a shard',
      (value$) => value$.pipe(mergeShards((shard) => shard)),
      [
        ['a record', record(1), 'got a record: put it behind kinesisStream'],
        ['an Observable that is no shard', of(1), 'got object: put it behind kinesisStream'],
        ['nothing', undefined, 'got undefined: put it behind kinesisStream'],
      ],
    ],
  ];
  for (const [expected, run, cases] of tables) {
    for (const [what, value, words] of cases) {
      it(`says at the first value what to change: ${expected.split(':')[0]}, ${what}`, () => {
        expect(messageOf(run(of(value) as unknown as Observable<never>))).to.equal(`${expected}, ${words}`);
      });
    }
  }

  it('drops empty arrays all the same: withSequenceRanges', () => {
    const seen: unknown[] = [];
    of([], [record(1)], [])
      .pipe(withSequenceRanges(), toArray())
      .subscribe((blocks) => seen.push(blocks.length));
    expect(seen).to.deep.equal([1]);
  });

  const copies = { copied: map((value: object) => ({ ...value })), revived: map((value: object) => structuredClone(value)) };
  for (const [how, copy] of Object.entries(copies)) {
    it(
      `says so although a restart could hide it: checkpointEvery in a pipeline, records ${how} before the block`,
      marbles(({ flush, scheduler }) => {
        const errors: unknown[] = [];
        kinesisStream(fastReading(fakeKinesis({ shards: { 0: 'a^' } }), { store: memoryCheckpoints(), events: 'silent' }))
          .pipe(mergeShards((shard) => shard.pipe(copy as never, bufferTime(5), withSequenceRanges(), checkpointEvery(10))))
          .subscribe({ error: (error: unknown) => errors.push(error, scheduler.now()) });
        flush();
        expect((errors[0] as Error).message).to.match(/^stream\/shardId-000000000000: .* copied .* need the option store$/);
        expect(errors[1]).to.be.below(100);
      }),
    );
  }

  for (const [reader, call] of [
    [polling, 'polling()'],
    [fanOut, 'fanOut({ consumerName })'],
  ] as const) {
    it(
      `says that a reader must be called: ${call}`,
      marbles(({ flush }) => {
        const errors: unknown[] = [];
        kinesisStream(fastReading(fakeKinesis({ shards: { 0: 'a^' } }), { reader: js(reader), events: 'silent' }))
          .pipe(mergeShards((shard) => shard))
          .subscribe({ error: (error: unknown) => errors.push(error) });
        flush();
        expect(errors).to.have.length(1);
        expect(errors[0])
          .to.satisfy(isInvalidConfig)
          .and.have.property('message', `reader: expected ${call}, got the function ${reader.name} itself`);
      }),
    );
  }

  it(
    'says that mergeShards is missing behind kinesisStream',
    marbles(({ flush }) => {
      const messages: string[] = [];
      const note = { error: (error: Error) => messages.push(error.message) };
      const stream = () => kinesisStream(fastReading(fakeKinesis({ shards: { 0: 'a^' } }), { events: 'silent' }));
      stream()
        .pipe(js(bufferCount(1)), js(withSequenceRanges()), js(checkpointEvery(10)))
        .subscribe(note);
      stream()
        .pipe(js(checkpointEvery(10)))
        .subscribe(note);
      flush();
      expect(messages).to.have.length(2);
      for (const message of messages) expect(message).to.match(/is mergeShards missing\?$/);
    }),
  );

  it(
    'does not take an error of the work itself for that: it is restarted',
    marbles(({ flush }) => {
      const types: string[] = [];
      let runs = 0;
      const subscription = kinesisStream(
        fastReading(fakeKinesis({ shards: { 0: 'a|' } }), { events: { next: ({ type }) => void types.push(type) } }),
      )
        .pipe(
          mergeShards((shard) =>
            shard.pipe(
              bufferTime(5),
              withSequenceRanges(),
              mergeMap((value) => defer(() => (runs++ === 0 ? throwError(() => new TypeError('work')) : of(value)))),
              checkpointEvery(10),
            ),
          ),
        )
        .subscribe();
      timer(5_000).subscribe(() => subscription.unsubscribe());
      flush();
      expect(types).to.include('shardRestarted').and.to.include('shardReleased');
    }),
  );
});
