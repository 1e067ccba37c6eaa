import { expect } from 'chai';
import { ownAncestor } from '../../lib/kinesis/own-ancestor.js';

function among(parents: Readonly<Record<string, readonly string[]>>): string | undefined {
  return ownAncestor(new Map(Object.entries(parents)));
}

describe('ownAncestor', () => {
  it('finds none among shards that were split and merged', () => {
    expect(among({})).to.equal(undefined);
    expect(among({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'], e: ['d'], f: ['d', 'e'] })).to.equal(undefined);
    expect(among({ f: ['d', 'e'], e: ['d'], d: ['b', 'c'], c: ['a'], b: ['a'], a: [] })).to.equal(undefined);
    expect(among({ a: ['gone'], b: ['a', 'a'] })).to.equal(undefined);
  });

  it('finds a shard that is its own parent, first or adjacent', () => {
    expect(among({ a: ['a'] })).to.equal('a');
    expect(among({ a: [], b: ['a', 'b'] })).to.equal('b');
  });

  it('finds one that descends from itself, wherever it is listed', () => {
    expect(among({ a: [], b: ['d'], c: ['b'], d: ['c'], e: ['a'] })).to.be.oneOf(['b', 'c', 'd']);
    expect(among({ e: ['a', 'd'], a: [], d: ['c'], c: ['b'], b: ['e'] })).to.be.oneOf(['b', 'c', 'd', 'e']);
  });

  it('looks along a line of 50 000 shards, from either end', () => {
    const line = Array.from({ length: 50_000 }, (_, i): [string, string[]] => [`${i}`, i > 0 ? [`${i - 1}`] : []]);
    expect(ownAncestor(new Map(line))).to.equal(undefined);
    expect(ownAncestor(new Map(line.reverse()))).to.equal(undefined);
    expect(ownAncestor(new Map([...line, ['0', ['49999']]]))).to.not.equal(undefined);
  });
});
