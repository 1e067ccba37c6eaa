import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { FetchHttpHandler } from '@smithy/fetch-http-handler';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import fc from 'fast-check';
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Server } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { sdkPort } from '../../../lib/kinesis/sdk-port.js';
import { CborReader } from '../../../lib/kinesis/wire/cbor-reader.js';
import type { WirePage, SdkRecord } from '../../../lib/kinesis/wire/wire-page.js';
import type { UntimedEvent } from '../../../lib/monitoring/events.js';
import { CBOR, JSON_TYPE } from '../../support/answering-client.js';
import { close, listen } from '../../support/kinesis-services.js';
import { anyPage, cborPageOf, jsonPageOf } from '../../support/wire-pages.js';

const SDK = { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand };

/** Pages over a real connection, small and large. */
const pages: readonly WirePage[] = [
  ...fc.sample(anyPage, { numRuns: 150, seed: 7 }),
  { Records: Array.from({ length: 3_000 }, (_, i) => recordOf(i, 700)), NextShardIterator: 'next' },
  { Records: [recordOf(1, 1_000_000)], MillisBehindLatest: 0 },
];

function recordOf(i: number, bytes: number): SdkRecord {
  const Data = new Uint8Array(bytes).fill(i % 251);
  return {
    SequenceNumber: String(10n ** 55n + BigInt(i)),
    PartitionKey: `key-${i}`,
    Data,
    ApproximateArrivalTimestamp: new Date(1.7e12 + i),
  };
}

/** Called with the answer of which nothing more will come than its beginning. */
let onStalled: (response: ServerResponse) => void = () => undefined;

/** Serves the page whose number is the iterator; `stalled` is one that never ends, `cut` one whose connection breaks in the middle. */
function serve(request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const isCbor = request.headers['content-type'] === CBOR;
    const bytes = Buffer.concat(chunks);
    const { ShardIterator } = (isCbor ? new CborReader(bytes).value() : JSON.parse(bytes.toString())) as { readonly ShardIterator: string };
    const page = pages[Number(ShardIterator)] ?? pages.at(-1)!;
    const body = isCbor ? Buffer.from(cborPageOf(page)) : Buffer.from(jsonPageOf(page));
    response.writeHead(200, { 'content-type': isCbor ? CBOR : JSON_TYPE, 'content-length': body.length });
    if (ShardIterator === 'stalled')
      return void (response as ServerResponse).write(body.subarray(0, 3), () => onStalled(response as ServerResponse));
    if (ShardIterator !== 'cut') return void (response as ServerResponse).end(body);
    (response as ServerResponse).write(body.subarray(0, body.length / 2), () => request.socket.destroy());
  });
}

const handlers: Readonly<Record<string, { readonly http2: boolean; readonly make: () => object | undefined }>> = {
  NodeHttpHandler: { http2: false, make: () => new NodeHttpHandler() },
  'NodeHttp2Handler, one connection': { http2: true, make: () => new NodeHttp2Handler() },
  "the SDK's default": { http2: true, make: () => undefined },
  'fetch of Node': { http2: false, make: () => new FetchHttpHandler() },
};

for (const [name, { http2, make }] of Object.entries(handlers)) {
  describe(`pages through ${name}`, function () {
    this.timeout(60_000);
    let server: Server;
    let client: KinesisClient;
    let events: UntimedEvent[];

    before(async () => {
      server = http2 ? createHttp2(serve) : createHttp1(serve);
      const endpoint = `http://127.0.0.1:${await listen(server as never)}`;
      const requestHandler = make();
      const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
      client = new KinesisClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1, ...(requestHandler && { requestHandler }) });
    });
    beforeEach(() => (events = []));
    after(async () => {
      client.destroy();
      if (!http2) (server as ReturnType<typeof createHttp1>).closeAllConnections();
      await close(server as never);
    });

    for (const wire of ['cbor', 'json'] as const) {
      it(`are, in ${wire}, those of the SDK itself`, async () => {
        const port = sdkPort(client, { wire, payloads: 'slabs', notify: (event) => events.push(event) }, SDK);
        for (const [i, page] of pages.entries()) {
          const request = { ShardIterator: String(i) };
          const { $metadata, ...own } = await client.send(new GetRecordsCommand(request));
          expect($metadata.httpStatusCode).to.equal(200);
          const got = await firstValueFrom(port.getRecords(request));
          expect(withoutMetadata(got)).to.deep.equal(own).and.to.deep.equal(page);
        }
        expect(events.filter(({ type }) => type === 'wireFallback')).to.deep.equal([]);
      });
    }

    if (!http2)
      it('leave their connection for the next one', async () => {
        const port = sdkPort(client, { wire: 'cbor', payloads: 'slabs', notify: (event) => events.push(event) }, SDK);
        await firstValueFrom(port.getRecords({ ShardIterator: '0' }));
        let connections = 0;
        const count = (): void => void connections++;
        server.on('connection', count);
        // The first ones are small, and come with their headers; the last but one does not.
        for (const page of [0, 1, 2, pages.length - 2, 3, 4]) await firstValueFrom(port.getRecords({ ShardIterator: String(page) }));
        server.off('connection', count);
        expect(connections).to.equal(0);
      });

    it('are given up, and their connection too, when they are unsubscribed before their end', async () => {
      const port = sdkPort(client, { wire: 'cbor', payloads: 'slabs', notify: (event) => events.push(event) }, SDK);
      const errors: unknown[] = [];
      const closed = new Promise<void>((resolve) => (onStalled = (stalled) => stalled.once('close', resolve)));
      const begun = new Promise<void>((resolve) => {
        const stalled = onStalled;
        onStalled = (response) => {
          stalled(response);
          resolve();
        };
      });
      const subscription = port.getRecords({ ShardIterator: 'stalled' }).subscribe({ error: (error: unknown) => errors.push(error) });
      await begun;
      subscription.unsubscribe();
      await closed;
      expect(errors).to.deep.equal([]);
      expect(await firstValueFrom(port.getRecords({ ShardIterator: '0' })), 'afterwards').to.deep.include(pages[0]);
    });

    it('that are cut off are faults of the connection', async () => {
      const port = sdkPort(client, { wire: 'cbor', payloads: 'slabs', notify: (event) => events.push(event) }, SDK);
      const error: unknown = await firstValueFrom(port.getRecords({ ShardIterator: 'cut' })).catch((reason: unknown) => reason);
      expect(error).to.be.an('error').and.not.to.have.nested.property('$metadata.httpStatusCode');
      expect(events.filter(({ type }) => type === 'wireFallback')).to.deep.equal([]);
      expect(await firstValueFrom(port.getRecords({ ShardIterator: '0' })), 'on another connection').to.deep.include(pages[0]);
    });
  });
}

function withoutMetadata({ ...page }: object): object {
  delete (page as { $metadata?: unknown }).$metadata;
  return Object.fromEntries(Object.entries(page).filter(([, field]) => field !== undefined));
}
