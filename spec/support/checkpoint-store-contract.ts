import { expect } from 'chai';
import { forkJoin, from, lastValueFrom, toArray } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { isCheckpointError } from '../../lib/checkpoints/errors.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { SequenceNumberRanges, type SequenceNumberRange } from '../../lib/values/sequence-range.js';
import type { ShardIdentity } from '../../lib/values/shard-id.js';

/** What a store is, beyond what every store must do. */
export interface StoreTraits {
  /** Whether one store holds the shards of several streams. */
  readonly holdsManyStreams: boolean;
}

/** A store for one test, and the same place opened anew where it outlives the store. */
export interface OpenedStore {
  readonly store: CheckpointStore;
  readonly reopen?: () => Promise<CheckpointStore>;
}

/** Any shard, made from its id. */
export function shardNamed(shardId = 'shardId-000000000000', fields: Partial<ShardIdentity> = {}): ShardIdentity {
  const hashKeyRange = { startingHashKey: '0', endingHashKey: '340282366920938463463374607431768211455' };
  return { streamName: 'flights', shardId, parentShardIds: [], hashKeyRange, ...fields };
}

/** What the shard of {@link shardNamed} becomes by a split. */
export function childrenOf(shardId: string): NonNullable<ShardIdentity['childShards']> {
  const middle = 2n ** 127n;
  return [
    { shardId: 'shardId-000000000101', from: 0n, to: middle - 1n },
    { shardId: 'shardId-000000000102', from: middle, to: 2n ** 128n - 1n },
  ].map(({ shardId: child, from: start, to }) => ({
    shardId: child,
    parentShardIds: [shardId],
    hashKeyRange: { startingHashKey: String(start), endingHashKey: String(to) },
  }));
}

/** A checkpoint of a shard. */
export function checkpointOf(shard: ShardIdentity, sequenceNumber: string, subSequenceNumber = 0): Checkpoint {
  return { streamName: shard.streamName, shardId: shard.shardId, sequenceNumber, subSequenceNumber };
}

/** Reads a checkpoint as a Promise. */
export function readFrom(store: CheckpointStore, shard: ShardIdentity): Promise<Checkpoint | undefined> {
  return lastValueFrom(from(store.read(shard)));
}

/** Writes a checkpoint as a Promise. */
export function writeTo(store: CheckpointStore, shard: ShardIdentity, checkpoint: Checkpoint): Promise<unknown> {
  return lastValueFrom(from(store.write(checkpoint, shard)), { defaultValue: undefined });
}

/** The error that `action` rejects with. */
export async function errorOf(action: Promise<unknown>): Promise<unknown> {
  return action.then(
    (value) => expect.fail(`expected an error, got ${String(value)}`),
    (error: unknown) => error,
  );
}

