import { expect } from 'chai';
import CRC32 from 'crc-32';
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { decodeBlock, decodeBlockSync, encodeBlock, encodeBlockSync } from '../../lib/blocks/block-codec.js';
import { MAX_BODY_BYTES, writeFrame } from '../../lib/blocks/block-frame.js';
import { block, record } from '../../lib/testing/index.js';
import { makeBlock, type Block } from '../../lib/values/block.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import { SequenceNumberRanges, type SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { answerOf, fullBlock } from '../support/block-store-contract.js';
import { errorOf } from '../support/checkpoint-store-contract.js';
import { thrownBy } from '../support/thrown-by.js';

const one = fullBlock();
const bytes = encodeBlockSync(one);

/** Bytes with the checksum that belongs to them: what somebody writes on purpose. */
function signed(changed: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(changed);
  new DataView(copy.buffer).setUint32(copy.byteLength - 4, CRC32.buf(copy.subarray(0, -4)) >>> 0);
  return copy;
}

function changedAt(index: number, change: (byte: number) => number, from = bytes): Uint8Array {
  const copy = Uint8Array.from(from);
  copy[index] = change(copy[index]!);
  return copy;
}

/** A frame round any body. */
function framed(body: unknown): Uint8Array {
  const raw = encode(body);
  return writeFrame({ body: raw, isCompressed: false, rawLength: raw.byteLength });
}

