import { expect } from 'chai';
import fc from 'fast-check';
import { decodeJsonPage } from '../../../lib/kinesis/wire/json-page.js';
import { PagePayloads } from '../../../lib/kinesis/wire/page-payloads.js';
import { WireError } from '../../../lib/kinesis/wire/wire-error.js';
import type { WirePage } from '../../../lib/kinesis/wire/wire-page.js';
import { thrownBy } from '../../support/thrown-by.js';
import { anyDisguise, anyPage, disguised, jsonPageOf } from '../../support/wire-pages.js';

function decode(json: string): WirePage {
  const bytes = new TextEncoder().encode(json);
  return decodeJsonPage(json, new PagePayloads({ bytes, chunks: [bytes] }, 'slabs'));
}

const record = {
  SequenceNumber: '7',
  ApproximateArrivalTimestamp: new Date(1_700_000_000_123),
  Data: Uint8Array.of(1, 2),
  PartitionKey: 'k',
};

describe('decodeJsonPage', () => {
  it('reads any page, in any order of keys, with unknown ones and nulls', () => {
    fc.assert(
      fc.property(anyPage, anyDisguise, (page, disguise) => {
        expect(decode(jsonPageOf(disguised(page, disguise)))).to.deep.equal(page);
      }),
      { numRuns: 700 },
    );
  });

  it('misses each character that is cut off', () => {
    const json = jsonPageOf({ Records: [record], NextShardIterator: 'AAA' });
    for (let length = 0; length < json.length; length++) expect(thrownBy(() => decode(json.slice(0, length)))).to.be.instanceOf(WireError);
  });

  it('quotes nothing of a page that it cannot read', () => {
    const error = thrownBy(() => decode('{"Records":[{"PartitionKey":"secret-key", "Data": secret}]}')) as Error;
    expect(error).to.be.instanceOf(WireError);
    expect(`${error.message} ${String(error.cause)} ${error.stack}`).not.to.include('secret');
  });

  const broken: Readonly<Record<string, unknown>> = {
    'a record without a sequence number': { Records: [{ ...record, SequenceNumber: null }] },
    'a payload that is no base64': { Records: [{ ...record, Data: 'no base64!' }] },
    'a payload that is a number': { Records: [{ ...record, Data: 7 }] },
    'a time that is a text': { Records: [{ ...record, ApproximateArrivalTimestamp: 'now' }] },
    'records that are an object': { Records: {} },
    'a record that is null': { Records: [null] },
    'an iterator that is a number': { NextShardIterator: 7 },
    'children that are a text': { ChildShards: 'a' },
    'a text': 'page',
    null: null,
  };
  for (const [name, page] of Object.entries(broken)) {
    it(`refuses ${name}`, () => {
      expect(thrownBy(() => decode(jsonPageOf(page as object)))).to.be.instanceOf(WireError);
    });
  }
});
