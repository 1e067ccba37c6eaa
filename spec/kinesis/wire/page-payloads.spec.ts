import { expect } from 'chai';
import { decodeCborPage } from '../../../lib/kinesis/wire/cbor-page.js';
import { PageRoom } from '../../../lib/kinesis/wire/page-body.js';
import { PagePayloads, type PayloadPlacement } from '../../../lib/kinesis/wire/page-payloads.js';
import type { SdkRecord } from '../../../lib/kinesis/wire/wire-page.js';
import { cborOf, SERVICE_STYLE, type CborStyle } from '../../support/cbor.js';
import { chunksOf } from '../../support/wire-pages.js';

const SLAB = 65_536;
const fill = (length: number, i: number): Uint8Array => new Uint8Array(length).fill(i % 251);

/** Decodes records with payloads of these lengths, from chunks of a length, or from one chunk. */
function read(
  lengths: readonly number[],
  placement: PayloadPlacement,
  chunkBytes = Infinity,
  style: CborStyle = SERVICE_STYLE,
): readonly SdkRecord[] {
  const Records = lengths.map((length, i) => ({ SequenceNumber: String(i), Data: fill(length, i), PartitionKey: 'k' }));
  const bytes = cborOf({ Records }, style);
  const cuts = chunkBytes === Infinity ? [] : Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, i) => i * chunkBytes);
  const body = new PageRoom().join(chunksOf(bytes, cuts), placement === 'views');
  const records = decodeCborPage(body.bytes, new PagePayloads(body, placement)).Records!;
  expect(records.map(({ Data }) => Data)).to.deep.equal(Records.map(({ Data }) => Data));
  return records;
}

const buffersOf = (records: readonly SdkRecord[]): Set<ArrayBufferLike> => new Set(records.map(({ Data }) => Data.buffer));
const largest = (records: readonly SdkRecord[]): number => Math.max(...[...buffersOf(records)].map((buffer) => buffer.byteLength));

const small = Array.from({ length: 5_000 }, (_, i) => i % 300);
const styles: readonly [name: string, style: CborStyle][] = [
  ['byte strings', SERVICE_STYLE],
  ['base64', { ...SERVICE_STYLE, blobs: 'base64' }],
];

describe('payloads', () => {
  for (const [name, style] of styles) {
    it(`in slabs, from ${name}: none keeps more than 64 KiB, whatever the chunks`, () => {
      for (const chunkBytes of [100, 1_000, 16_384, 65_536, 65_537, Infinity]) {
        const records = read(small, 'slabs', chunkBytes, style);
        expect(largest(records), String(chunkBytes)).to.be.at.most(SLAB);
        if (chunkBytes >= 16_384) expect(buffersOf(records).size, String(chunkBytes)).to.be.below(120);
      }
    });

    it(`in slabs, from ${name}: one that is larger than a slab has its own buffer`, () => {
      const [before, large, after] = read([10, 100_000, 10], 'slabs', Infinity, style);
      expect(large!.Data.buffer.byteLength).to.equal(100_000);
      expect([before!, after!].map(({ Data }) => Data.buffer)).not.to.include(large!.Data.buffer);
    });

    it(`in copies, from ${name}: each has its own buffer, which can be transferred`, () => {
      const records = read([3, 5, 0, 100], 'copies', 64, style);
      expect(records.map(({ Data }) => Data.buffer.byteLength)).to.deep.equal([3, 5, 0, 100]);
      structuredClone(records[0], { transfer: [records[0]!.Data.buffer as ArrayBuffer] });
      expect(records[1]!.Data).to.deep.equal(fill(5, 1));
    });
  }

  it('of a small page take a small slab', () => {
    expect(largest(read([10, 20], 'slabs', 7))).to.be.below(300);
  });

  it('in slabs lie in the chunks that came, where those are small', () => {
    const chunks = chunksOf(cborOf({ Records: [{ SequenceNumber: '1', Data: fill(100, 1), PartitionKey: 'k' }] }), []);
    const body = new PageRoom().join(chunks, false);
    const [record] = decodeCborPage(body.bytes, new PagePayloads(body, 'slabs')).Records!;
    expect(record!.Data.buffer).to.equal(chunks[0]!.buffer);
  });

  it('in views lie in one buffer', () => {
    expect(buffersOf(read(small, 'views', 16_384)).size).to.equal(1);
    expect(buffersOf(read(small, 'views', 16_384, { ...SERVICE_STYLE, blobs: 'base64' })).size).to.equal(1);
  });

  it('do not change when the next page is decoded in the same room', () => {
    for (const placement of ['slabs', 'views', 'copies'] as const) {
      const room = new PageRoom();
      const decode = (i: number): readonly SdkRecord[] => {
        const bytes = cborOf({ Records: small.map((length) => ({ SequenceNumber: '1', Data: fill(length, i), PartitionKey: 'k' })) });
        const body = room.join(chunksOf(bytes, [100, 70_000, 200_000]), placement === 'views');
        return decodeCborPage(body.bytes, new PagePayloads(body, placement)).Records!;
      };
      const first = decode(1);
      decode(2);
      expect(
        first.every(({ Data }) => Data.every((byte) => byte === 1)),
        placement,
      ).to.equal(true);
    }
  });

  it('are plain bytes, as the SDK gives them, and not a Buffer', () => {
    for (const placement of ['slabs', 'views', 'copies'] as const)
      for (const [, style] of styles) expect(Object.getPrototypeOf(read([9], placement, 4, style)[0]!.Data)).to.equal(Uint8Array.prototype);
  });
});

describe('the room for pages', () => {
  const chunk = (length: number): Uint8Array => fill(length, 7);

  it('is used again for a page that fits', () => {
    const room = new PageRoom();
    const first = room.join([chunk(1_000), chunk(500)], false).bytes;
    const second = room.join([chunk(700), chunk(3)], false).bytes;
    expect(second.buffer).to.equal(first.buffer);
    expect(second).to.have.length(703);
  });

  it('is another for a page that is kept, and none for one chunk', () => {
    const room = new PageRoom();
    const { buffer } = room.join([chunk(10), chunk(10)], false).bytes;
    expect(room.join([chunk(5), chunk(5)], true).bytes.buffer).not.to.equal(buffer);
    const only = chunk(5);
    expect(room.join([only], false).bytes).to.equal(only);
    expect(room.join([], false).bytes).to.have.length(0);
  });

  it('does not stay as large as the largest page', () => {
    const room = new PageRoom();
    const { buffer } = room.join([chunk(10_000), chunk(10)], false).bytes;
    expect(room.join([chunk(5 * 2 ** 20), chunk(10)], false).bytes).to.have.length(5 * 2 ** 20 + 10);
    expect(room.join([chunk(10), chunk(10)], false).bytes.buffer).to.equal(buffer);
  });
});
