import { expect } from 'chai';
import { from, lastValueFrom, toArray, type ObservableInput } from 'rxjs';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { block, record } from '../../lib/testing/index.js';
import { blockId, makeBlock, type Block } from '../../lib/values/block.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { errorOf } from './checkpoint-store-contract.js';
import type { StorageLevel } from '../../lib/blocks/storage-level.js';

/** All levels. */
export const STORAGE_LEVELS: readonly StorageLevel[] = [
  'MEMORY_ONLY',
  'MEMORY_ONLY_2',
  'MEMORY_AND_DISK',
  'MEMORY_AND_DISK_2',
  'DISK_ONLY',
  'DISK_ONLY_2',
];

/** The last value of a call, `undefined` when it has none, as a Promise. */
export function answerOf<T>(call: ObservableInput<T>): Promise<T | undefined> {
  return lastValueFrom<T | undefined, undefined>(from(call), { defaultValue: undefined });
}

/** The ids that a store lists, sorted. */
export async function idsIn(store: BlockStore): Promise<string[]> {
  return (await lastValueFrom(from(store.list()).pipe(toArray()))).sort();
}

/** A block with everything that a record can have. */
export function fullBlock(): Block {
  const first = '49590338271490256608559692538361571095921575989136588898';
  const fields = { partitionKey: 'LH 400 ✈', explicitHashKey: '7', approximateArrivalTimestamp: new Date(1_700_000_000_123) };
  return block(
    record(first, { ...fields, subSequenceNumber: 3, data: Uint8Array.of(0, 255, 1, 128) }),
    record(first, { ...fields, subSequenceNumber: 4, data: new Uint8Array() }),
    record('7', { streamName: 'trains', shardId: 'shardId-000000000009', data: new Uint8Array(70_000).fill(9) }),
  );
}

/** Ids that would do harm as a path or a key. */
export const HOSTILE_IDS = ['../../etc/passwd', '..', '.', '/', 'a\0b', '\0', '!2e', '%2e%2e%2f', 'a\nb', 'ä✈', '\uFEFFx', '__proto__'];

