import { expect } from 'chai';
import { checkedIterator, checkedListing, checkedPage } from '../../lib/kinesis/checked-answers.js';
import { classify } from '../../lib/kinesis/classify.js';
import { isShardReadError } from '../../lib/kinesis/errors.js';
import { thrownBy } from '../support/thrown-by.js';

const PLACE = { streamName: 'flights', shardId: 'shard-1' };
const SECRET = 'LH 400';
const record = { SequenceNumber: '7', PartitionKey: SECRET, Data: new Uint8Array(3) };
const keys = { StartingHashKey: '0', EndingHashKey: '9' };
const child = { ShardId: 'c', ParentShards: ['a'], HashKeyRange: keys };
const shard = { ShardId: 'a', HashKeyRange: keys, SequenceNumberRange: { StartingSequenceNumber: '5' } };

/** Whatever it is asked to take. */
type Loose = never;

/** The message of the fault that is found; all are one kind of error, that may pass. */
function faultOf(check: () => unknown): string {
  const error = thrownBy(check);
  if (!isShardReadError(error)) throw new Error(`expected a ShardReadError, got ${String(error)}`);
  expect([error.retriable, error.streamName, classify(error)]).to.deep.equal([true, 'flights', 'transient']);
  expect(error.message).to.not.include(SECRET);
  return error.message;
}

