import { inspect } from 'node:util';
import { expect } from 'chai';
import { lastValueFrom } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { isUnreachable } from '../../lib/values/errors.js';
import { fastReading } from '../support/fast-reading.js';

describe('a lease table that the credentials may not use', () => {
  it('ends the stream with an error that names the table and what it answers', async () => {
    const denied = Object.assign(new Error('User arn:aws:iam::123456789012:user/CANARY is not authorized'), {
      name: 'AccessDeniedException',
    });
    const store = leaseTable({ client: { send: () => Promise.reject(denied) }, tableName: 'flights-app', events: 'silent' });
    const kinesis = fakeKinesis({ shards: { 0: 'a' } });
    const run$ = kinesisStream(fastReading(kinesis, { store, events: 'silent' })).pipe(mergeShards((shard) => shard));
    const error: unknown = await lastValueFrom(run$, { defaultValue: undefined }).catch((caught: unknown) => caught);
    expect(error).to.satisfy(isUnreachable).and.to.have.property('streamName', 'stream');
    expect(error).to.have.property('message').that.includes('"flights-app"').and.includes('AccessDeniedException');
    expect(inspect(error, { depth: 10 })).not.to.include('CANARY');
  });

  it('is told from an endpoint that is not of DynamoDB', async () => {
    const unknown = Object.assign(new Error('UnknownError'), { name: 'UnknownOperationException', $fault: 'client' });
    const store = leaseTable({ client: { send: () => Promise.reject(unknown) }, tableName: 'flights-app', events: 'silent' });
    const kinesis = fakeKinesis({ shards: { 0: 'a' } });
    const run$ = kinesisStream(fastReading(kinesis, { store, events: 'silent' })).pipe(mergeShards((shard) => shard));
    const error: unknown = await lastValueFrom(run$, { defaultValue: undefined }).catch((caught: unknown) => caught);
    expect(error).to.satisfy(isUnreachable).and.to.have.property('message').that.includes('not this service');
  });
});