/** What every block store must do. `open` gives each test an empty store. */
export function blockStoreContract(open: () => BlockStore | Promise<BlockStore>): void {
  describe('as a block store', () => {
    let store: BlockStore;

    beforeEach(async () => {
      store = await open();
    });

    it('gives back what was put: every field, every byte, the ranges and the id', async () => {
      const one = fullBlock();
      await answerOf(store.put(one));
      const got = await answerOf(store.get(one.id));
      expect(got).to.deep.equal(one);
      expect(got).not.to.equal(one);
      expect(got!.records[0]!.data).to.be.an.instanceOf(Uint8Array).and.not.an.instanceOf(Buffer);
      expect(blockId(got!.ranges)).to.equal(one.id);
    });

    it('gives back whether a block was recovered', async () => {
      const { records, ranges } = block(1, 2);
      const one = makeBlock(records, ranges, true);
      await answerOf(store.put(one));
      expect((await answerOf(store.get(one.id)))!.recovered).to.equal(true);
    });

    it('has nothing that was not put', async () => {
      expect(await lastValueFrom(from(store.get(block(1).id)).pipe(toArray()))).to.deep.equal([undefined]);
      expect(await idsIn(store)).to.deep.equal([]);
    });

    it('lists what is there, each once, and lets go of what is deleted', async () => {
      const [a, b] = [block(1, 2), block(3)];
      for (const one of [a, b, a]) await answerOf(store.put(one));
      expect(await idsIn(store)).to.deep.equal([a.id, b.id].sort());

      await answerOf(store.delete(a.id));
      expect(await idsIn(store)).to.deep.equal([b.id]);
      expect(await answerOf(store.get(a.id))).to.equal(undefined);
      expect(await answerOf(store.get(b.id))).to.deep.equal(b);
    });

    it('deletes what is not there without an error', async () => {
      await answerOf(store.delete(block(1).id));
      expect(await idsIn(store)).to.deep.equal([]);
    });

    it('puts a block again in place of the one with its id', async () => {
      const one = block(record(1, { partitionKey: 'old' }));
      const again = block(record(1, { partitionKey: 'new' }));
      await answerOf(store.put(one));
      await answerOf(store.put(again));
      expect(await answerOf(store.get(one.id))).to.deep.equal(again);
    });

    it('does nothing before it is subscribed', async () => {
      const one = block(1);
      const putting = from(store.put(one));
      expect(await idsIn(store)).to.deep.equal([]);
      await answerOf(putting);
      const deleting = from(store.delete(one.id));
      expect(await idsIn(store)).to.deep.equal([one.id]);
      await answerOf(deleting);
      expect(await idsIn(store)).to.deep.equal([]);
    });

    it('keeps what was put when the payload is changed afterwards', async () => {
      const data = Uint8Array.of(1, 2, 3);
      const one = block(record(1, { data }));
      await answerOf(store.put(one));
      data.fill(0);
      expect([...(await answerOf(store.get(one.id)))!.records[0]!.data]).to.deep.equal([1, 2, 3]);
    });

    it('refuses a block whose records are not those of its ranges, and keeps nothing of it', async () => {
      const whole = block(1, 2, 3);
      const short = makeBlock(whole.records.slice(1), whole.ranges);
      expect(await errorOf(answerOf(store.put(short)))).to.satisfy(isInvalidValue);
      expect(await idsIn(store)).to.deep.equal([]);
    });

    it('has nothing under the id of a path, a NUL or an escape, and deletes nothing by it', async () => {
      const one = block(1);
      await answerOf(store.put(one));
      for (const id of HOSTILE_IDS) {
        expect(await answerOf(store.get(id)), JSON.stringify(id)).to.equal(undefined);
        await answerOf(store.delete(id));
      }
      expect(await idsIn(store)).to.deep.equal([one.id]);
    });

    it('refuses blocks of streams and shards with names that Kinesis cannot have, and keeps those apart that it can', async () => {
      const isName = (name: string): boolean => /^[\w.-]{1,128}$/.test(name);
      const blocks = HOSTILE_IDS.filter(isName).map((name) => block(record(1, { streamName: name, shardId: name })));
      expect(blocks).to.have.length(3);
      for (const name of HOSTILE_IDS.filter((id) => !isName(id))) {
        for (const field of ['streamName', 'shardId']) {
          const error: unknown = await answerOf(store.put(block(record(1, { [field]: name })))).catch((reason: unknown) => reason);
          expect(error, `${field} ${JSON.stringify(name)}`).to.satisfy(isInvalidValue);
        }
      }
      for (const one of blocks) await answerOf(store.put(one));
      for (const one of blocks) expect(await answerOf(store.get(one.id))).to.deep.equal(one);
      expect(await idsIn(store)).to.deep.equal(blocks.map(({ id }) => id).sort());
    });

    it('does not let a name of 10 kB do harm', async () => {
      const one = block(record(1, { streamName: 'x'.repeat(10_000) }));
      expect(await answerOf(store.put(block(record(1, { shardId: 'x'.repeat(10_000) })))).catch(isInvalidValue)).to.equal(true);
      // Kept as it is, or refused as a whole.
      const kept = await answerOf(store.put(one)).then(
        () => true,
        (error: unknown) => (expect(error).to.satisfy(isInvalidValue), false),
      );
      expect(await idsIn(store)).to.deep.equal(kept ? [one.id] : []);
      if (kept) expect(await answerOf(store.get(one.id))).to.deep.equal(one);
    });

    it('keeps a block of many ranges', async () => {
      const numbers = Array.from({ length: 2_000 }, (_, i) => i + 1);
      const { records, ranges } = block(...numbers);
      const [range] = ranges.ranges;
      const many = makeBlock(
        records,
        new SequenceNumberRanges(numbers.map((n) => ({ ...range!, fromSeqNumber: `${n}`, toSeqNumber: `${n}`, recordCount: 1 }))),
      );
      await answerOf(store.put(many));
      expect(await answerOf(store.get(many.id))).to.deep.equal(many);
    });
  });
}
