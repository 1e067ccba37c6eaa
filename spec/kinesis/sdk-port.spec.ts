import { expect } from 'chai';
import { rawErrorOf } from '../../lib/internal/aws-fault.js';
import { firstValueFrom, type Observable } from 'rxjs';
import sinon from 'sinon';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import type { KinesisPort } from '../../lib/kinesis/port.js';
import { portOf, sdkPort, type KinesisClientLike, type SdkPortConfig } from '../../lib/kinesis/sdk-port.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { installedSdks, tellMissingSdks } from '../support/kinesis-sdks.js';
import { thrownBy } from '../support/thrown-by.js';

const CONFIG: SdkPortConfig = { wire: 'cbor', payloads: 'slabs', notify: () => undefined };
const STREAM = { StreamName: 'flights' };

/** A client that gives this answer. */
function stubClient(answer: unknown) {
  return { send: sinon.stub().resolves(answer) };
}

/** The name and the input of the only command that a client was sent. */
function commandOf({ send }: ReturnType<typeof stubClient>): readonly [name: string, input: unknown] {
  sinon.assert.calledOnce(send);
  const [command] = send.firstCall.args as [{ readonly input: unknown; readonly constructor: { readonly name: string } }];
  return [command.constructor.name, command.input];
}

describe('portOf', () => {
  it('passes a port through', () => {
    const port = fakeKinesis({ shards: { 0: '' } });
    expect(portOf(port, CONFIG)).to.equal(port);
  });

  it('takes a KinesisClient, and whatever has its shape', () => {
    const client: KinesisClientLike = new KinesisClient({ region: 'eu-west-1' });
    for (const given of [client, { send: () => Promise.resolve({}) }])
      expect(portOf(given, CONFIG)).to.have.all.keys('listShards', 'getShardIterator', 'getRecords');
  });

  for (const client of [undefined, null, {}, { send: 'now' }]) {
    it(`refuses ${JSON.stringify(client)}`, () => {
      const error = thrownBy(() => portOf(client as never, CONFIG));
      expect(isInvalidConfig(error)).to.equal(true);
      expect(error).to.have.property('message', 'client: expected a KinesisClient (an object with send) or a KinesisPort');
    });
  }
});

for (const { version, sdk } of installedSdks) {
  describe(`the port of a client, with commands of the SDK ${version}`, () => {
    const portFor = (client: KinesisClientLike): KinesisPort => sdkPort(client, CONFIG, sdk);

    it('lists shards', async () => {
      const Shards = [{ ShardId: 'a' }];
      const client = stubClient({ Shards, NextToken: 'token' });
      expect(await firstValueFrom(portFor(client).listShards(STREAM))).to.deep.equal({ Shards, NextToken: 'token' });
      expect(commandOf(client)).to.deep.equal(['ListShardsCommand', STREAM]);
    });

    it('gets an iterator', async () => {
      const client = stubClient({ ShardIterator: 'iterator' });
      const request = { ...STREAM, ShardId: 'a', ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: '7' } as const;
      expect(await firstValueFrom(portFor(client).getShardIterator(request))).to.equal('iterator');
      expect(commandOf(client)).to.deep.equal(['GetShardIteratorCommand', request]);
    });

    it('gets records', async () => {
      const page = { Records: [{ SequenceNumber: '7' }], NextShardIterator: 'next', MillisBehindLatest: 5, ChildShards: [] };
      const client = stubClient(page);
      const request = { ShardIterator: 'iterator', Limit: 5 };
      expect(await firstValueFrom(portFor(client).getRecords(request))).to.deep.equal(page);
      expect(commandOf(client)).to.deep.equal(['GetRecordsCommand', request]);
    });

    for (const answer of [{}, undefined, { Records: null, Shards: null, ShardIterator: null }]) {
      it(`makes nothing up for what is left out of ${JSON.stringify(answer)}`, async () => {
        const port = portFor(stubClient(answer));
        expect(await firstValueFrom(port.getRecords({ ShardIterator: 'i' }))).to.equal(answer);
        expect(await firstValueFrom(port.listShards(STREAM))).to.equal(answer);
        const iterator = await firstValueFrom(port.getShardIterator({ ...STREAM, ShardId: 'a', ShardIteratorType: 'LATEST' }));
        expect(iterator ?? undefined).to.equal(undefined);
      });
    }

    it('makes one call for each subscription, and none before', () => {
      const client = stubClient({ Shards: [] });
      const shards$ = portFor(client).listShards(STREAM);
      sinon.assert.notCalled(client.send);
      shards$.subscribe();
      shards$.subscribe();
      sinon.assert.calledTwice(client.send);
    });

    it('passes on what is safe of the error of the client', async () => {
      const error = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
      const port = portFor({ send: () => Promise.reject(error) });
      for (const call of [port.listShards(STREAM), port.getRecords({ ShardIterator: 'i' })] as Observable<unknown>[]) {
        const caught: unknown = await firstValueFrom(call).catch((reason: unknown) => reason);
        expect(caught).to.include({ name: 'AccessDeniedException', message: 'AccessDeniedException' });
        expect(rawErrorOf(caught)).to.equal(error);
      }
    });

    it('aborts each call that is unsubscribed', () => {
      const signals: AbortSignal[] = [];
      const port = portFor({
        send: (_command, { abortSignal } = {}) => {
          signals.push(abortSignal!);
          return new Promise(() => undefined);
        },
      });
      const iterator = port.getShardIterator({ ...STREAM, ShardId: 'a', ShardIteratorType: 'TRIM_HORIZON' });
      const calls: Observable<unknown>[] = [port.listShards(STREAM), iterator, port.getRecords({ ShardIterator: 'i' })];
      const subscriptions = calls.map((call) => call.subscribe());
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([false, false, false]);
      subscriptions.forEach((subscription) => subscription.unsubscribe());
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true, true, true]);
    });
  });
}

tellMissingSdks('spec/kinesis/sdk-port.spec.ts');
