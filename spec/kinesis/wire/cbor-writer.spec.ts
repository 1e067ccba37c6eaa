import { expect } from 'chai';
import fc from 'fast-check';
import { CborReader } from '../../../lib/kinesis/wire/cbor-reader.js';
import { encodeCborMap } from '../../../lib/kinesis/wire/cbor-writer.js';

describe('encodeCborMap', () => {
  it('writes a request as the reader reads it', () => {
    const scalar = fc.oneof(fc.string({ unit: 'binary', maxLength: 70_000 }), fc.integer(), fc.nat(2 ** 31), fc.boolean());
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), scalar, { noNullPrototype: true }),
        (fields) => {
          expect(new CborReader(encodeCborMap(fields)!).value()).to.deep.equal(fields);
        },
      ),
    );
  });

  for (const text of ['', '\0', '\x7f', '\x80', 'é', 'ÿ', '\u0100', '€', '😀', 'AAAé']) {
    it(`writes ${JSON.stringify(text)} as UTF-8`, () => {
      expect(new CborReader(encodeCborMap({ [text]: text })!).value()).to.deep.equal({ [text]: text });
    });
  }

  it('writes the shortest form', () => {
    const bytes = encodeCborMap({ ShardIterator: 'AAA', Limit: 10_000, StreamARN: undefined })!;
    expect(Buffer.from(bytes).toString('hex')).to.equal('a26d53686172644974657261746f7263414141654c696d6974192710');
  });

  for (const [name, value] of Object.entries({
    null: null,
    object: {},
    bytes: new Uint8Array(1),
    fraction: 1.5,
    large: 2 ** 40,
    date: new Date(),
  })) {
    it(`leaves a request with a field of another kind (${name}) to the SDK`, () => {
      expect(encodeCborMap({ ShardIterator: 'AAA', field: value })).to.equal(undefined);
    });
  }
});
