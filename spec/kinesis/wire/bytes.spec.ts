import { expect } from 'chai';
import fc from 'fast-check';
import sinon from 'sinon';
import { allocate, Base64Writer, hasNativeText, TextReader } from '../../../lib/kinesis/wire/bytes.js';

/** Runs `test` as in a browser: without Buffer. */
function withoutBuffer(test: () => void): void {
  const stub = sinon.stub(globalThis, 'Buffer').value(undefined);
  try {
    test();
  } finally {
    stub.restore();
  }
}

const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.constantFrom('', '\u{feff}bom', 'ключ', '\u{1f600}'));
const encode = (text: string): Uint8Array => new TextEncoder().encode(`<${text}>`);

/** As in Node, and as in a browser. */
const hosts: readonly [name: string, run: (test: () => void) => void][] = [
  ['Node', (test) => test()],
  ['a browser', withoutBuffer],
];

for (const [name, run] of hosts) {
  describe(`bytes in ${name}`, () => {
    it('say whether text is native', () => {
      run(() => expect(hasNativeText()).to.equal(name === 'Node'));
    });

    it('are read as UTF-8', () => {
      fc.assert(
        fc.property(texts, (text) => {
          const bytes = encode(text);
          run(() => expect(new TextReader(bytes).utf8(1, bytes.length - 1)).to.equal(text));
        }),
      );
    });

    it('that are no UTF-8 become what the SDK makes of them', () => {
      const bytes = Uint8Array.of(65, 0xff, 0xc3, 66, 0xe2, 0x98);
      const expected = Buffer.from(bytes).toString('utf8');
      run(() => expect(new TextReader(bytes).utf8(0, 6)).to.equal(expected));
    });

    it('are read as ASCII, short and long', () => {
      for (const length of [0, 1, 56, 256, 257, 200_000]) {
        const text = '0123456789'.repeat(Math.ceil(length / 10)).slice(0, length);
        const bytes = encode(text);
        run(() => expect(new TextReader(bytes).ascii(1, bytes.length - 1)).to.equal(text));
      }
    });

    it('take the content of base64, and refuse what is none', () => {
      const content = Uint8Array.of(1, 2, 3, 250);
      const text = Buffer.from(content).toString('base64');
      run(() => {
        const writer = new Base64Writer(allocate(10));
        expect(writer.write(text, 3, 4)).to.equal(true);
        expect(writer.bytes.slice(3, 7)).to.deep.equal(content);
        expect(writer.write('AQ*D', 0, 3)).to.equal(false);
        expect(writer.write('A Q=', 0, 2)).to.equal(false);
      });
    });

    it('are allocated in a buffer of their own', () => {
      run(() => expect(allocate(100).buffer.byteLength).to.equal(100));
    });
  });
}

it('a polyfill of Buffer without native text is not taken for Node', () => {
  const stub = sinon.stub(globalThis, 'Buffer').value(class extends Uint8Array {});
  try {
    expect(hasNativeText()).to.equal(false);
    expect(new TextReader(encode('ab')).ascii(1, 3)).to.equal('ab');
  } finally {
    stub.restore();
  }
});
