import { expect } from 'chai';
import { concat, defer, EMPTY, finalize, from, map, NEVER, of, range, tap, throwError } from 'rxjs';
import type { Checkpoint } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { rawErrorOf } from '../../lib/internal/aws-fault.js';
import { eachBlock } from '../../lib/operators/eachBlock.js';
import { block } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { rejectionOf, turn } from '../support/promises.js';

const [a, b, c] = [block(1), block(2, 3), block(4)] as const;
const failure = new TypeError('of the user');

/** Goes through the blocks with `for await`; gives their ids. */
async function idsOf(blocks: AsyncIterable<Block>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of blocks) ids.push(id);
  return ids;
}

/*
 * What it returns is iterated with promises, which virtual time does not drive: here are the rows of the grid, but without marbles.
 * What the loop itself throws is no row of it: that comes out of the loop, and closes the iteration (eachBlock.spec.ts).
 */
describe('eachBlock', () => {
  it('iterates over the blocks in order, then ends', async () => {
    const source = of(a, b, c);

    expect(await idsOf(eachBlock(source, { store: memoryCheckpoints() }))).to.deep.equal([a.id, b.id, c.id]);
  });

  it('never ends when its source never ends', async () => {
    const source = concat(of(a), NEVER);
    const iterator = eachBlock(source, { store: memoryCheckpoints() })[Symbol.asyncIterator]();
    const seen: unknown[] = [];

    const loop = (async () => {
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) seen.push(next.value.id);
      seen.push('end');
    })();
    for (let i = 0; i < 20; i++) await turn();
    expect(seen).to.deep.equal([a.id]);
    await iterator.return!();
    await loop;
    expect(seen).to.deep.equal([a.id, 'end']);
  });

  it('completes at once when its source is empty', async () => {
    const iterator = eachBlock<Block>(EMPTY)[Symbol.asyncIterator]();

    expect(await iterator.next()).to.deep.equal({ value: undefined, done: true });
  });

  it('errors when its source errors', async () => {
    const source = concat(
      of(a),
      throwError(() => failure),
    );

    expect(await rejectionOf(() => idsOf(eachBlock(source, { store: memoryCheckpoints() })))).to.equal(failure);
  });

  it('unsubscribes its source when it is unsubscribed', async () => {
    let unsubscribed = 0;
    const source = concat(of(a, b), NEVER).pipe(finalize(() => unsubscribed++));

    for await (const { id } of eachBlock(source, { store: memoryCheckpoints() })) {
      expect(unsubscribed).to.equal(0);
      if (id === b.id) break;
    }
    expect(unsubscribed).to.equal(1);
  });

  it('takes a synchronous source, and stops it when unsubscribed', async () => {
    const taken: number[] = [];
    const controller = new AbortController();
    const source = range(1, 10).pipe(
      tap((n) => taken.push(n)),
      map((n) => block(n)),
      tap(() => taken.length === 2 && controller.abort(failure)),
    );

    // The loop gets its turn only when the source has emitted: until then it is only the signal that can close it.
    expect(await rejectionOf(() => idsOf(eachBlock(source, { store: memoryCheckpoints(), signal: controller.signal })))).to.equal(failure);
    expect(taken).to.deep.equal([1, 2]);
  });

  it('sends to error what its callback throws', async () => {
    const source = of(a);
    const write = (): never => {
      throw failure;
    };

    // The store is its only callback; what a last write throws stands in a CheckpointError.
    const error = await rejectionOf(() => idsOf(eachBlock(source, { store: { ...memoryCheckpoints(), write }, maxRetries: 0 })));
    expect(rawErrorOf(error)).to.equal(failure);
  });

  it('serves two subscribers independently', async () => {
    const written: string[] = [];
    const write = ({ sequenceNumber }: Checkpoint) => of(written.push(sequenceNumber));
    const blocks = eachBlock(of(a, b, c), { store: { ...memoryCheckpoints(), write } });
    const [one, two] = [blocks[Symbol.asyncIterator](), blocks[Symbol.asyncIterator]()];

    expect((await one.next()).value).to.equal(a);
    expect((await two.next()).value).to.equal(a);
    expect((await one.next()).value).to.equal(b);
    // The second has settled nothing: it is the first that has asked for another.
    await two.return!();
    expect(written).to.deep.equal([]);
    expect((await one.next()).value).to.equal(c);
    expect((await one.next()).done).to.equal(true);
    expect(written).to.deep.equal(['4']);
  });

  it('starts anew when it is subscribed again', async () => {
    let subscriptions = 0;
    const source = defer(() => (subscriptions++, of(a, b)));
    const blocks = eachBlock(source, { store: memoryCheckpoints() });

    expect(await idsOf(blocks)).to.deep.equal([a.id, b.id]);
    expect(await idsOf(blocks)).to.deep.equal([a.id, b.id]);
    expect(subscriptions).to.equal(2);
  });

  it('takes 50 000 values synchronously without overflowing the stack', async () => {
    const source = from(Array.from({ length: 50_000 }, (_, i) => block(i + 1)));

    expect(await idsOf(eachBlock(source, { store: memoryCheckpoints() }))).to.have.length(50_000);
  }).timeout(60_000);
});
