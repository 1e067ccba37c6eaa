import { expect } from 'chai';
import fc from 'fast-check';
import { base64Length, writeBase64 } from '../../../lib/kinesis/wire/base64.js';

describe('base64 without native code', () => {
  it('gives the bytes that Buffer gives, wherever they are written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(5), (bytes, offset) => {
        const text = Buffer.from(bytes).toString('base64');
        const target = new Uint8Array(bytes.length + 10).fill(7);
        expect(base64Length(text)).to.equal(bytes.length);
        expect(writeBase64(text, target, offset)).to.equal(bytes.length);
        expect(target.slice(offset, offset + bytes.length)).to.deep.equal(bytes);
        expect([...target.slice(0, offset), ...target.slice(offset + bytes.length)]).to.satisfy((rest: number[]) =>
          rest.every((byte) => byte === 7),
        );
      }),
    );
  });

  for (const text of ['A', 'AB', 'ABC', 'ABCDE']) {
    it(`knows that ${text} is none, by its length`, () => {
      expect(base64Length(text)).to.equal(undefined);
      expect(writeBase64(text, new Uint8Array(9), 0)).to.equal(-1);
    });
  }

  for (const text of ['AB*D', 'A\nBC', 'AB=C', 'é123', '====', '☃AAA']) {
    it(`refuses the characters of ${JSON.stringify(text)}`, () => {
      expect(writeBase64(text, new Uint8Array(9), 0)).to.equal(-1);
    });
  }
});
