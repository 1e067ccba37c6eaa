import { expect } from 'chai';
import fc from 'fast-check';
import { deaggregateRecord } from '../../../lib/kinesis/aggregation/deaggregateRecord.js';
import { aggregate } from '../../../lib/testing/index.js';
import type { RecordFields } from '../../../lib/values/record.js';
import { anyEdits, edited } from '../../support/edited-message.js';
import { bytes, entry, groups, letter, number, sealed, text, times, varint } from '../../support/hand-made-aggregate.js';

const HALF = { startingHashKey: '0', endingHashKey: String(2n ** 127n) };
const MIB = 1024 * 1024;
/** The smallest record of a message: its tag and length, a key index, empty data. */
const LEAST_BYTES = 6;

const read = (Data: Uint8Array): readonly RecordFields[] => deaggregateRecord({ SequenceNumber: '1', PartitionKey: 'outer', Data });

/** What must be true of whatever is read: views of the payload that do not overlap, and no more than it has room for. */
function expectSound(payload: Uint8Array, fields: readonly RecordFields[]): void {
  if (fields.length === 1 && fields[0]!.data === payload) return;
  expect(fields.length * LEAST_BYTES).to.be.at.most(payload.length);
  let end = payload.byteOffset + 4;
  for (const { data } of fields) {
    expect(data.buffer).to.equal(payload.buffer);
    expect(data.byteOffset).to.be.at.least(end);
    end = data.byteOffset + data.byteLength;
  }
  expect(end).to.be.at.most(payload.byteOffset + payload.length - 16);
}

/** An aggregate's message, without the magic bytes and the MD5. */
const anyMessage = fc
  .array(
    fc.record({
      partitionKey: fc.string({ maxLength: 5 }),
      explicitHashKey: fc.option(fc.nat().map(String), { nil: undefined }),
      data: fc.uint8Array({ maxLength: 5 }),
    }),
    { maxLength: 5 },
  )
  .map((records) => aggregate(records).slice(4, -16));
describe('deaggregateRecord, of bytes that mean it ill,', () => {
  it('never throws for a damaged message with the right MD5, and gives only what is there', () => {
    let opened = 0;
    fc.assert(
      fc.property(anyMessage, anyEdits, (message, edits) => {
        const payload = sealed(edited(message, edits));
        const fields = read(payload);
        if (fields[0]?.data !== payload) opened++;
        expectSound(payload, fields);
        deaggregateRecord({ SequenceNumber: '1', PartitionKey: '', Data: payload }, HALF, { outOfRange: 'drop-records' });
      }),
      { numRuns: 20_000 },
    );
    expect(opened, 'damaged messages that could still be read').to.be.within(1_000, 19_000);
  });

  it('never throws for any message at all with the right MD5', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (message) => {
        const payload = sealed(message);
        expectSound(payload, read(payload));
      }),
      { numRuns: 20_000 },
    );
  });

  it('gives any other payload as it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (payload, magic) => {
        const data = magic ? bytes(Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2), payload) : payload;
        expect(read(data)).to.have.length(1);
        expect(read(data)[0]?.data).to.equal(data);
      }),
      { numRuns: 5_000 },
    );
  });

  describe('costs no more than its length, for', () => {
    const manyIndexes = (key: Uint8Array, count: number): Uint8Array => sealed(key, times(count, letter('')));
    const bombs: Record<string, readonly [make: () => Uint8Array, records: number]> = {
      'a key of 1 MiB that 100 000 records name': [() => manyIndexes(text(1, 'k'.repeat(MIB)), 100_000), 100_000],
      'an explicit hash key of 1 MiB that 100 000 records name': [
        () => sealed(text(1, 'k'), text(2, '0'.repeat(MIB)), times(100_000, entry(number(1, 0), number(2, 0), text(3, '')))),
        100_000,
      ],
      'an explicit hash key of 1 MiB of another script': [
        () => sealed(text(1, 'k'), text(2, '٧'.repeat(MIB / 2)), entry(number(1, 0), number(2, 0), text(3, ''))),
        0,
      ],
      'a table of a million empty keys': [
        () =>
          sealed(
            new Uint8Array(2 * MIB).map((_, i) => (i % 2 === 0 ? 0x0a : 0)),
            letter('x'),
          ),
        1,
      ],
      'two hundred thousand empty records': [() => manyIndexes(text(1, ''), 200_000), 200_000],
      'a million unknown fields': [
        () =>
          sealed(
            text(1, 'k'),
            new Uint8Array(2 * MIB).map((_, i) => (i % 2 === 0 ? 0x48 : 1)),
            letter('x'),
          ),
        1,
      ],
      'groups a million deep': [() => sealed(text(1, 'k'), letter('x'), groups(MIB)), 1],
      'a table that claims 2 GiB': [() => sealed(text(1, 'k'), letter('x'), varint(0x0a), varint(2n ** 31n - 1n)), 1],
      'an index in the billions': [() => sealed(text(1, 'k'), letter('x', 2n ** 31n - 1n)), 1],
    };
    for (const [title, [make, records]] of Object.entries(bombs)) {
      it(title, () => {
        const payload = make();
        const before = process.memoryUsage();
        const fields = deaggregateRecord({ SequenceNumber: '1', PartitionKey: '', Data: payload }, HALF, { outOfRange: 'keep' });
        const after = process.memoryUsage();
        const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
        // Of each record, which takes six bytes, comes an object with a view of about 300 bytes.
        expect(grown, `${payload.length} bytes`).to.be.below(100 * payload.length + 10 * MIB);
        if (records > 0) expect(fields).to.have.length(records);
      });
    }
  });
});