function without(fields: object, ...names: readonly string[]): object {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

describe('checkedPage', () => {
  const page = (fields: object): unknown => ({ Records: [], NextShardIterator: 'next', ...fields });
  const records = (...all: readonly unknown[]): unknown => page({ Records: all });

  it('takes what is whole', () => {
    const whole = { Records: [record], NextShardIterator: 'next', MillisBehindLatest: 5, ChildShards: [child] };
    expect(checkedPage(whole, PLACE)).to.deep.equal(whole);
    expect(checkedPage({ Records: [] }, PLACE)).to.deep.equal({ Records: [] });
  });

  it('leaves out what is null, and a lag that is no number', () => {
    const nulls = { Records: [], NextShardIterator: null, MillisBehindLatest: null, ChildShards: null };
    expect(checkedPage(nulls as Loose, PLACE)).to.deep.equal({ Records: [] });
    for (const MillisBehindLatest of [NaN, Infinity, '5'])
      expect(checkedPage({ Records: [], MillisBehindLatest } as Loose, PLACE)).to.deep.equal({ Records: [] });
  });

  it('takes a lag below 0 for none', () => {
    expect(checkedPage({ Records: [], MillisBehindLatest: -3 }, PLACE).MillisBehindLatest).to.equal(0);
  });

  it('keeps the records as they are', () => {
    const Records = [record, { ...record, SequenceNumber: '10' }];
    expect(checkedPage({ Records }, PLACE).Records).to.equal(Records);
  });

  const faults: Readonly<Record<string, readonly [answer: unknown, fault: string]>> = {
    nothing: [undefined, 'without a page'],
    null: [null, 'without a page'],
    text: ['<html>', 'without a page'],
    'no records': [{}, 'without Records'],
    'records that are null': [page({ Records: null }), 'without Records'],
    'records that are an object': [page({ Records: {} }), 'without Records'],
    'an iterator of no length': [page({ NextShardIterator: '' }), 'without NextShardIterator'],
    'an iterator that is a number': [page({ NextShardIterator: 5 }), 'without NextShardIterator'],
    'a record that is null': [records(null), 'without a record'],
    'a record without a number': [records(without(record, 'SequenceNumber')), 'with a record without SequenceNumber'],
    'a record with a number of no length': [records({ ...record, SequenceNumber: '' }), 'with a record without SequenceNumber'],
    'a record whose number is a number': [records({ ...record, SequenceNumber: 7 }), 'with a record without SequenceNumber'],
    'a record whose number is a word': [records({ ...record, SequenceNumber: 'SHARD_END' }), 'with a record without SequenceNumber'],
    'a record whose number begins like a word': [records({ ...record, SequenceNumber: 'x7' }), 'with a SequenceNumber that is no number'],
    'a last record whose number ends like one': [
      records(record, { ...record, SequenceNumber: '8x9' }),
      'with a SequenceNumber that is no number',
    ],
    'a number with leading zeros': [records({ ...record, SequenceNumber: '007' }), 'with a SequenceNumber that is no number'],
    'a word between numbers': [
      records(record, { ...record, SequenceNumber: 'x8' }, { ...record, SequenceNumber: '9' }),
      'with records that do not follow each other',
    ],
    'records in disorder': [records({ ...record, SequenceNumber: '8' }, record), 'with records that do not follow each other'],
    'a record twice': [records(record, record), 'with records that do not follow each other'],
    'a record without a key': [records(without(record, 'PartitionKey')), 'with a record without PartitionKey'],
    'a record without data': [records(without(record, 'Data')), 'with a record without Data'],
    'a record whose data is text': [records({ ...record, Data: SECRET }), 'with a record without Data'],
    'a record whose data is null': [records({ ...record, Data: null }), 'with a record without Data'],
    'children that are an object': [page({ ChildShards: {} }), 'with ChildShards that are no list'],
    'a child without an id': [page({ ChildShards: [without(child, 'ShardId')] }), 'without ShardId of a child'],
    'a child without parents': [page({ ChildShards: [without(child, 'ParentShards')] }), 'with a child shard without ParentShards'],
    'a child with a list of no parents': [
      page({ ChildShards: [{ ...child, ParentShards: [] }] }),
      'with a child shard without ParentShards',
    ],
    'a child with a parent that is null': [page({ ChildShards: [{ ...child, ParentShards: [null] }] }), 'without ParentShards of a child'],
    'a child without hash keys': [page({ ChildShards: [without(child, 'HashKeyRange')] }), 'without HashKeyRange'],
    'a child whose hash keys are words': [
      page({ ChildShards: [{ ...child, HashKeyRange: { ...keys, EndingHashKey: 'ff' } }] }),
      'with a EndingHashKey that is no number',
    ],
  };
  for (const [what, [answer, fault]] of Object.entries(faults)) {
    it(`refuses ${what}`, () => {
      expect(faultOf(() => checkedPage(answer as Loose, PLACE))).to.equal(`flights/shard-1: GetRecords was answered ${fault}`);
    });
  }
});

describe('checkedIterator', () => {
  it('takes an iterator', () => {
    expect(checkedIterator('iterator', PLACE)).to.equal('iterator');
  });

  for (const answer of [undefined, null, '', 5, {}]) {
    it(`refuses ${JSON.stringify(answer)}`, () => {
      expect(faultOf(() => checkedIterator(answer as Loose, PLACE))).to.match(/GetShardIterator was answered without ShardIterator$/);
    });
  }
});

describe('checkedListing', () => {
  const listing = (fields: object): unknown => ({ Shards: [{ ...shard, ...fields }] });

  it('takes what is whole', () => {
    const SequenceNumberRange = { StartingSequenceNumber: '5', EndingSequenceNumber: '9' };
    const whole = {
      Shards: [shard, { ...shard, ParentShardId: 'p', AdjacentParentShardId: 'q', SequenceNumberRange }],
      NextToken: 'token',
    };
    expect(checkedListing(whole, PLACE)).to.deep.equal(whole);
  });

  it('leaves out what is null, so that no parent is made of it and no open shard is taken for closed', () => {
    const nulls = listing({
      ParentShardId: null,
      AdjacentParentShardId: null,
      SequenceNumberRange: { StartingSequenceNumber: '5', EndingSequenceNumber: null },
    });
    expect(checkedListing({ ...(nulls as object), NextToken: null } as Loose, PLACE)).to.deep.equal({ Shards: [shard] });
  });

  it('takes a token of no length for the end of the listing', () => {
    expect(checkedListing({ Shards: [], NextToken: '' }, PLACE)).to.deep.equal({ Shards: [] });
  });

  const faults: Readonly<Record<string, readonly [answer: unknown, fault: string]>> = {
    nothing: [undefined, 'without a page'],
    'no shards': [{}, 'without Shards'],
    'shards that are null': [{ Shards: null }, 'without Shards'],
    'a token that is a number': [{ Shards: [], NextToken: 5 }, 'with a NextToken that is no text'],
    'a shard that is null': [{ Shards: [null] }, 'without a shard'],
    'a shard without an id': [listing({ ShardId: undefined }), 'without ShardId'],
    'a parent that is a number': [listing({ ParentShardId: 5 }), 'without ParentShardId'],
    'an adjacent parent of no length': [listing({ AdjacentParentShardId: '' }), 'without AdjacentParentShardId'],
    'a shard without hash keys': [listing({ HashKeyRange: undefined }), 'without HashKeyRange'],
    'a shard without the first of them': [listing({ HashKeyRange: { EndingHashKey: '9' } }), 'with a StartingHashKey that is no number'],
    'a shard without numbers': [listing({ SequenceNumberRange: undefined }), 'without SequenceNumberRange'],
    'a shard without a first number': [listing({ SequenceNumberRange: {} }), 'with a StartingSequenceNumber that is no number'],
    'a shard whose last number is a word': [
      listing({ SequenceNumberRange: { StartingSequenceNumber: '5', EndingSequenceNumber: 'SHARD_END' } }),
      'with a EndingSequenceNumber that is no number',
    ],
  };
  for (const [what, [answer, fault]] of Object.entries(faults)) {
    it(`refuses ${what}`, () => {
      expect(faultOf(() => checkedListing(answer as Loose, { streamName: 'flights' }))).to.equal(
        `flights: ListShards was answered ${fault}`,
      );
    });
  }
});
