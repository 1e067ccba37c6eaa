import { expect } from 'chai';
import { isInvalidValue } from '../../lib/values/errors.js';
import { sameShard, shardKey } from '../../lib/values/shard-id.js';
import { thrownBy } from '../support/thrown-by.js';

describe('shardKey', () => {
  it('is another text for each shard, whatever its names hold', () => {
    const names = ['a', 'a/b', 'b', 'a%2Fb', '', '__proto__', '\u0000', 'ключ', '\u{1f600}'];
    const keys = names.flatMap((streamName) => names.map((shardId) => shardKey({ streamName, shardId })));
    expect(new Set(keys)).to.have.property('size', names.length ** 2);
  });

  for (const field of ['streamName', 'shardId'] as const) {
    it(`refuses half of a surrogate pair in ${field}`, () => {
      const error = thrownBy(() => shardKey({ streamName: 'flights', shardId: 'shard', [field]: 'x\ud800' }));
      expect(error).to.satisfy(isInvalidValue);
      expect(error).to.have.property('message', `${field}: expected Unicode text, got "x\\ud800"`);
    });
  }
});

describe('sameShard', () => {
  it('compares both names', () => {
    const shard = { streamName: 'flights', shardId: 'shardId-000000000000' };
    expect(sameShard(shard, { ...shard })).to.equal(true);
    expect(sameShard(shard, { ...shard, shardId: 'shardId-000000000001' })).to.equal(false);
    expect(sameShard(shard, { ...shard, streamName: 'trains' })).to.equal(false);
  });
});
