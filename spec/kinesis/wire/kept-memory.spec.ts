import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import { createServer } from 'node:http';
import { firstValueFrom } from 'rxjs';
import type { KinesisPort, PortRecord } from '../../../lib/kinesis/port.js';
import { sdkPort } from '../../../lib/kinesis/sdk-port.js';
import type { PayloadPlacement } from '../../../lib/kinesis/wire/page-payloads.js';
import { CBOR } from '../../support/answering-client.js';
import { cborOf } from '../../support/cbor.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { close, listen } from '../../support/kinesis-services.js';

const SDK = { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand };
const MIB = 2 ** 20;
const PAGES = 60;

/** A page of about a megabyte. */
const page = cborOf({
  Records: Array.from({ length: 1_000 }, (_, i) => ({
    SequenceNumber: String(i + 1),
    Data: new Uint8Array(1_000).fill(i % 251),
    PartitionKey: 'k',
  })),
});

describe('the memory that is held', function () {
  this.timeout(60_000);
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, { 'content-type': CBOR, 'content-length': page.length }).end(page));
  });
  let client: KinesisClient;

  before(async () => {
    const endpoint = `http://127.0.0.1:${await listen(server)}`;
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    client = new KinesisClient({ endpoint, region: 'us-east-1', credentials, requestHandler: new NodeHttpHandler() });
  });
  after(async () => {
    client.destroy();
    server.closeAllConnections();
    await close(server);
  });

  const portWith = (payloads: PayloadPlacement): KinesisPort => sdkPort(client, { wire: 'cbor', payloads, notify: () => undefined }, SDK);
  const read = async (port: KinesisPort): Promise<PortRecord> => {
    const { Records } = await firstValueFrom(port.getRecords({ ShardIterator: 'a' }));
    expect(Records).to.have.length(1_000);
    return Records[500]!;
  };
  /** How many bytes of buffers there are. What one collection has found unused, a later one counts as gone. */
  const bytesOfBuffers = async (): Promise<number> => {
    for (let i = 0; i < 4; i++) await collectGarbage();
    return process.memoryUsage().arrayBuffers;
  };
  /** How many bytes of buffers remain of what `make` makes, beyond what was there. */
  const heldBy = async <T>(make: () => Promise<T>): Promise<number> => {
    const before = await bytesOfBuffers();
    const made = await make();
    const held = (await bytesOfBuffers()) - before;
    expect(made, 'is still there').to.be.an('array');
    return held;
  };
  const oneOfEachPage = (payloads: PayloadPlacement) => async (): Promise<PortRecord[]> => {
    const port = portWith(payloads);
    const kept: PortRecord[] = [];
    for (let i = 0; i < PAGES; i++) kept.push(await read(port));
    return kept;
  };

  it('by a record is a slab at most, and not its page', async () => {
    await heldBy(oneOfEachPage('slabs'));
    expect(await heldBy(oneOfEachPage('slabs'))).to.be.below((PAGES * MIB) / 16 + 2 * MIB);
  });

  it('by a record is its page as views, and itself as copies', async () => {
    expect(await heldBy(oneOfEachPage('views'))).to.be.above((PAGES * page.length) / 2);
    expect(await heldBy(oneOfEachPage('copies'))).to.be.below(3 * MIB);
  });

  it('by many sources of one client is not a page each', async () => {
    const sources = async (): Promise<KinesisPort[]> => {
      const ports = Array.from({ length: PAGES }, () => portWith('copies'));
      for (const port of ports) await read(port);
      return ports;
    };
    expect(await heldBy(sources)).to.be.below(3 * MIB);
  });
});
