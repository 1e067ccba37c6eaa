import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CborReader } from '../../lib/kinesis/wire/cbor-reader.js';
import { cborOf } from '../support/cbor.js';
import { cannedRecords, SHARD_ID, SMALL_PAGE, type PageSize } from './canned-pages.js';
import { iteratorOf, NumberedPage, pageOf } from './numbered-page.js';

/** How many pages are made of a stream: enough of them that no cache of the processor holds them all. */
const PAGES = 16;

/**
 * A Kinesis whose streams have one shard each, without end. Its pages are made before it listens, as JSON and as CBOR: what it costs is not what
 * is measured. Runs as a child process; sends its port, and is ended by its parent.
 */
const streams = new Map<string, CannedStream>();
for (const [name, size] of Object.entries(JSON.parse(process.argv[2] ?? '{}') as Record<string, PageSize>)) {
  streams.set(name, { size, pages: pagesOf(name, size), small: pagesOf(name, { ...size, perPage: SMALL_PAGE }) });
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => answer(request, Buffer.concat(chunks), response));
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());

/** The pages of a stream, which come again and again: first the small ones, then the others. */
interface CannedStream {
  readonly size: PageSize;
  readonly small: readonly CannedPage[];
  readonly pages: readonly CannedPage[];
}

/** A page in both formats of the wire, each as the service itself writes it. */
interface CannedPage {
  readonly json: NumberedPage;
  readonly cbor: NumberedPage;
}

interface Request {
  readonly StreamName?: string;
  readonly ShardIterator?: string;
}

function answer({ headers }: IncomingMessage, bytes: Buffer, response: ServerResponse): void {
  const [, action] = String(headers['x-amz-target']).split('.');
  // As in the service, the request's type decides.
  const format = headers['content-type'] === 'application/x-amz-cbor-1.1' ? 'cbor' : 'json';
  const request = (format === 'cbor' ? new CborReader(bytes).value() : JSON.parse(bytes.toString())) as Request;
  const page =
    action === 'GetRecords' ? pageAt(request.ShardIterator ?? '', format) : Buffer.from(JSON.stringify(describe(action, request)));
  response.writeHead(200, { 'content-type': `application/x-amz-${format}-1.1`, 'content-length': page.byteLength });
  response.end(page);
}

function describe(action: string | undefined, { StreamName = '' }: Request): object {
  const about = { StreamName, StreamARN: `arn:aws:kinesis:eu-central-1:1:stream/${StreamName}`, StreamStatus: 'ACTIVE' };
  const shard = {
    ShardId: SHARD_ID,
    HashKeyRange: { StartingHashKey: '0', EndingHashKey: String(2n ** 128n - 1n) },
    SequenceNumberRange: { StartingSequenceNumber: '0' },
  };
  switch (action) {
    case 'GetShardIterator':
      return { ShardIterator: iteratorOf(StreamName, 0) };
    case 'DescribeStreamSummary':
      return { StreamDescriptionSummary: { ...about, StreamCreationTimestamp: 1_700_000_000, OpenShardCount: 1 } };
    case 'DescribeStream':
      return { StreamDescription: { ...about, HasMoreShards: false, Shards: [shard] } };
    default:
      return { Shards: [shard] };
  }
}

function pageAt(iterator: string, format: keyof CannedPage): Buffer {
  const { stream, page } = pageOf(iterator);
  const canned = streams.get(stream);
  if (!canned || !Number.isSafeInteger(page)) throw new Error(`no page ${iterator}`);
  const { smallPages = 0, perPage } = canned.size;
  const pages = page < smallPages ? canned.small : canned.pages;
  const first = Math.min(page, smallPages) * SMALL_PAGE + Math.max(0, page - smallPages) * perPage;
  return pages[page % pages.length]![format].as(page, first);
}

function pagesOf(name: string, size: PageSize): CannedPage[] {
  return Array.from({ length: PAGES }, (_, page) => {
    const rest = { MillisBehindLatest: 1_000, NextShardIterator: iteratorOf(name, 0) };
    const records = cannedRecords(size, page);
    const inCbor = records.map(({ Data, ApproximateArrivalTimestamp, ...record }) => ({
      ...record,
      ApproximateArrivalTimestamp: new Date(ApproximateArrivalTimestamp * 1_000),
      Data: Buffer.from(Data, 'base64'),
    }));
    return {
      json: new NumberedPage(Buffer.from(JSON.stringify({ Records: records, ...rest })), size),
      cbor: new NumberedPage(cborOf({ Records: inCbor, ...rest }), size),
    };
  });
}
