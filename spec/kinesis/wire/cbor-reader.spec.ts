import { expect } from 'chai';
import { CborReader, keysOf } from '../../../lib/kinesis/wire/cbor-reader.js';
import { WireError } from '../../../lib/kinesis/wire/wire-error.js';
import { cborOf } from '../../support/cbor.js';
import { thrownBy } from '../../support/thrown-by.js';

const reader = (hex: string): CborReader => new CborReader(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** RFC 8949, appendix A, but for numbers beyond 2^53. A map is an object here, and what is no value is `undefined`. */
const examples: readonly [hex: string, value: unknown][] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1864', 100],
  ['1903e8', 1_000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['20', -1],
  ['3863', -100],
  ['3903e7', -1_000],
  ['f90000', 0],
  ['f98000', -0],
  ['f93c00', 1],
  ['fb3ff199999999999a', 1.1],
  ['f93e00', 1.5],
  ['f97bff', 65_504],
  ['fa47c35000', 100_000],
  ['fa7f7fffff', 3.4028234663852886e38],
  ['fb7e37e43c8800759c', 1e300],
  ['f90001', 5.960464477539063e-8],
  ['f90400', 0.00006103515625],
  ['f9c400', -4],
  ['fbc010666666666666', -4.1],
  ['f97c00', Infinity],
  ['f97e00', NaN],
  ['f9fc00', -Infinity],
  ['fa7f800000', Infinity],
  ['fb7ff0000000000000', Infinity],
  ['f4', false],
  ['f5', true],
  ['f6', undefined],
  ['f7', undefined],
  ['f0', undefined],
  ['f8ff', undefined],
  ['c074323031332d30332d32315432303a30343a30305a', '2013-03-21T20:04:00Z'],
  ['c11a514b67b0', 1_363_896_240],
  ['c1fb41d452d9ec200000', 1_363_896_240.5],
  ['d74401020304', Uint8Array.of(1, 2, 3, 4)],
  ['d818456449455446', Uint8Array.of(0x64, 0x49, 0x45, 0x54, 0x46)],
  ['40', Uint8Array.of()],
  ['60', ''],
  ['6161', 'a'],
  ['62225c', '"\\'],
  ['62c3bc', 'ü'],
  ['63e6b0b4', '水'],
  ['64f0908591', '𐅑'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['a0', {}],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['826161a161626163', ['a', { b: 'c' }]],
  ['5f42010243030405ff', Uint8Array.of(1, 2, 3, 4, 5)],
  ['7f657374726561646d696e67ff', 'streaming'],
  ['9fff', []],
  ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
  ['83019f0203ff820405', [1, [2, 3], [4, 5]]],
  ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
  ['bf6346756ef563416d7421ff', { Fun: true, Amt: -2 }],
];

describe('CborReader', () => {
  for (const [hex, value] of examples) {
    it(`reads ${hex}, and misses each byte that is cut off`, () => {
      expect(reader(hex).value()).to.deep.equal(value);
      for (let length = 0; length < hex.length / 2; length++) {
        expect(
          thrownBy(() => reader(hex.slice(0, length * 2)).value()),
          String(length),
        ).to.be.instanceOf(WireError);
      }
    });
  }

  for (const [hex, name] of [
    ['ff', 'a break where an item should be'],
    ['1c', 'a reserved length'],
    ['5f6161ff', 'a byte string with a text in it'],
    ['7f7f6161ffff', 'an indefinite text within an indefinite text'],
    ['bf6161ff', 'a map whose last key has no value'],
    ['5bffffffffffffffff00', 'a length beyond the end'],
    [`${'81'.repeat(100_000)}00`, 'a nesting that would exhaust the stack'],
  ] as const) {
    it(`refuses ${name}`, () => {
      expect(thrownBy(() => reader(hex).value())).to.be.instanceOf(WireError);
    });
  }

  it('keeps a key of an odd name to the map that has it', () => {
    const value = new CborReader(cborOf(JSON.parse('{"__proto__": {"polluted": true}}'))).value();
    expect(Object.keys(value as object)).to.deep.equal(['__proto__']);
    expect(Object.getPrototypeOf(value)).to.equal(Object.prototype);
    expect({}).not.to.have.property('polluted');
  });

  describe('asked for a type', () => {
    const readers = {
      text: (hex: string) => reader(hex).text(),
      ascii: (hex: string) => reader(hex).ascii(),
      number: (hex: string) => reader(hex).number(),
      map: (hex: string) => reader(hex).map(),
      array: (hex: string) => reader(hex).array(),
    };
    const items = { text: '6161', number: '05', map: 'a1616101', array: '8101', bytes: '4101', boolean: 'f5' };
    const wanted = { text: ['text'], ascii: ['text'], number: ['number'], map: ['map'], array: ['array'] };

    for (const [name, read] of Object.entries(readers)) {
      it(`${name} takes that type, null and undefined, and refuses others`, () => {
        for (const [item, hex] of Object.entries(items)) {
          const isWanted = wanted[name as keyof typeof wanted].includes(item);
          if (isWanted) expect(() => read(hex), item).not.to.throw();
          else
            expect(
              thrownBy(() => read(hex)),
              item,
            ).to.be.instanceOf(WireError);
        }
        for (const hex of ['f6', 'f7', 'c1f6']) expect(read(hex)).to.equal(undefined);
      });
    }
  });

  describe('looking for keys', () => {
    const keys = keysOf('Data', 'Date', 'SequenceNumber', 'EncryptionType');
    const find = (key: string, partBytes?: number): number => new CborReader(cborOf(key, { partBytes })).key(keys);

    it('finds each, and no other of the same length or begin', () => {
      expect(['Data', 'Date', 'SequenceNumber', 'EncryptionType'].map((key) => find(key))).to.deep.equal([0, 1, 2, 3]);
      const others = ['', 'D', 'Dat', 'data', 'Datum', 'Datb', 'SequenceNumbeR', 'SequencENumber', 'sequenceNumber', 'EncryptionTypes'];
      for (const other of others) expect(find(other), other).to.equal(-1);
    });

    it('finds them in parts', () => {
      expect(find('SequenceNumber', 3)).to.equal(2);
      expect(find('SequenceNumbeR', 3)).to.equal(-1);
    });

    it('refuses a key that is no text', () => {
      for (const hex of ['01', 'f6', '4161']) expect(thrownBy(() => reader(hex).key(keys))).to.be.instanceOf(WireError);
    });
  });
});