/** What every checkpoint store must do. `open` gives each test an empty store. */
export function checkpointStoreContract(open: () => Promise<OpenedStore>, traits: StoreTraits): void {
  const shard = shardNamed('shardId-000000000000', { childShards: childrenOf('shardId-000000000000') });
  const first = '49590338271490256608559692538361571095921575989136588898';
  const second = '49590338271490256608559692538361571095921575989136588899';

  describe('as a checkpoint store', () => {
    let opened: OpenedStore;
    let store: CheckpointStore;

    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });

    const write = (sequenceNumber: string, sub?: number) => writeTo(store, shard, checkpointOf(shard, sequenceNumber, sub));
    const read = () => readFrom(store, shard);

    it('reads undefined, once, for a shard without checkpoint', async () => {
      expect(await lastValueFrom(from(store.read(shard)).pipe(toArray()))).to.deep.equal([undefined]);
    });

    it('reads what was written', async () => {
      await write(first, 3);
      expect(await read()).to.deep.equal(checkpointOf(shard, first, 3));
    });

    it('keeps shards apart', async () => {
      const other = shardNamed('shardId-000000000001');
      await write(first);
      expect(await readFrom(store, other)).to.equal(undefined);
    });

    it('goes forward, in the sub-sequence number too', async () => {
      for (const [sequenceNumber, sub] of [
        [first, 0],
        [first, 1],
        [second, 0],
      ] as const) {
        await write(sequenceNumber, sub);
        expect(await read()).to.deep.equal(checkpointOf(shard, sequenceNumber, sub));
      }
    });

    it('compares sequence numbers as numbers', async () => {
      await write('9');
      await write('10');
      expect(await read()).to.deep.equal(checkpointOf(shard, '10'));
      expect(await errorOf(write('9'))).to.satisfy(isCheckpointError);
    });

    it('accepts the same checkpoint again', async () => {
      await write(first, 3);
      await write(first, 3);
      expect(await read()).to.deep.equal(checkpointOf(shard, first, 3));
    });

    const backwards: [name: string, before: [string, number], after: [string, number]][] = [
      ['a smaller sequence number', [second, 0], [first, 7]],
      ['a smaller sub-sequence number', [first, 7], [first, 6]],
      ['a sequence number after SHARD_END', ['SHARD_END', 0], [second, 0]],
    ];
    for (const [name, before, after] of backwards) {
      it(`refuses ${name} and keeps what it has`, async () => {
        await write(...before);
        const error = await errorOf(write(...after));
        expect(error).to.satisfy(isCheckpointError);
        expect(error).to.include({ retriable: false, streamName: 'flights', shardId: 'shardId-000000000000' });
        expect(await read()).to.deep.equal(checkpointOf(shard, ...before));
      });
    }

    it('keeps SHARD_END', async () => {
      await write(first);
      await write('SHARD_END');
      expect(await read()).to.deep.equal(checkpointOf(shard, 'SHARD_END'));
    });

    for (const sequenceNumber of ['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP', '', 'abc', '-1']) {
      it(`refuses the checkpoint ${JSON.stringify(sequenceNumber)} and stays empty`, async () => {
        expect(await errorOf(write(sequenceNumber))).to.satisfy(isInvalidValue);
        expect(await read()).to.equal(undefined);
      });
    }

    it('refuses the checkpoint of another shard', async () => {
      const other = checkpointOf(shardNamed('shardId-000000000001'), first);
      expect(await errorOf(writeTo(store, shard, other))).to.satisfy(isInvalidValue);
      expect(await read()).to.equal(undefined);
    });

    it('writes on subscription, not on the call', async () => {
      const writing = from(store.write(checkpointOf(shard, first), shard));
      expect(await read()).to.equal(undefined);
      expect(await lastValueFrom(writing.pipe(toArray()))).to.deep.equal([undefined]);
      expect(await read()).to.deep.equal(checkpointOf(shard, first));
    });

    it('reads on subscription, each time anew', async () => {
      const reading = from(store.read(shard));
      await write(first);
      expect(await lastValueFrom(reading)).to.deep.equal(checkpointOf(shard, first));
      await write(second);
      expect(await lastValueFrom(reading)).to.deep.equal(checkpointOf(shard, second));
    });

    it('ends at the last of writes that are made at once', async () => {
      const sequenceNumbers = Array.from({ length: 20 }, (_, index) => String(index));
      await lastValueFrom(forkJoin(sequenceNumbers.map((sequenceNumber) => store.write(checkpointOf(shard, sequenceNumber), shard))));
      expect(await read()).to.deep.equal(checkpointOf(shard, '19'));
    });

    it('does not give out what a caller can change', async () => {
      const checkpoint = { ...checkpointOf(shard, first) };
      await writeTo(store, shard, checkpoint);
      checkpoint.sequenceNumber = second;
      expect(await read()).to.deep.equal(checkpointOf(shard, first));
    });

    const beyond: readonly SequenceNumberRange[] = [
      {
        streamName: 'flights',
        shardId: shard.shardId,
        fromSeqNumber: '20',
        toSeqNumber: '30',
        fromSubSeqNumber: 0,
        toSubSeqNumber: 2,
        recordCount: 5,
      },
    ];
    it('keeps what is settled beyond, also where the position is the same', async () => {
      const checkpoint = checkpointOf(shard, '10');
      await writeTo(store, shard, checkpoint);
      await writeTo(store, shard, { ...checkpoint, settledBeyond: beyond });
      expect(await read()).to.deep.equal({ ...checkpoint, settledBeyond: beyond });
    });

    it('keeps the blocks that are stored and not released, as it says, also where the position is the same', async () => {
      const checkpoint = checkpointOf(shard, '10');
      const before = (from: number): SequenceNumberRange => ({ ...beyond[0]!, fromSeqNumber: String(from), toSeqNumber: String(from + 1) });
      const unreleased = [new SequenceNumberRanges([before(1)]), new SequenceNumberRanges([before(3), before(6)])];
      await writeTo(store, shard, { ...checkpoint, unreleased });
      const reopened = opened.reopen ? await opened.reopen() : store;
      expect(store.keepsUnreleased).to.equal(true);
      expect(await readFrom(reopened, shard)).to.deep.equal({ ...checkpoint, unreleased });
      await writeTo(reopened, shard, { ...checkpoint, unreleased: unreleased.slice(1) });
      await writeTo(reopened, shard, checkpoint);
      expect(await readFrom(reopened, shard)).to.deep.equal(checkpoint);
    });

    if (traits.holdsManyStreams) {
      it('keeps streams apart, whatever their names', async () => {
        const shards = ['a', 'a/b', 'a%2Fb', 'ä b'].map((streamName) => shardNamed(shard.shardId, { streamName }));
        for (const [index, each] of shards.entries()) await writeTo(store, each, checkpointOf(each, String(index)));
        for (const [index, each] of shards.entries()) expect(await readFrom(store, each)).to.deep.equal(checkpointOf(each, String(index)));
      });
    }

    it('has everything when opened anew, where it outlives the store', async () => {
      await write(first, 3);
      const reopened = opened.reopen ? await opened.reopen() : store;
      expect(await readFrom(reopened, shard)).to.deep.equal(checkpointOf(shard, first, 3));
      expect(await errorOf(writeTo(reopened, shard, checkpointOf(shard, first, 2)))).to.satisfy(isCheckpointError);
    });
  });
}
