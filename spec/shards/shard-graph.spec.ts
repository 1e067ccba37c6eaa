import { expect } from 'chai';
import { ShardGraph, type GraphShard } from '../../lib/shards/shard-graph.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

function shard(shardId: string, ...parentShardIds: readonly string[]): GraphShard {
  return { shardId, parentShardIds, hashKeyRange: { startingHashKey: '0', endingHashKey: '9' }, closed: false };
}

function graphOf(...shards: readonly GraphShard[]): ShardGraph {
  const graph = new ShardGraph();
  graph.list(shards);
  return graph;
}

function ready(graph: ShardGraph): string[] {
  return graph.takeReady().map(({ shard: { shardId } }) => shardId);
}

describe('ShardGraph', () => {
  it('gives each shard without parents once', () => {
    const graph = graphOf(shard('a'), shard('b'));
    expect(ready(graph)).to.deep.equal(['a', 'b']);
    expect(ready(graph)).to.deep.equal([]);
    expect(graph.list([shard('a'), shard('b'), shard('c')])).to.deep.equal(['c']);
    expect(ready(graph)).to.deep.equal(['c']);
  });

  it('sees that a shard was made again by where it begins, also when it is done, as far as that is known', () => {
    const begun = (id: string, startingSequenceNumber: string): GraphShard => ({ ...shard(id), startingSequenceNumber });
    const graph = graphOf(begun('a', '7'), begun('b', '8'), begun('done', '9'));
    ready(graph);
    graph.finish('done', 'read');
    graph.announce([shard('child')]);
    expect(graph.remadeIn([begun('a', '7'), begun('b', '8'), begun('done', '9'), begun('child', '3'), begun('new', '4')])).to.equal(
      undefined,
    );
    expect(graph.remadeIn([begun('a', '7'), begun('b', '6')])).to.equal('b');
    expect(graph.remadeIn([begun('done', '10')])).to.equal('done');
    expect(graph.remadeIn([shard('a')])).to.equal(undefined);
  });

  it('gives the children of a split when the parent is done', () => {
    const graph = graphOf(shard('a'), shard('a1', 'a'), shard('a2', 'a'), shard('a11', 'a1'));
    expect(ready(graph)).to.deep.equal(['a']);
    graph.finish('a', 'read');
    expect(ready(graph)).to.deep.equal(['a1', 'a2']);
    graph.finish('a2', 'read');
    expect(ready(graph)).to.deep.equal([]);
    graph.finish('a1', 'read');
    expect(ready(graph)).to.deep.equal(['a11']);
  });

  for (const order of [
    ['a', 'b'],
    ['b', 'a'],
  ]) {
    it(`gives the child of a merge when both parents are done: ${order.join(' before ')}`, () => {
      const graph = graphOf(shard('ab', 'a', 'b'), shard('a'), shard('b'));
      expect(ready(graph)).to.deep.equal(['a', 'b']);
      graph.finish(order[0]!, 'read');
      expect(ready(graph)).to.deep.equal([]);
      graph.finish(order[1]!, 'read');
      expect(ready(graph)).to.deep.equal(['ab']);
    });
  }

  it('does not wait for a parent that no listing shows', () => {
    const graph = graphOf(shard('ab', 'a', 'b'), shard('b'));
    expect(ready(graph)).to.deep.equal(['b']);
    graph.finish('b', 'read');
    expect(graph.takeReady()).to.deep.equal([
      { shard: shard('ab', 'a', 'b'), initial: true, hasReadParent: true, hasResumedParent: false, unlistedParentIds: ['a'] },
    ]);
  });

  it('sees that a listing does not have a parent of which it has never heard', () => {
    const graph = graphOf(shard('b', 'a'), shard('c'));
    const [knownAsParent, known, listed, unheard] = [shard('d', 'a'), shard('d', 'c'), shard('d', 'e'), shard('d', 'c', 'f')];
    expect(graph.lacksNewParent([knownAsParent, shard('b', 'a')])).to.equal(false);
    expect(graph.lacksNewParent([known])).to.equal(false);
    expect(graph.lacksNewParent([listed, shard('e')])).to.equal(false);
    expect(graph.lacksNewParent([unheard, shard('c')])).to.equal(true);
    expect(new ShardGraph().lacksNewParent([])).to.equal(false);
  });

  it('tells a shard whose parents were read from one whose parents were passed over', () => {
    const parents = [shard('a'), shard('b'), shard('c'), shard('d')];
    const graph = graphOf(...parents, shard('ab', 'a', 'b'), shard('cd', 'c', 'd'));
    graph.takeReady();
    graph.finish('a', 'skipped');
    graph.finish('b', 'read');
    graph.finish('c', 'skipped');
    graph.finish('d', 'skipped');
    expect(graph.takeReady().map((item) => [item.shard.shardId, item.hasReadParent, item.unlistedParentIds])).to.deep.equal([
      ['ab', true, []],
      ['cd', false, []],
    ]);
  });

  it('tells the shards of the first listing from those that came later', () => {
    const graph = graphOf(shard('a'));
    graph.list([shard('a'), shard('b')]);
    graph.announce([shard('c', 'a')]);
    expect(graph.takeReady().map((item) => [item.shard.shardId, item.initial])).to.deep.equal([
      ['a', true],
      ['b', false],
    ]);
    graph.finish('a', 'read');
    expect(graph.takeReady().map((item) => [item.shard.shardId, item.initial])).to.deep.equal([['c', false]]);
  });

  it('takes only what it is allowed to take', () => {
    const graph = graphOf(shard('a'), shard('b'));
    expect(graph.takeReady((id) => id === 'b').map((item) => item.shard.shardId)).to.deep.equal(['b']);
    expect(ready(graph)).to.deep.equal(['a']);
  });

  it('gives a shard again that was given up, and not one that is done', () => {
    const graph = graphOf(shard('a'), shard('b'));
    graph.takeReady();
    graph.finish('b', 'read');
    for (const id of ['a', 'b', 'unknown']) graph.release(id);
    expect(ready(graph)).to.deep.equal(['a']);
    expect(ready(graph)).to.deep.equal([]);
  });

  it('frees the children of a shard that was ended elsewhere, and does not give it', () => {
    const graph = graphOf(shard('a'), shard('a1', 'a'));
    graph.finish('a', 'resumed');
    expect(graph.takeReady().map((item) => [item.shard.shardId, item.hasResumedParent])).to.deep.equal([['a1', true]]);
  });

  it('names the shards that are not done, those that wait for a parent too', () => {
    const graph = graphOf(shard('a'), shard('b'), shard('a1', 'a'), shard('b1', 'b'));
    graph.takeReady();
    graph.finish('a', 'read');
    expect(graph.unfinished().map((item) => [item.shard.shardId, item.isReady])).to.deep.equal([
      ['b', true],
      ['a1', true],
      ['b1', false],
    ]);
    expect([graph.hasChildren('b'), graph.hasChildren('b1')]).to.deep.equal([true, false]);
  });

  it('knows what the last listing says of a shard: a child that its parent named is listed later, an open one is closed', () => {
    const graph = graphOf(shard('a'));
    graph.list([{ ...shard('a'), closed: true, startingSequenceNumber: '7' }]);
    expect(graph.takeReady()[0]?.shard).to.include({ closed: true, startingSequenceNumber: '7' });
  });

  describe('told of children ahead of the listing', () => {
    it('gives them when their parents are done', () => {
      const graph = graphOf(shard('a'), shard('b'));
      graph.takeReady();
      expect(graph.announce([shard('a1', 'a'), shard('ab', 'a', 'b')])).to.equal(true);
      expect(graph.size).to.equal(4);
      graph.finish('a', 'read');
      expect(ready(graph)).to.deep.equal(['a1']);
      graph.finish('b', 'read');
      expect(ready(graph)).to.deep.equal(['ab']);
    });

    it('asks for a listing when it does not know a parent, which may still be to be read', () => {
      const graph = graphOf(shard('a'));
      graph.takeReady();
      graph.finish('a', 'read');
      expect(graph.announce([shard('a1', 'a'), shard('ab', 'a', 'b')])).to.equal(false);
      expect(ready(graph)).to.deep.equal(['a1']);
      graph.list([shard('a'), shard('b'), shard('a1', 'a'), shard('ab', 'a', 'b')]);
      expect(ready(graph)).to.deep.equal(['b']);
      graph.finish('b', 'read');
      expect(ready(graph)).to.deep.equal(['ab']);
    });

    it('gives them once, whoever names them', () => {
      const graph = graphOf(shard('a'), shard('b'), shard('ab', 'a', 'b'));
      graph.takeReady();
      graph.finish('a', 'read');
      graph.announce([shard('ab', 'a', 'b')]);
      graph.finish('b', 'read');
      graph.announce([shard('ab', 'a', 'b')]);
      expect(ready(graph)).to.deep.equal(['ab']);
      expect(graph.list([shard('a'), shard('b'), shard('ab', 'a', 'b')])).to.deep.equal([]);
      expect(ready(graph)).to.deep.equal([]);
    });

    it('keeps those that a listing does not show yet', () => {
      const graph = graphOf(shard('a'));
      graph.announce([shard('a1', 'a')]);
      graph.list([shard('a')]);
      expect(graph.size).to.equal(2);
    });
  });

  it('forgets what is done and listed no more, twice in a row, and nothing else', () => {
    const graph = graphOf(shard('a'), shard('b'), shard('a1', 'a'));
    graph.takeReady();
    graph.finish('a', 'read');
    graph.list([shard('a'), shard('b'), shard('a1', 'a')]);
    expect(graph.size).to.equal(3);
    // One listing may be cut short: a shard that is forgotten and listed again would be read once more, beside its children.
    graph.list([shard('a1', 'a')]);
    expect(graph.size).to.equal(3);
    graph.list([shard('a'), shard('b'), shard('a1', 'a')]);
    graph.list([shard('a1', 'a')]);
    expect(graph.size).to.equal(3);
    graph.list([shard('a1', 'a')]);
    expect(graph.size).to.equal(2);
    expect(ready(graph)).to.deep.equal(['a1']);
  });

  it('takes an empty listing for none: what the next one names was there at the first', () => {
    const graph = new ShardGraph();
    expect(graph.list([])).to.deep.equal([]);
    expect(graph.list([shard('a')])).to.deep.equal(['a']);
    expect(graph.takeReady()).to.have.nested.property('[0].initial', true);
    graph.finish('a', 'read');
    for (let i = 0; i < 3; i++) graph.list([]);
    expect(graph.size).to.equal(1);
  });

  it('passes over the end of a shard that it does not know', () => {
    const graph = graphOf(shard('a'));
    graph.finish('z', 'read');
    expect([graph.size, ready(graph)]).to.deep.equal([1, ['a']]);
  });

  it('does not give again a shard that was left, nor its children, and never says that it is ready', () => {
    const graph = graphOf(shard('a'), shard('a1', 'a'));
    expect(ready(graph)).to.deep.equal(['a']);
    graph.leave('a');
    expect(ready(graph)).to.deep.equal([]);
    expect(graph.inView().map(({ shard: { shardId }, isReady, isWanted }) => [shardId, isReady, isWanted])).to.deep.equal([
      ['a', false, false],
      ['a1', false, true],
    ]);
    graph.finish('a', 'resumed');
    expect(ready(graph)).to.deep.equal(['a1']);
  });

  it('says that a shard that is done is closed, before any listing does (regression: its row was made again, and read from the oldest record)', () => {
    const graph = graphOf(shard('a'));
    const facts = () => graph.inView().map(({ shard: { shardId, closed }, isWanted }) => [shardId, closed, isWanted]);
    graph.takeReady();
    graph.announce([shard('a1', 'a')]);
    graph.finish('a', 'read');
    expect(facts()).to.deep.equal([
      ['a', true, false],
      ['a1', false, true],
    ]);
    graph.list([shard('a'), shard('a1', 'a')]);
    expect(facts()[0]).to.deep.equal(['a', true, false]);
  });

  it('forgets a shard that was left when it is no longer listed: its children say what became of it', () => {
    const graph = graphOf(shard('a'), shard('a1', 'a'));
    ready(graph);
    graph.leave('a');
    graph.list([shard('a1', 'a')]);
    graph.list([shard('a1', 'a')]);
    expect(graph.takeReady().map(({ unlistedParentIds }) => unlistedParentIds)).to.deep.equal([['a']]);
  });

  describe('refuses a listing', () => {
    for (const [what, shards] of [
      ['that makes a shard its own parent', [shard('b'), shard('a', 'a')]],
      ['that makes a shard its own ancestor', [shard('c', 'b'), shard('b', 'a'), shard('a', 'c')]],
      ['that makes an adjacent parent a descendant', [shard('a'), shard('b', 'a', 'c'), shard('c', 'b')]],
    ] as const) {
      it(what, () => {
        const graph = graphOf(shard('z'));
        const error = thrownBy(() => graph.list(shards));
        expect(isInvalidValue(error)).to.equal(true);
        expect(error)
          .to.have.property('message')
          .that.matches(/^the list of shards: [abc] is an ancestor of itself$/);
        expect([graph.size, ready(graph)]).to.deep.equal([1, ['z']]);
      });
    }

    it('that does so together with a shard that it leaves out', () => {
      const graph = graphOf(shard('a', 'b'));
      expect(isInvalidValue(thrownBy(() => graph.list([shard('b', 'a')])))).to.equal(true);
      expect(ready(graph)).to.deep.equal(['a']);
    });
  });

  it('does not give a child any more whose parent comes into view after it', () => {
    const graph = graphOf(shard('ab', 'a', 'b'));
    graph.list([shard('ab', 'a', 'b'), shard('b')]);
    expect(ready(graph)).to.deep.equal(['b']);
    graph.finish('b', 'read');
    expect(ready(graph)).to.deep.equal(['ab']);
  });

  it('waits for the parent that a later listing names, and for no other', () => {
    const graph = graphOf(shard('a'), shard('b'), shard('ab', 'a'));
    graph.list([shard('a'), shard('b'), shard('ab', 'b')]);
    graph.takeReady();
    graph.finish('a', 'read');
    expect([ready(graph), graph.hasChildren('a'), graph.hasChildren('b')]).to.deep.equal([[], false, true]);
    graph.finish('b', 'read');
    expect(ready(graph)).to.deep.equal(['ab']);
  });

  it('comes to the end of a line of 20 000 shards in a time that grows with it', function () {
    this.timeout(10_000);
    const count = 20_000;
    const graph = graphOf(...Array.from({ length: count }, (_, i) => shard(`${i}`, ...(i > 0 ? [`${i - 1}`] : []))));
    let taken = 0;
    for (let ids = ready(graph); ids.length > 0; ids = ready(graph)) {
      taken += ids.length;
      for (const id of ids) graph.finish(id, 'read');
    }
    expect(taken).to.equal(count);
  });
});
