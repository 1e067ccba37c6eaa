import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cborOf } from '../support/cbor.js';
import { EMPTY_PAGE, openShards } from './idle-port.js';

/**
 * A Kinesis whose open shards never have a record, in JSON and in CBOR. Its answers are made before it listens. Runs as a child process; sends its
 * port, and is ended by its parent.
 */
const { shards } = JSON.parse(process.argv[2] ?? '{}') as { readonly shards: number };
const { NextShardIterator: ShardIterator } = EMPTY_PAGE;
const answers: Readonly<Record<string, Readonly<Record<'cbor' | 'json', Buffer>>>> = {
  ListShards: inBoth({ Shards: openShards(shards) }),
  GetShardIterator: inBoth({ ShardIterator }),
  GetRecords: inBoth(EMPTY_PAGE),
};

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    const [, action = ''] = String(request.headers['x-amz-target']).split('.');
    // As in the service, the request's type decides.
    const format = request.headers['content-type'] === 'application/x-amz-cbor-1.1' ? 'cbor' : 'json';
    const answer = answers[action]![format];
    response.writeHead(200, { 'content-type': `application/x-amz-${format}-1.1`, 'content-length': answer.byteLength });
    response.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());

function inBoth(answer: object): Readonly<Record<'cbor' | 'json', Buffer>> {
  return { json: Buffer.from(JSON.stringify(answer)), cbor: cborOf(answer) };
}
