import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { from, lastValueFrom, NEVER } from 'rxjs';
import { restore, stub } from 'sinon';
import { leaseTable } from '../../lib/dynamodb/index.js';
import { ClientPlace, placeOf } from '../../lib/internal/client-place.js';
import { FirstContact } from '../../lib/internal/first-contact.js';
import { isShardReadError } from '../../lib/kinesis/errors.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isUnreachable } from '../../lib/values/errors.js';
import { answering, refusal } from '../support/answering-handler.js';
import { fastReading } from '../support/fast-reading.js';

/** With everything in it that must not be told. */
const ENDPOINT = 'http://CANARY:CANARY@localhost:4567/CANARY?x=CANARY';
const SHARD = { streamName: 'flights', shardId: 'shardId-000000000000', parentShardIds: [] };
const refused = () => Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });

/** What an error of this client has in its message, once the client has answered. */
async function toldOf(client: object, target?: string): Promise<string> {
  const place = new ClientPlace(client, target);
  place.ask();
  const { config } = client as { readonly config?: { readonly serviceConfiguredEndpoint?: () => Promise<unknown> } | null };
  await config?.serviceConfiguredEndpoint?.();
  await settled();
  const error = new Error('refused');
  place.note(error);
  return placeOf(new Error('wrapped', { cause: error }));
}

/** After the Promises that are under way. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** What a source of these shards errors with. */
async function errorOf(config: Parameters<typeof fastReading>[1], client: object = fakeKinesis({ shards: { 0: 'a' } })): Promise<Error> {
  const run$ = kinesisStream({
    ...fastReading(fakeKinesis({ shards: { 0: 'a' } }), { events: 'silent', ...config }),
    client: client as never,
  });
  return lastValueFrom(run$.pipe(mergeShards((shard) => shard)), { defaultValue: undefined }).then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as Error,
  );
}

describe('an error of the set-up', () => {
  afterEach(() => restore());

  it('has the region and the endpoint of a client of the SDK, without the secrets of its URL', async () => {
    expect(await toldOf(new KinesisClient({ region: 'eu-west-1' }))).to.equal(' (region eu-west-1)');
    expect(await toldOf(new KinesisClient({ region: 'eu-west-1', endpoint: ENDPOINT }))).to.equal(
      ' (region eu-west-1, endpoint http://localhost:4567)',
    );
    expect(await toldOf(new DynamoDBClient({ region: 'eu-west-1' }), 'table "flights-app"')).to.equal(
      ' (table "flights-app", region eu-west-1)',
    );
  });

  it('has the endpoint that the environment gives a client, without the secrets of its URL, unless the client does not ask for it', async () => {
    const inRegion = { region: 'eu-west-1' };
    stub(process, 'env').value({ ...process.env, AWS_ENDPOINT_URL: 'https://localhost', AWS_ENDPOINT_URL_KINESIS: ENDPOINT });
    expect(await toldOf(new KinesisClient(inRegion))).to.equal(' (region eu-west-1, endpoint http://localhost:4567)');
    expect(await toldOf(new DynamoDBClient(inRegion))).to.equal(' (region eu-west-1, endpoint https://localhost)');
    expect(await toldOf(new KinesisClient({ ...inRegion, ignoreConfiguredEndpointUrls: true }))).to.equal(' (region eu-west-1)');
    process.env['AWS_ENDPOINT_URL_DYNAMODB'] = 'CANARY';
    expect(await toldOf(new DynamoDBClient(inRegion))).to.equal(' (region eu-west-1)');
  });

  it('has nothing of a client made by hand, and of one that does not answer or has no region', async () => {
    const odd = { region: () => NEVER, endpoint: () => Promise.resolve({ hostname: 'two words', protocol: 'http:' }) };
    const failing = {
      region: () => Promise.reject(new Error('Region is missing')),
      endpoint: () => {
        throw new Error('CANARY');
      },
    };
    for (const client of [
      { send: () => undefined },
      { config: null },
      { config: { region: 'eu west 1' } },
      { config: odd },
      { config: failing },
    ]) {
      expect(await toldOf(client)).to.equal('');
    }
  });

  it(
    'has it at once: no call waits for the client',
    marbles(({ scheduler, cold, expectObservable }) => {
      const place = new ClientPlace({ config: { region: () => NEVER } });
      expectObservable(cold('--#').pipe(new FirstContact('Kinesis', scheduler, place).watch())).toBe('--#');
    }),
  );

  it('of the stream says where the stream was looked for', async () => {
    const client = new KinesisClient(answering(refusal('ResourceNotFoundException', 400)));
    const error = await errorOf({}, client);
    expect(error).to.satisfy(isShardReadError);
    expect(error.message).to.match(/^stream: no such stream .* \(region eu-west-1\)$/);
  });

  it('of the service says where it was called', async () => {
    const place = new ClientPlace(new KinesisClient({ region: 'eu-west-1', endpoint: ENDPOINT }));
    place.ask();
    await settled();
    const contact = new FirstContact('Kinesis', { now: () => 0 } as never, place);
    contact.noteTry();
    expect(contact.judge(new Error('Region is missing')))
      .to.have.property('message')
      .that.matches(/AWS_REGION \(region eu-west-1, endpoint http:\/\/localhost:4567\)$/);
  });

  for (const [what, send, seen] of [
    [
      'the credentials may not use',
      () => Promise.reject(Object.assign(new Error('CANARY'), { name: 'AccessDeniedException' })),
      'AccessDenied',
    ],
    [
      'has another service at its endpoint',
      () => Promise.reject(Object.assign(new Error(), { name: 'UnknownOperationException' })),
      'not this',
    ],
  ] as const) {
    it(`of a lease table that ${what} names the table and the region`, async () => {
      const client = Object.assign(new DynamoDBClient({ region: 'eu-west-1' }), { send });
      const error = await errorOf({ store: leaseTable({ client, tableName: 'flights-app', events: 'silent' }) });
      expect(error).to.satisfy(isUnreachable);
      expect(error.message)
        .to.include(seen)
        .and.to.match(/\(table "flights-app", region eu-west-1\)$/);
    });
  }

  it('of a checkpoint names the table and the region', async () => {
    const client = Object.assign(new DynamoDBClient({ region: 'eu-west-1' }), { send: () => Promise.reject(refused()) });
    const store = leaseTable({ client, tableName: 'flights-app', events: 'silent' });
    const error: unknown = await lastValueFrom(from(store.read(SHARD as never))).catch((caught: unknown) => caught);
    expect(error)
      .to.have.property('message')
      .that.matches(/could not read the checkpoint: .* \(table "flights-app", region eu-west-1\)$/);
  });
});
