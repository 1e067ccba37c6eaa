import type { GetRecordsCommandInput, KinesisClient, KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { firstValueFrom } from 'rxjs';
import { rawErrorOf } from '../../../lib/internal/aws-fault.js';
import type { GetRecordsPage, GetRecordsRequest } from '../../../lib/kinesis/port.js';

import type { SdkMiddlewareStack } from '../../../lib/kinesis/wire/sdk-seam.js';
import { SerdeDetours } from '../../../lib/kinesis/wire/serde-detours.js';
import { sdkPort } from '../../../lib/kinesis/sdk-port.js';
import { answeringClient, CBOR, JSON_TYPE, type Answer, type AnsweringClient, type SentRequest } from '../../support/answering-client.js';
import { cborOf } from '../../support/cbor.js';
import { installedSdks, tellMissingSdks } from '../../support/kinesis-sdks.js';
import { rejectionOf } from '../../support/promises.js';

const PAGE = { Records: [], NextShardIterator: 'next', MillisBehindLatest: 0 };
const page = ({ format }: SentRequest): Answer =>
  format === 'cbor' ? { type: CBOR, body: cborOf(PAGE) } : { type: JSON_TYPE, body: JSON.stringify(PAGE) };
const refusal = (name: string): Answer => ({ type: CBOR, statusCode: 400, body: cborOf({ __type: name, message: 'no' }) });

/** A request on its way. */
interface HttpRequestLike {
  headers: Record<string, string>;
  body?: string | Uint8Array;
}
type Next = (args: { readonly request?: HttpRequestLike }) => Promise<{ readonly output?: unknown }>;
type Middleware = (next: Next) => Next;
interface Stack {
  add(middleware: Middleware, options: object): void;
}
/** Writes a request, or reads an answer. */
type Serde = (this: unknown, ...args: unknown[]) => Promise<unknown>;

for (const { version, sdk } of installedSdks) {
  describe(`ways around the serializer and the deserializer of the SDK ${version}`, () => {
    /** Older versions make an endpoint for each call: then the SDK's own way is the only one. */
    const keepsEndpoints = Number(version.split('.')[1]) >= 800;

    /** Until about 3.900 a command wrote its request itself, and read the answer. */
    const isByCommand = Number(version.split('.')[1]) < 900;

    const reader = ({ client }: AnsweringClient, wire: 'cbor' | 'json' = 'cbor', commands = sdk) => {
      const port = sdkPort(client, { wire, payloads: 'slabs', notify: (event) => expect.fail(event.type) }, commands);
      return (ShardIterator: string, more: Partial<GetRecordsRequest> = {}): Promise<GetRecordsPage> =>
        firstValueFrom(port.getRecords({ ShardIterator, Limit: 5, ...more }));
    };
    const addTo = (client: KinesisClient, middleware: Middleware, options: object): void =>
      (client.middlewareStack as unknown as Stack).add(middleware, options);
    const answering = (answer: (request: SentRequest, index: number) => Answer, config?: KinesisClientConfig): AnsweringClient =>
      answeringClient(sdk, answer, config);

    /** The SDK, and how often it has written a request, which may be changed, and read an answer. */
    const counting = (client: KinesisClient, changed = (request: HttpRequestLike): HttpRequestLike => request) => {
      const counts = { written: 0, read: 0 };
      const writing = (write: Serde): Serde =>
        async function (this: unknown, ...args) {
          counts.written++;
          return changed((await write.apply(this, args)) as HttpRequestLike);
        };
      const reading = (read: Serde): Serde =>
        function (this: unknown, ...args) {
          counts.read++;
          return read.apply(this, args);
        };
      if (!isByCommand) {
        const { protocol } = client.config as unknown as { readonly protocol: Record<'deserializeResponse' | 'serializeRequest', Serde> };
        protocol.serializeRequest = writing(protocol.serializeRequest);
        protocol.deserializeResponse = reading(protocol.deserializeResponse);
        return { counts, counted: sdk };
      }
      const own = new sdk.GetRecordsCommand({ ShardIterator: '' }) as unknown as Record<'deserialize' | 'serialize', Serde>;
      const instead = { serialize: writing(own.serialize), deserialize: reading(own.deserialize) };
      class GetRecordsCommand extends sdk.GetRecordsCommand {
        constructor(input: GetRecordsCommandInput) {
          super(input);
          Object.assign(this, instead);
        }
      }
      return { counts, counted: { ...sdk, GetRecordsCommand } };
    };

    for (const wire of ['cbor', 'json'] as const)
      it(`are taken by the calls after the first, until the middlewares are resolved again: in ${wire}`, async () => {
        const answered = answering(page);
        const { counts, counted } = counting(answered.client);
        const read = reader(answered, wire, counted);
        for (let i = 0; i < 130; i++) expect(await read(`i${i}`)).to.deep.include(PAGE);
        expect(counts).to.deep.equal({ written: keepsEndpoints ? 3 : 130, read: 3 });
        expect(answered.sent.map(({ input, format }) => ({ ...input, format }))).to.deep.equal(
          Array.from({ length: 130 }, (_, i) => ({ ShardIterator: `i${i}`, Limit: 5, format: wire })),
        );
      });

    it('give the metadata that the SDK gives', async () => {
      const variants: readonly Record<string, string>[] = [
        {},
        { 'x-amz-id-2': 'extended', 'x-amz-cf-id': 'distribution' },
        { 'x-amzn-requestid': undefined as never, 'x-amzn-request-id': 'second' },
        { 'x-amzn-requestid': undefined as never, 'x-amz-request-id': 'third' },
      ];
      let headers: Record<string, string> = {};
      const answered = answering((request) => ({ ...page(request), headers: { 'x-amzn-requestid': 'the same', ...headers } }));
      const read = reader(answered);
      await read('first');
      const command = new sdk.GetRecordsCommand({ ShardIterator: 'own' });
      for (headers of variants) {
        const { $metadata: own } = await answered.client.send(command);
        expect(await read('later'))
          .to.have.property('$metadata')
          .that.deep.equals(own);
      }
    });

    it('are not for errors, which have the classes of the SDK, and are retried by it', async () => {
      const answers = [page, () => refusal('ExpiredIteratorException'), page, () => refusal('ExpiredIteratorException'), page];
      const answered = answering((request, index) => answers[index]!(request));
      const read = reader(answered);
      await read('a');
      for (const name of ['b', 'd']) {
        const error = rawErrorOf(await rejectionOf(() => read(name)));
        expect(error).to.be.an.instanceof(sdk.ExpiredIteratorException);
        expect(error).to.include({ name: 'ExpiredIteratorException', $fault: 'client' });
        expect(error).to.have.nested.property('$metadata.httpStatusCode', 400);
        expect(await read('c')).to.deep.include(PAGE);
      }

      const retrying = answering((request, index) => (index === 1 ? refusal('ProvisionedThroughputExceededException') : page(request)), {
        maxAttempts: 3,
      });
      const again = reader(retrying);
      await again('a');
      expect(await again('b')).to.have.nested.property('$metadata.attempts', 2);
      expect(retrying.sent.map(({ input }) => input['ShardIterator'])).to.deep.equal(['a', 'b', 'b']);
    }).timeout(10_000);

    // One name, so that the calls can be compared.
    it("lead around no middleware of the client's, wherever it stands", async () => {
      const answered = answering(page);
      const seen: unknown[] = [];
      const { client } = answered;
      for (const priority of ['high', 'normal', 'low']) {
        addTo(
          client,
          (next) => (args) => {
            const body = args.request?.body;
            const text = typeof body === 'object' ? new TextDecoder().decode(body) : body;
            // The last one stands beside that of this package, which makes CBOR of it.
            const input = text?.startsWith('{') ? (JSON.parse(text) as unknown) : text && 'CBOR';
            seen.push(['serialize', priority, typeof body, input]);
            return next(args);
          },
          { step: 'serialize', priority, name: `serialize ${priority}` },
        );
        addTo(
          client,
          (next) => async (args) => {
            const result = await next(args);
            seen.push(['deserialize', priority, result.output !== undefined]);
            return result;
          },
          { step: 'deserialize', priority, name: `deserialize ${priority}` },
        );
      }
      const read = reader(answered);
      const perCall: unknown[][] = [];
      for (let i = 0; i < 3; i++) {
        seen.length = 0;
        await read('same');
        perCall.push([...seen]);
      }
      expect(perCall[0]).to.have.length(6);
      expect(perCall.slice(1)).to.deep.equal([perCall[0], perCall[0]]);
    });

    it('are not taken to an endpoint for which nothing was written yet', async () => {
      const answered = answering(page);
      const { client } = answered;
      const { counts, counted } = counting(client);
      const hosts = ['one', 'two', 'two', 'three', 'three'];
      const endpoints = new Map(hosts.map((name) => [name, { url: new URL(`http://${name}.test/`), properties: {}, headers: {} }]));
      let host = '';
      Object.assign(client.config, { endpointProvider: () => endpoints.get(host) });
      const read = reader(answered, 'cbor', counted);
      for (host of hosts) await read(host);
      expect(answered.sent.map(({ headers, input }) => [headers['host'], input['ShardIterator']])).to.deep.equal(
        hosts.map((name) => [`${name}.test`, name]),
      );
      expect(counts.written).to.equal(3);
    });

    it('are not taken where the SDK writes another format', async () => {
      const answered = answering((request) => page({ ...request, format: 'json' }));
      const { counts, counted } = counting(answered.client, (request) =>
        Object.assign(request, { headers: { ...request.headers, 'content-type': 'application/cbor' }, body: Uint8Array.of(0xa0) }),
      );
      // The handler reads what is sent as JSON.
      const asJson: Middleware = (next) => (args) => {
        Object.assign(args.request!, { body: '{}' });
        return next(args);
      };
      addTo(answered.client, asJson, { step: 'finalizeRequest', name: 'asJson' });
      const read = reader(answered, 'json', counted);
      for (let i = 0; i < 3; i++) expect(await read('a')).to.deep.include(PAGE);
      expect(counts).to.deep.equal({ written: 3, read: 1 });
    });

    it('are not taken with fields that the SDK has not written, or may write in another way', async () => {
      const answered = answering(page);
      const { counts, counted } = counting(answered.client);
      const read = reader(answered, 'json', counted);
      await read('a');
      await read('b', { unknown: 'field' } as never);
      await read('c', { Limit: true } as never);
      expect(counts.written).to.equal(3);
      await read('d', { Limit: undefined });
      expect(counts.written).to.equal(keepsEndpoints ? 3 : 4);
      expect(answered.sent[3]!.input).to.deep.equal({ ShardIterator: 'd' });
    });
  });
}

describe('ways around the serializer and the deserializer of the SDK', () => {
  it('are left out of a stack that has neither', () => {
    const added: string[] = [];
    const stack = {
      concat: () => stack,
      identify: () => ['loggerMiddleware - initialize', 'deserializerMiddleware - deserialize'],
      addRelativeTo: (_: unknown, { toMiddleware }: { readonly toMiddleware: string }) => added.push(toMiddleware),
    } as unknown as SdkMiddlewareStack;
    new SerdeDetours(() => undefined).addedTo(stack).concat(stack);
    expect(added).to.deep.equal(['deserializerMiddleware', 'deserializerMiddleware']);
  });

  tellMissingSdks('spec/kinesis/wire/serde-detours.spec.ts');
});
