import { FetchHttpHandler } from '@smithy/fetch-http-handler';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import { createServer } from 'node:http2';
import { firstValueFrom } from 'rxjs';
import { sdkPort } from '../../../lib/kinesis/sdk-port.js';
import { clientAdvice } from '../../../lib/kinesis/wire/client-advice.js';
import type { UntimedEvent } from '../../../lib/monitoring/events.js';
import { installedSdks, tellMissingSdks } from '../../support/kinesis-sdks.js';
import { close, listen } from '../../support/kinesis-services.js';

const quick: Readonly<Record<string, unknown>> = {
  'the handler for HTTP/1.1': new NodeHttpHandler(),
  'HTTP/2 with one connection': new NodeHttp2Handler(),
  'a handler before its first request': new NodeHttp2Handler({ disableConcurrentStreams: true }),
  fetch: new FetchHttpHandler(),
  'a handler made by hand': { handle: () => undefined },
  'no handler': undefined,
};

describe('advice for a client', () => {
  for (const [name, requestHandler] of Object.entries(quick)) {
    it(`is none with ${name}`, () => {
      expect(clientAdvice({ requestHandler })).to.equal(undefined);
    });
  }

  it('is given to one with a handler of an old SDK, which tells its settings in another place', () => {
    const metadata = { handlerProtocol: 'h2' };
    for (const requestHandler of [
      { metadata, config: { disableConcurrentStreams: true } },
      { metadata, disableConcurrentStreams: true },
    ])
      expect(clientAdvice({ requestHandler })).to.be.a('string');
    expect(clientAdvice({ requestHandler: { metadata, config: {} } })).to.equal(undefined);
  });

  // The handler of older ones sends an empty authority, which the HTTP/2 of today's Node refuses.
  for (const { version, sdk } of installedSdks.filter(({ version }) => Number(version.split('.')[1]) >= 600)) {
    describe(`of the SDK ${version}`, () => {
      const server = createServer((_request, response) => {
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
        response.end('{"Records":[]}');
      });
      let endpoint: string;
      before(async () => (endpoint = `http://127.0.0.1:${await listen(server as never)}`));
      after(() => close(server as never));

      const eventsOf = async (config: object, wire: 'cbor' | 'json' | 'sdk' = 'json'): Promise<UntimedEvent[]> => {
        const events: UntimedEvent[] = [];
        const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
        const client = new sdk.KinesisClient({ endpoint, region: 'us-east-1', credentials, ...config });
        // Two sources that read with one client.
        for (let i = 0; i < 2; i++) {
          const port = sdkPort(client, { wire, payloads: 'slabs', notify: (event) => events.push(event) }, sdk);
          for (let call = 0; call < 2; call++) await firstValueFrom(port.getRecords({ ShardIterator: 'a' }));
        }
        client.destroy();
        return events;
      };

      for (const wire of ['cbor', 'json', 'sdk'] as const) {
        it(`is given once to one with the default handler, in ${wire}, and says what to pass and what that saves`, async () => {
          const events = (await eventsOf({}, wire)).filter(({ type }) => type !== 'wireFallback');
          expect(events).to.have.length(1);
          expect(events[0]).to.have.property('type', 'slowClient');
          expect(events[0])
            .to.have.property('advice')
            .that.includes('requestHandler: new NodeHttpHandler()')
            .and.includes('@smithy/node-http-handler')
            .and.match(/third of the CPU .* quarter of the time/);
        });
      }

      it('is not given to one whose handler keeps its connection', async () => {
        expect(await eventsOf({ requestHandler: new NodeHttp2Handler() })).to.deep.equal([]);
      });
    });
  }

  tellMissingSdks('spec/kinesis/wire/client-advice.spec.ts');
});
