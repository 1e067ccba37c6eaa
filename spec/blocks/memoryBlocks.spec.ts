import { expect } from 'chai';
import { from } from 'rxjs';
import { encodeBlockSync } from '../../lib/blocks/block-codec.js';
import { isBlockStoreError } from '../../lib/blocks/errors.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import { block, record } from '../../lib/testing/index.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import { answerOf, blockStoreContract, idsIn } from '../support/block-store-contract.js';
import { errorOf } from '../support/checkpoint-store-contract.js';

describe('memoryBlocks', () => {
  blockStoreContract(() => memoryBlocks());

  const sized = (n: number) => block(record(n, { data: new Uint8Array(100) }));
  const size = encodeBlockSync(sized(1)).byteLength;

  it('takes what fits its budget to the byte, and refuses the next', async () => {
    const store = memoryBlocks({ maxBytes: 2 * size });
    await answerOf(store.put(sized(1)));
    await answerOf(store.put(sized(2)));

    const error = await errorOf(answerOf(store.put(sized(3))));
    expect(error).to.satisfy(isBlockStoreError);
    expect(error).to.include({ fault: 'full', retriable: true });
    expect(await idsIn(store)).to.deep.equal([sized(1).id, sized(2).id]);
  });

  it('has room again for what is deleted, and for a block in place of itself', async () => {
    const store = memoryBlocks({ maxBytes: 2 * size });
    for (const n of [1, 2, 2, 1]) await answerOf(store.put(sized(n)));
    await answerOf(store.delete(sized(1).id));
    await answerOf(store.delete(sized(1).id));
    await answerOf(store.put(sized(3)));
    expect(await errorOf(answerOf(store.put(sized(4))))).to.satisfy(isBlockStoreError);
    expect(await idsIn(store)).to.deep.equal([sized(2).id, sized(3).id]);
  });

  it('says that a block bigger than its budget will never fit', async () => {
    const store = memoryBlocks({ maxBytes: size - 1 });
    expect(await errorOf(answerOf(store.put(sized(1))))).to.include({ fault: 'full', retriable: false });
  });

  it('answers synchronously', () => {
    const store = memoryBlocks();
    let ids: string[] = [];
    from(store.put(sized(1))).subscribe();
    from(store.list()).subscribe((id) => (ids = [...ids, id]));
    expect(ids).to.deep.equal([sized(1).id]);
  });

  it('calls a block lost, and never gives it out wrong, when a payload that it gave is changed', async () => {
    const store = memoryBlocks();
    await answerOf(store.put(sized(1)));
    (await answerOf(store.get(sized(1).id)))!.records[0]!.data.fill(7);
    expect(await errorOf(answerOf(store.get(sized(1).id)))).to.satisfy(isInvalidValue);
  });

  for (const maxBytes of [-1, 1.5, NaN, '1' as never]) {
    it(`refuses a budget of ${JSON.stringify(maxBytes)}`, () => {
      expect(() => memoryBlocks({ maxBytes }))
        .to.throw(/maxBytes/)
        .that.satisfies(isInvalidConfig);
    });
  }
});
