import { GetRecordsCommand, GetShardIteratorCommand, type _Record } from '@aws-sdk/client-kinesis';
import { Agent, request } from 'node:http';
import { decodeCborPage } from '../../lib/kinesis/wire/cbor-page.js';
import { encodeCborMap } from '../../lib/kinesis/wire/cbor-writer.js';
import { decodeJsonPage } from '../../lib/kinesis/wire/json-page.js';
import { PageRoom } from '../../lib/kinesis/wire/page-body.js';
import { PagePayloads } from '../../lib/kinesis/wire/page-payloads.js';
import { CBOR_TYPE, type WireFormat } from '../../lib/kinesis/wire/wire-format.js';
import type { WirePage } from '../../lib/kinesis/wire/wire-page.js';
import { benchClient } from './bench-client.js';
import { SHARD_ID } from './canned-pages.js';
import type { Meter } from './meter.js';

/** Where a reader reads. */
export interface Target {
  readonly port: number;
  readonly streamName: string;
  /** How many records a page has. */
  readonly perPage: number;
}

/** Reads with the SDK alone: no checkpoint, no recovery, nothing to be told of. */
export async function readWithSdk({ port, streamName }: Target, meter: Meter): Promise<void> {
  const client = benchClient(port);
  const command = new GetShardIteratorCommand({ StreamName: streamName, ShardId: SHARD_ID, ShardIteratorType: 'TRIM_HORIZON' });
  let { ShardIterator } = await client.send(command);
  while (ShardIterator) {
    const page: { Records?: _Record[]; NextShardIterator?: string } = await client.send(
      new GetRecordsCommand({ ShardIterator, Limit: 10_000 }),
    );
    meter.takeSdk(page.Records ?? []);
    ShardIterator = page.NextShardIterator;
  }
}

/** Reads without any SDK: an HTTP request without a signature, and this package's decoder. It shows what cannot be saved. */
export async function readWithHttp({ port, streamName }: Target, meter: Meter, format: WireFormat): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const room = new PageRoom();
  const call = { port, agent, room };
  const body = JSON.stringify({ StreamName: streamName, ShardId: SHARD_ID, ShardIteratorType: 'TRIM_HORIZON' });
  const answer = Buffer.concat(await chunksOf(call, 'GetShardIterator', body, 'application/x-amz-json-1.1'));
  let { ShardIterator } = JSON.parse(answer.toString()) as { ShardIterator?: string };
  while (ShardIterator) {
    const page = await pageOf(call, { ShardIterator, Limit: 10_000 }, format);
    meter.takeSdk(page.Records ?? []);
    ShardIterator = page.NextShardIterator;
  }
}

interface Call {
  readonly port: number;
  readonly agent: Agent;
  readonly room: PageRoom;
}

async function pageOf(call: Call, input: object, format: WireFormat): Promise<WirePage> {
  if (format === 'cbor') {
    const body = call.room.join(await chunksOf(call, 'GetRecords', encodeCborMap(input)!, CBOR_TYPE), false);
    return decodeCborPage(body.bytes, new PagePayloads(body, 'slabs'));
  }
  const chunks = await chunksOf(call, 'GetRecords', JSON.stringify(input), 'application/x-amz-json-1.1');
  const body = call.room.join(chunks, false);
  return decodeJsonPage((body.bytes as Buffer).toString('utf8'), new PagePayloads(body, 'slabs'));
}

function chunksOf({ port, agent }: Call, action: string, body: string | Uint8Array, type: string): Promise<Buffer[]> {
  const headers = { 'x-amz-target': `Kinesis_20131202.${action}`, 'content-type': type, 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request({ port, agent, method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(chunks));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