describe('the block codec', () => {
  it('gives the same block back, synchronously', () => {
    let got: Block | undefined;
    encodeBlock(one).subscribe((encoded) => decodeBlock(encoded, one.id).subscribe((decoded) => (got = decoded)));
    expect(got).to.deep.equal(one);
  });

  it('gives any block back', () => {
    const records = fc.array(
      fc.record({
        partitionKey: fc.string({ unit: 'binary', maxLength: 20 }),
        data: fc.uint8Array({ maxLength: 300 }),
        subSequenceNumber: fc.nat(),
        approximateArrivalTimestamp: fc.option(fc.date({ noInvalidDate: true }), { nil: undefined }),
      }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(records, (all) => {
        const any = block(
          ...all.map(({ approximateArrivalTimestamp: at, ...fields }, i) =>
            record(i + 1, { ...fields, ...(at && { approximateArrivalTimestamp: at }) }),
          ),
        );
        expect(decodeBlockSync(encodeBlockSync(any), any.id)).to.deep.equal(any);
      }),
      { numRuns: 200 },
    );
  });

  it('writes the format that the docs promise', () => {
    const small = encodeBlockSync(block(1));
    expect([...small.subarray(0, 8)]).to.deep.equal([...Buffer.from('RXKB'), 1, 0, 0, 0]);
    const view = new DataView(small.buffer);
    expect(view.getUint32(8)).to.equal(small.byteLength - 20);
    expect(view.getUint32(12)).to.equal(small.byteLength - 20);
    expect(small.byteLength).to.equal(small.buffer.byteLength);
  });

  it('takes a view into a bigger buffer', () => {
    const big = new Uint8Array(bytes.byteLength + 20);
    big.set(bytes, 7);
    expect(decodeBlockSync(big.subarray(7, 7 + bytes.byteLength), one.id)).to.deep.equal(one);
  });

  describe('a block that is not whole is lost', () => {
    const small = encodeBlockSync(block(1, 2));
    const smallId = block(1, 2).id;

    it('when it is cut anywhere', () => {
      for (let length = 0; length < small.byteLength; length++) {
        expect(
          thrownBy(() => decodeBlockSync(small.subarray(0, length), smallId)),
          `${length} bytes`,
        ).to.satisfy(isInvalidValue);
      }
    });

    it('when bytes follow', () => {
      const longer = new Uint8Array([...small, 0]);
      expect(thrownBy(() => decodeBlockSync(longer, smallId))).to.satisfy(isInvalidValue);
    });

    it('when any one bit is flipped', () => {
      for (let bit = 0; bit < small.byteLength * 8; bit++) {
        const flipped = changedAt(bit >> 3, (byte) => byte ^ (1 << (bit & 7)), small);
        expect(
          thrownBy(() => decodeBlockSync(flipped, smallId)),
          `bit ${bit}`,
        ).to.satisfy(isInvalidValue);
      }
    });

    it('when a part is overwritten by zeros, as a torn write leaves it', () => {
      for (let start = 0; start < small.byteLength; start += 3) {
        const torn = Uint8Array.from(small).fill(0, start);
        expect(
          thrownBy(() => decodeBlockSync(torn, smallId)),
          `from ${start}`,
        ).to.satisfy(isInvalidValue);
      }
    });
  });

  describe('bytes that are written on purpose, with a checksum that matches', () => {
    const range = one.ranges.ranges[0]!;
    const json = (ranges: unknown[]) => ({ version: 1, ranges });
    const row = ['1', 0, 'key', new Uint8Array(), null, null];
    const plain: SequenceNumberRange = {
      ...range,
      fromSeqNumber: '1',
      toSeqNumber: '1',
      fromSubSeqNumber: 0,
      toSubSeqNumber: 0,
      recordCount: 1,
    };
    const id = makeBlock([], new SequenceNumberRanges([plain])).id;

    it('are believed when they are right: the cases below fail for what they change', () => {
      expect(decodeBlockSync(framed([false, json([plain]), [row]]), id).records).to.have.length(1);
    });

    const bodies: Readonly<Record<string, unknown>> = {
      'no array': { a: 1 },
      'two parts': [false, json([plain])],
      'a flag that is none': ['yes', json([plain]), [row]],
      'ranges of another version': [false, { version: 2, ranges: [plain] }, [row]],
      'a malformed range': [false, json([{ ...plain, recordCount: -1 }]), [row]],
      'a range that claims more records than there are': [false, json([{ ...plain, recordCount: 2 ** 40 }]), [row]],
      'no rows': [false, json([plain]), null],
      'too many rows': [false, json([plain]), [row, row]],
      'a short row': [false, json([plain]), [row.slice(1)]],
      'a number for a sequence number': [false, json([plain]), [[1, ...row.slice(1)]]],
      'a sentinel for a sequence number': [false, json([plain]), [['SHARD_END', ...row.slice(1)]]],
      'a sequence number with a sign': [false, json([plain]), [['-1', ...row.slice(1)]]],
      'a fraction for a sub-sequence number': [false, json([plain]), [['1', 0.5, ...row.slice(2)]]],
      'text for a payload': [false, json([plain]), [['1', 0, 'key', 'text', null, null]]],
      'an object for an arrival time': [false, json([plain]), [['1', 0, 'key', new Uint8Array(), {}, null]]],
      'another record than its range names': [false, json([plain]), [['2', ...row.slice(1)]]],
      'a prototype': [false, { __proto__: null, ...JSON.parse('{"__proto__":{"version":1}}') }, [row]],
    };
    for (const [name, body] of Object.entries(bodies)) {
      it(`are refused with ${name}`, () => {
        expect(thrownBy(() => decodeBlockSync(framed(body), id))).to.satisfy(isInvalidValue);
      });
    }

    it('are refused with records twice or out of order', () => {
      const two = { ...plain, toSeqNumber: '3', recordCount: 3 };
      const twoId = makeBlock([], new SequenceNumberRanges([two])).id;
      const at = (n: string) => [n, ...row.slice(1)];
      expect(decodeBlockSync(framed([false, json([two]), [at('1'), at('2'), at('3')]]), twoId).records).to.have.length(3);
      for (const order of [
        ['1', '1', '3'],
        ['1', '3', '3'],
        ['1', '4', '3'],
      ]) {
        expect(
          thrownBy(() => decodeBlockSync(framed([false, json([two]), order.map(at)]), twoId)),
          order.join(),
        ).to.satisfy(isInvalidValue);
      }
    });

    it('are refused as the block of another id', () => {
      expect(thrownBy(() => decodeBlockSync(bytes, block(1).id))).to.satisfy(isInvalidValue);
    });

    it('are refused with another version, unknown flags or a length that lies', () => {
      const lies: readonly [index: number, byte: number][] = [
        [0, 0],
        [4, 2],
        [4, 0],
        [5, 2],
        [5, 1],
        [6, 1],
        [8, 255],
        [12, 255],
      ];
      for (const [index, byte] of lies) {
        const error = thrownBy(() => decodeBlockSync(signed(changedAt(index, () => byte)), one.id));
        expect(error, `byte ${index}`).to.satisfy(isInvalidValue);
      }
    });

    it('allocate nothing for a huge length inside the body', () => {
      // An array, a text, a binary and a map of 4 billion, and an array in an array in an array, in a few bytes.
      const heads = [[0xdd], [0xdb], [0xc6], [0xdf], [0xc9], [0xdd, 0, 0, 0, 1, 0xdd, 0, 0, 0, 1, 0xdd]];
      for (const head of heads) {
        const raw = Uint8Array.of(...head, 255, 255, 255, 255);
        const before = process.memoryUsage().rss;
        expect(thrownBy(() => decodeBlockSync(writeFrame({ body: raw, isCompressed: false, rawLength: raw.byteLength }), id))).to.satisfy(
          isInvalidValue,
        );
        expect(process.memoryUsage().rss - before).to.be.below(64 * 1024 * 1024);
      }
    });

    it('are survived when nested a million deep', () => {
      const raw = new Uint8Array(1_000_000).fill(0x91);
      expect(thrownBy(() => decodeBlockSync(writeFrame({ body: raw, isCompressed: false, rawLength: raw.byteLength }), id))).to.satisfy(
        isInvalidValue,
      );
    });

    it('are survived whatever they are', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
          const error = thrownBy(() => decodeBlockSync(writeFrame({ body: raw, isCompressed: false, rawLength: raw.byteLength }), id));
          expect(error).to.satisfy(isInvalidValue);
        }),
        { numRuns: 500 },
      );
    });

    it('are not quoted in the error', () => {
      const secret = framed([false, json([plain]), [['1', 0, 'secret', 'secret', null, null]]]);
      expect(String(thrownBy(() => decodeBlockSync(secret, id)))).not.to.include('secret');
    });
  });

  describe('with compression', () => {
    const large = block(...Array.from({ length: 500 }, (_, i) => record(i + 1, { data: new Uint8Array(200).fill(i) })));

    it('gives the same block back, and is smaller', async () => {
      const small = await answerOf(encodeBlock(large, { compress: true }));
      expect(await answerOf(decodeBlock(small!, large.id))).to.deep.equal(large);
      expect(small!.byteLength).to.be.below(encodeBlockSync(large).byteLength / 5);
    });

    it('writes ordinary gzip, and reads it whether or not it would compress itself', async () => {
      const raw = encodeBlockSync(large).subarray(16, -4);
      const gzipped = writeFrame({ body: gzipSync(raw), isCompressed: true, rawLength: raw.byteLength });
      expect(await answerOf(decodeBlock(gzipped, large.id))).to.deep.equal(large);
    });

    it('does not unpack a bomb: it stops where the length said so', async () => {
      const bomb = gzipSync(new Uint8Array(200 * 1024 * 1024));
      const before = process.memoryUsage().arrayBuffers;
      const error = await errorOf(answerOf(decodeBlock(writeFrame({ body: bomb, isCompressed: true, rawLength: 1_000 }), large.id)));
      expect(error).to.satisfy(isInvalidValue);
      expect(process.memoryUsage().arrayBuffers - before).to.be.below(64 * 1024 * 1024);
    });

    it('refuses what is no gzip, or less than it says', async () => {
      const raw = encodeBlockSync(large).subarray(16, -4);
      const frames = [
        writeFrame({ body: raw, isCompressed: true, rawLength: raw.byteLength }),
        writeFrame({ body: gzipSync(raw), isCompressed: true, rawLength: raw.byteLength + 1 }),
        writeFrame({ body: gzipSync(raw).subarray(0, -20), isCompressed: true, rawLength: raw.byteLength }),
      ];
      for (const frame of frames) expect(await errorOf(answerOf(decodeBlock(frame, large.id)))).to.satisfy(isInvalidValue);
    });

    it('is refused when it is called where the platform has none', () => {
      const { CompressionStream: own } = globalThis;
      try {
        Object.assign(globalThis, { CompressionStream: undefined });
        expect(() => encodeBlock(large, { compress: true }))
          .to.throw(/CompressionStream/)
          .that.satisfies(isInvalidConfig);
      } finally {
        Object.assign(globalThis, { CompressionStream: own });
      }
    });
  });

  it('refuses a block that is too big, and says so', () => {
    const error = thrownBy(() => writeFrame({ body: new Uint8Array(), isCompressed: true, rawLength: MAX_BODY_BYTES + 1 }));
    expect(error).to.satisfy(isInvalidValue);
    expect(String(error)).to.include(String(MAX_BODY_BYTES));
  });
});
