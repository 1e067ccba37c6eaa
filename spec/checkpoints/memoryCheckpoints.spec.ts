import { expect } from 'chai';
import { from } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { block } from '../../lib/testing/index.js';
import { checkpointOf, checkpointStoreContract, readFrom, shardNamed, writeTo } from '../support/checkpoint-store-contract.js';

describe('memoryCheckpoints', () => {
  checkpointStoreContract(async () => ({ store: memoryCheckpoints() }), { holdsManyStreams: true });

  it('emits synchronously', () => {
    const store = memoryCheckpoints();
    const shard = shardNamed();
    const seen: unknown[] = [];

    from(store.write(checkpointOf(shard, '5'), shard)).subscribe({ next: () => seen.push('written'), complete: () => seen.push('done') });
    from(store.read(shard)).subscribe((checkpoint) => seen.push(checkpoint));

    expect(seen).to.deep.equal(['written', 'done', checkpointOf(shard, '5')]);
  });

  it('shares nothing with another store', async () => {
    const shard = shardNamed();
    await writeTo(memoryCheckpoints(), shard, checkpointOf(shard, '5'));
    expect(await readFrom(memoryCheckpoints(), shard)).to.equal(undefined);
  });

  it('keeps its own array of ranges', async () => {
    const store = memoryCheckpoints();
    const shard = shardNamed();
    const settledBeyond = [
      {
        streamName: 'flights',
        shardId: shard.shardId,
        fromSeqNumber: '20',
        toSeqNumber: '30',
        fromSubSeqNumber: 0,
        toSubSeqNumber: 0,
        recordCount: 2,
      },
    ];
    const checkpoint = { ...checkpointOf(shard, '10'), settledBeyond };

    await writeTo(store, shard, checkpoint);
    settledBeyond.pop();

    expect((await readFrom(store, shard))?.settledBeyond).to.have.length(1);
  });

  it('keeps ranges of its own for unreleased blocks, since theirs hold the state of their shard', async () => {
    const store = memoryCheckpoints();
    const shard = shardNamed();
    const { ranges } = block(1, 2);

    await writeTo(store, shard, { ...checkpointOf(shard, '10'), unreleased: [ranges] });

    const kept = (await readFrom(store, shard))?.unreleased;
    expect(kept).to.deep.equal([ranges]);
    expect(kept![0]).not.to.equal(ranges);
  });
});
