import { expect } from 'chai';
import type { Subscription } from 'rxjs';
import { firstValueFrom } from 'rxjs';
import type { KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { nameOf } from '../../../lib/internal/aws-errors.js';
import { rawErrorOf } from '../../../lib/internal/aws-fault.js';
import { classify } from '../../../lib/kinesis/classify.js';
import { sdkPort, type SdkPortConfig } from '../../../lib/kinesis/sdk-port.js';
import type { UntimedEvent } from '../../../lib/monitoring/events.js';
import { answeringClient, CBOR, JSON_TYPE, type Answer, type AnsweringClient, type SentRequest } from '../../support/answering-client.js';
import { cborOf } from '../../support/cbor.js';
import { installedSdks, tellMissingSdks } from '../../support/kinesis-sdks.js';
import { authorizationOf, signatureOf } from '../../support/sigv4.js';
import { jsonPageOf } from '../../support/wire-pages.js';

const record = {
  SequenceNumber: '7',
  ApproximateArrivalTimestamp: new Date(1_700_000_000_123),
  Data: Uint8Array.of(1, 2),
  PartitionKey: 'ключ',
};
const page = { Records: [record], NextShardIterator: 'next', MillisBehindLatest: 5 };
const REQUEST = { ShardIterator: 'iterator', Limit: 10_000, StreamARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/flights' };

const inCbor: Answer = { type: CBOR, body: cborOf(page) };
const inJson: Answer = { type: JSON_TYPE, body: jsonPageOf(page) };
const cborError = (name: string, statusCode = 400): Answer => ({ statusCode, type: CBOR, body: cborOf({ __type: name, message: 'no' }) });
const jsonError = (name: string, statusCode = 400): Answer => ({
  statusCode,
  type: JSON_TYPE,
  body: JSON.stringify({ __type: name, message: 'no' }),
});
/** Answers as the request asks, as a service that takes both. */
const either = ({ format }: SentRequest): Answer => (format === 'cbor' ? inCbor : inJson);

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  );

for (const { version, sdk } of installedSdks) {
  describe(`GetRecords over the wire, with the SDK ${version}`, () => {
    let events: UntimedEvent[];
    beforeEach(() => (events = []));

    const answering = (answer: Parameters<typeof answeringClient>[1], config?: KinesisClientConfig) => answeringClient(sdk, answer, config);
    const portOf = ({ client }: AnsweringClient, config: Partial<SdkPortConfig> = {}) =>
      sdkPort(client, { wire: 'cbor', payloads: 'slabs', notify: (event) => events.push(event), ...config }, sdk);
    const read = (answered: AnsweringClient, config?: Partial<SdkPortConfig>) =>
      firstValueFrom(portOf(answered, config).getRecords(REQUEST));
    /** How each call was made: an old SDK tries some again even when it is told not to. */
    const formats = ({ sent }: AnsweringClient): string[] =>
      sent.filter(({ headers }) => /attempt=1;/.test(headers['amz-sdk-request'] ?? 'attempt=1;')).map(({ format }) => format);

    for (const wire of ['cbor', 'json'] as const) {
      it(`asks in ${wire}, and gives the page with the SDK's metadata`, async () => {
        const answered = answering(either);
        const got = await read(answered, { wire });
        expect(got).to.deep.include(page);
        expect(got).to.have.nested.property('$metadata.requestId', 'request-1');
        expect(got).to.have.nested.property('$metadata.attempts', 1);
        expect(formats(answered)).to.deep.equal([wire]);
        expect(answered.sent[0]!.input).to.deep.equal(REQUEST);
        expect(answered.sent[0]!.headers['content-length']).to.equal(String(answered.sent[0]!.bytes.length));
        expect(events).to.deep.equal([]);
      });
    }

    it('leaves the signing to the SDK: it signs the bytes and the content type that go out', async () => {
      const answered = answering(either);
      await read(answered, { wire: 'cbor' });
      await read(answered, { wire: 'sdk' });
      for (const request of answered.sent) {
        const { signature, signedHeaders } = authorizationOf(request.headers);
        expect(signedHeaders).to.include.members(['content-type', 'host', 'x-amz-target']);
        expect(signature).to.equal(signatureOf(request, 'local'));
        expect(signature, 'of other bytes').not.to.equal(signatureOf({ ...request, bytes: request.bytes.slice(1) }, 'local'));
      }
      expect(formats(answered)).to.deep.equal(['cbor', 'json']);
    });

    it('leaves the call to the SDK alone where that is asked for', async () => {
      const answered = answering(either);
      expect((await read(answered, { wire: 'sdk' })).Records[0]).to.deep.include(record);
      expect(formats(answered)).to.deep.equal(['json']);
    });

    it('asks in CBOR for pages of records alone, and leaves the client as it was', async () => {
      const answered = answering((request) => {
        if (request.operation === 'GetRecords') return either(request);
        return { type: JSON_TYPE, body: JSON.stringify({ Shards: [], ShardIterator: 'iterator' }) };
      });
      const port = portOf(answered);
      await firstValueFrom(port.getRecords(REQUEST));
      await firstValueFrom(port.listShards({ StreamName: 'flights' }));
      await firstValueFrom(
        port.getShardIterator({
          StreamName: 'flights',
          ShardId: 'a',
          ShardIteratorType: 'AT_TIMESTAMP',
          Timestamp: new Date(1_700_000_000_000),
        }),
      );
      await answered.client.send(new sdk.GetRecordsCommand(REQUEST));
      expect(formats(answered)).to.deep.equal(['cbor', 'json', 'json', 'json']);
      expect(answered.sent[2]!.input).to.include({ Timestamp: 1_700_000_000 });
    });

    describe('falls back to JSON, tells so once, and stays with it', () => {
      const refusals: Readonly<Record<string, readonly [answer: Answer, reason: string]>> = {
        'an unknown operation': [cborError('UnknownOperationException'), 'refused'],
        'a type that it cannot read': [jsonError('SerializationException'), 'refused'],
        'a type it names by its shape': [cborError('com.amazonaws.kinesis#SerializationException'), 'refused'],
        'nothing found': [{ statusCode: 404, body: '<html>' }, 'refused'],
        'nothing acceptable': [{ statusCode: 406 }, 'refused'],
        'an unsupported type': [{ statusCode: 415, type: 'text/plain', body: 'no' }, 'refused'],
        'a failure without a body': [{ statusCode: 500 }, 'not-understood'],
        'the page of a proxy': [{ statusCode: 403, type: 'text/html', body: '<html>blocked</html>' }, 'not-understood'],
        'a page that cannot be read': [{ type: CBOR, body: cborOf(page).subarray(0, 60) }, 'not-understood'],
        'a page that is empty': [{ type: CBOR, body: '' }, 'not-understood'],
      };
      for (const [name, [refusal, reason]] of Object.entries(refusals)) {
        it(`when the service answers with ${name}`, async () => {
          const answered = answering(({ format }) => (format === 'cbor' ? refusal : inJson));
          const port = portOf(answered);
          for (let i = 0; i < 3; i++) expect(await firstValueFrom(port.getRecords(REQUEST))).to.deep.include(page);
          expect(formats(answered)).to.deep.equal(['cbor', 'json', 'json', 'json']);
          expect(events).to.have.length(1);
          expect(events[0]).to.include({ type: 'wireFallback', reason }).and.to.have.property('error').that.is.an('error');
          // Another source with the same client knows it already.
          await read(answered);
          expect(formats(answered)).to.deep.equal(['cbor', 'json', 'json', 'json', 'json']);
          expect(events).to.have.length(1);
        });
      }

      it('when no page of forty can be read, also when CBOR is tried again between', async () => {
        const garbled: Answer = { type: CBOR, body: cborOf(page).subarray(0, 60) };
        const answered = answering(({ format }) => (format === 'cbor' ? garbled : inJson));
        const port = portOf(answered);
        for (let i = 0; i < 40; i++) expect(await firstValueFrom(port.getRecords(REQUEST))).to.deep.include(page);
        expect(formats(answered).filter((format) => format === 'cbor')).to.have.length(2);
        expect(events.map(({ type }) => type)).to.deep.equal(['wireFallback']);
      });

      it('when the service answers in JSON what was asked in CBOR, without another call', async () => {
        const answered = answering(() => inJson);
        const port = portOf(answered);
        for (let i = 0; i < 2; i++) expect(await firstValueFrom(port.getRecords(REQUEST))).to.deep.include(page);
        expect(formats(answered)).to.deep.equal(['cbor', 'json']);
        expect(events).to.deep.equal([{ type: 'wireFallback', reason: 'content-type' }]);
      });

      it("when the client's own middleware adds what is not written as CBOR", async () => {
        const answered = answering(either);
        answered.client.middlewareStack.add(
          ((next: (args: { input: object }) => unknown) => (args: { input: object }) =>
            next({ ...args, input: { ...args.input, Filter: { a: 1 } } })) as never,
          { step: 'initialize' },
        );
        expect(await read(answered)).to.deep.include(page);
        expect(formats(answered)).to.deep.equal(['json']);
        expect(events).to.deep.equal([{ type: 'wireFallback', reason: 'not-encoded' }]);
      });
    });

    it('gives the error of JSON when that fails as well, and tries CBOR again', async () => {
      const answered = answering(({ format }) => (format === 'cbor' ? { statusCode: 500 } : jsonError('InvalidArgumentException')));
      const port = portOf(answered);
      for (let i = 0; i < 2; i++)
        expect(await rejection(firstValueFrom(port.getRecords(REQUEST)))).to.include({ name: 'InvalidArgumentException' });
      expect(formats(answered)).to.deep.equal(['cbor', 'json', 'cbor', 'json']);
      expect(events).to.deep.equal([]);
    });

    it('takes the same answers for ordinary errors once a page has come in CBOR', async () => {
      const answers = [
        inCbor,
        cborError('SerializationException'),
        { statusCode: 500 },
        { statusCode: 403, type: 'text/html', body: 'no' },
      ];
      const answered = answering((_request, index) => answers[index]!);
      const port = portOf(answered);
      await firstValueFrom(port.getRecords(REQUEST));
      for (let i = 0; i < 3; i++) await rejection(firstValueFrom(port.getRecords(REQUEST)));
      expect(formats(answered)).to.deep.equal(['cbor', 'cbor', 'cbor', 'cbor']);
      expect(events).to.deep.equal([]);
    });

    it('reads a page again in JSON that cannot be read, also when others could', async () => {
      const answers = [inCbor, { type: CBOR, body: cborOf(page).subarray(0, 60) }, inJson, inJson];
      const answered = answering((_request, index) => answers[index]!);
      const port = portOf(answered);
      for (let i = 0; i < 3; i++) expect(await firstValueFrom(port.getRecords(REQUEST))).to.deep.include(page);
      expect(formats(answered)).to.deep.equal(['cbor', 'cbor', 'json', 'json']);
      expect(events).to.have.length(1).and.to.have.nested.property('[0].reason', 'not-understood');
    });

    it('gives the fault of a page that can be read in neither format', async () => {
      const answered = answering(({ format }) => ({ type: format === 'cbor' ? CBOR : JSON_TYPE, body: '{"Records":[' }));
      const error = await rejection(read(answered));
      expect(error).to.have.property('name', 'WireError');
      expect(error).to.have.nested.property('$metadata.httpStatusCode', 200);
      expect(error).to.have.nested.property('$metadata.requestId', 'request-2');
      expect(classify(error)).to.equal('transient');
      expect(events).to.deep.equal([]);
    });

    for (const name of ['ExpiredIteratorException', 'com.amazonaws.kinesis#ExpiredIteratorException']) {
      it(`gives the SDK's own errors: ${name}`, async () => {
        const answered = answering(({ format }) => (format === 'cbor' ? cborError(name) : jsonError(name)));
        const error = rawErrorOf(await rejection(read(answered))) as Error;
        const plain = rawErrorOf(await rejection(read(answered, { wire: 'sdk' }))) as Error;
        expect(error).to.be.instanceOf(sdk.ExpiredIteratorException);
        expect(error.constructor).to.equal(plain.constructor);
        for (const field of ['name', 'message', '$fault'] as const) expect(error).to.have.property(field, plain[field as 'name']);
        expect(error).to.have.nested.property('$metadata.httpStatusCode', 400);
        expect(error).to.have.nested.property('$metadata.requestId', 'request-1');
        expect(formats(answered)).to.deep.equal(['cbor', 'json']);
      });
    }

    it('leaves retries to the SDK, of errors and of answers that are cut off', async () => {
      const answers: Answer[] = [
        cborError('ProvisionedThroughputExceededException'),
        cborError('InternalFailure', 500),
        { type: CBOR, body: cborOf(page).subarray(0, 60), isCut: true },
        inCbor,
      ];
      const isRetriedWhenCut = Number(version.split('.')[1]) >= 600;
      const expected = isRetriedWhenCut ? answers : answers.filter(({ isCut }) => !isCut);
      const answered = answering((_request, index) => expected[index]!, { maxAttempts: 5 });
      const got = await read(answered);
      expect(got).to.deep.include(page);
      expect(got).to.have.nested.property('$metadata.attempts', expected.length);
      expect(answered.sent.map(({ format }) => format)).to.deep.equal(expected.map(() => 'cbor'));
    }).timeout(10_000);

    it('gives an answer that is cut off as a fault of the connection', async () => {
      const answered = answering(() => ({ type: CBOR, body: cborOf(page).subarray(0, 60), isCut: true }));
      expect(await rejection(read(answered))).to.include({ code: 'ECONNRESET' });
      expect(formats(answered), 'which says nothing of CBOR').to.deep.equal(['cbor']);
    });

    it('gives an answer that is shorter than it says as a fault of the connection, though it seems to end', async () => {
      const body = cborOf(page);
      const short = (headers: Answer['headers']) => answering(() => ({ type: CBOR, body: body.subarray(0, 60), headers }));
      const answered = short({ 'Content-Length': String(body.length) });
      expect(await rejection(read(answered))).to.include({ code: 'ECONNRESET' });
      expect(formats(answered)).to.deep.equal(['cbor']);

      // Of a compressed body the length says nothing.
      const compressed = answering(() => ({ ...inCbor, headers: { 'content-length': '999999', 'content-encoding': 'gzip' } }));
      expect(await read(compressed)).to.deep.include(page);
    });

    it("leaves the clock to the SDK, which may sign by the service's time after that has refused its own", async () => {
      const later = new Date(Date.now() + 3_600_000).toUTCString();
      const outcome = async (wire: 'cbor' | 'sdk'): Promise<object> => {
        const refuse = wire === 'cbor' ? cborError : jsonError;
        const refused = { ...refuse('RequestTimeTooSkewed'), headers: { date: later } };
        const answered = answering((request, index) => (index === 0 ? refused : either(request)), { maxAttempts: 2 });
        const result = await read(answered, { wire }).then(({ Records }) => Records, nameOf);
        const hours = answered.sent.map(({ headers }) => Number(headers['x-amz-date']!.slice(9, 11)));
        return { result, hoursLater: (hours.at(-1)! - hours[0]! + 24) % 24, formats: new Set(formats(answered)) };
      };
      const own = await outcome('sdk');
      expect(await outcome('cbor')).to.deep.equal({ ...own, formats: new Set(['cbor']) });
      // The oldest does not make such a call again.
      if (!version.startsWith('3.238.')) expect(own).to.deep.include({ hoursLater: 1 });
    });

    it('aborts the call that is unsubscribed', async () => {
      let signal: AbortSignal | undefined;
      const requestHandler = {
        metadata: { handlerProtocol: 'http/1.1' },
        handle: (_request: unknown, options: { abortSignal: AbortSignal }) => {
          signal = options.abortSignal;
          return new Promise(() => undefined);
        },
      } as never;
      const subscription: Subscription = portOf(answering(either, { requestHandler })).getRecords(REQUEST).subscribe();
      while (!signal) await new Promise(setImmediate);
      expect(signal.aborted).to.equal(false);
      subscription.unsubscribe();
      expect(signal.aborted).to.equal(true);
      expect(events).to.deep.equal([]);
    });

    it("shows the page to the client's own middlewares, but for the SDK's logger that logs nothing", async () => {
      const seenBy = async (config: KinesisClientConfig): Promise<unknown> => {
        const answered = answering(either, config);
        let seen: unknown;
        answered.client.middlewareStack.add(
          ((next: (args: unknown) => Promise<{ output: { Records?: unknown } }>) => async (args: unknown) => {
            const result = await next(args);
            seen = result.output.Records;
            return result;
          }) as never,
          { step: 'initialize' },
        );
        expect(await read(answered)).to.deep.include(page);
        return seen;
      };
      const logged: unknown[] = [];
      const nothing = (): void => undefined;
      const logger = { trace: nothing, debug: nothing, warn: nothing, error: nothing, info: (line: unknown) => logged.push(line) };
      expect(await seenBy({ logger })).to.deep.equal(page.Records);
      expect(logged).to.have.length(1).and.to.have.nested.property('[0].output.MillisBehindLatest', 5);
      expect(await seenBy({ logger: {} as never })).to.deep.equal(page.Records);
      expect(await seenBy({})).to.be.oneOf([undefined, null]);
    });

    it('takes what a stand-in for send gives, and says nothing of it', async () => {
      const answered = answering(either);
      answered.client.send = () => Promise.resolve(page) as never;
      const port = portOf(answered);
      for (let i = 0; i < 2; i++) expect(await firstValueFrom(port.getRecords(REQUEST))).to.deep.include(page);
      expect(answered.sent).to.deep.equal([]);
      expect(events).to.deep.equal([]);
    });
  });
}

tellMissingSdks('spec/kinesis/wire/wire-reader.spec.ts');
