import { expect } from 'chai';
import { aggregate } from '../../../lib/testing/index.js';
import { entry, number, sealed, text } from '../../support/hand-made-aggregate.js';

describe('aggregate', () => {
  it('writes what the KPL writes, each key once in its table', () => {
    const made = aggregate([
      { partitionKey: 'a', data: 'one' },
      { partitionKey: 'b', data: Uint8Array.of(0, 255), explicitHashKey: '7' },
      { partitionKey: 'a', data: '', explicitHashKey: '7' },
    ]);
    const expected = sealed(
      ...[text(1, 'a'), text(1, 'b'), text(2, '7')],
      entry(number(1, 0), text(3, 'one')),
      entry(number(1, 1), number(2, 0), text(3, Uint8Array.of(0, 255))),
      entry(number(1, 0), number(2, 0), text(3, '')),
    );
    expect(made).to.deep.equal(expected);
  });

  it('writes long lengths and many keys', () => {
    const records = Array.from({ length: 200 }, (_, i) => ({ partitionKey: `key ${i}`, data: new Uint8Array(20_000 + i) }));
    const made = aggregate(records);
    const expected = sealed(
      ...records.map(({ partitionKey }) => text(1, partitionKey)),
      ...records.map(({ data }, i) => entry(number(1, i), text(3, data))),
    );
    expect(made).to.deep.equal(expected);
  });

  it('takes no records', () => expect(aggregate([])).to.deep.equal(sealed()));
});
