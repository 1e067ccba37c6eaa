import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CborReader } from '../../lib/kinesis/wire/cbor-reader.js';
import { cborOf } from '../support/cbor.js';
import { cannedRecords, pageCount, SHARD_ID, type Canned } from './canned-pages.js';

/**
 * A Kinesis of one closed shard a stream, whose every response is made before it listens: what it costs is not what is
 * measured. Runs as a child process; sends its port, and is ended by its parent.
 */
const streams = new Map<string, readonly CannedPage[]>();
for (const [name, canned] of Object.entries(JSON.parse(process.argv[2] ?? '{}') as Record<string, Canned>)) {
  streams.set(name, pagesOf(name, canned));
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => answer(request, Buffer.concat(chunks), response));
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());

/** A page in both formats of the wire, each as the service itself writes it. */
interface CannedPage {
  readonly json: Buffer;
  readonly cbor: Buffer;
}

interface Request {
  readonly StreamName?: string;
  /** The stream's name and the page, as {@link iterator} writes them. */
  readonly ShardIterator?: string;
}

function answer({ headers }: IncomingMessage, bytes: Buffer, response: ServerResponse): void {
  const [, action] = String(headers['x-amz-target']).split('.');
  // As in the service, the request's type decides.
  const format = headers['content-type'] === 'application/x-amz-cbor-1.1' ? 'cbor' : 'json';
  const request = (format === 'cbor' ? new CborReader(bytes).value() : JSON.parse(bytes.toString())) as Request;
  const page =
    action === 'GetRecords' ? pageAt(request.ShardIterator ?? '')[format] : Buffer.from(JSON.stringify(describe(action, request)));
  response.writeHead(200, { 'content-type': `application/x-amz-${format}-1.1`, 'content-length': page.byteLength });
  response.end(page);
}

function describe(action: string | undefined, { StreamName = '' }: Request): object {
  if (action === 'GetShardIterator') return { ShardIterator: iterator(StreamName, 0) };
  const HashKeyRange = { StartingHashKey: '0', EndingHashKey: String(2n ** 128n - 1n) };
  return { Shards: [{ ShardId: SHARD_ID, HashKeyRange, SequenceNumberRange: { StartingSequenceNumber: '0', EndingSequenceNumber: '1' } }] };
}

function pageAt(shardIterator: string): CannedPage {
  const [name = '', page] = shardIterator.split('/');
  const body = streams.get(name)?.[Number(page)];
  if (!body) throw new Error(`no page ${shardIterator}`);
  return body;
}

function pagesOf(name: string, canned: Canned): CannedPage[] {
  const count = pageCount(canned);
  return Array.from({ length: count }, (_, page) => {
    const isLast = page === count - 1;
    const rest = { MillisBehindLatest: isLast ? 0 : 1_000, NextShardIterator: isLast ? undefined : iterator(name, page + 1) };
    const records = cannedRecords(canned, page);
    const inCbor = records.map(({ Data, ApproximateArrivalTimestamp, ...record }) => ({
      ...record,
      ApproximateArrivalTimestamp: new Date(ApproximateArrivalTimestamp * 1_000),
      Data: Buffer.from(Data, 'base64'),
    }));
    return { json: Buffer.from(JSON.stringify({ Records: records, ...rest })), cbor: cborOf({ Records: inCbor, ...rest }) };
  });
}

function iterator(name: string, page: number): string {
  return `${name}/${page}`;
}
