import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/*
 * A Kinesis of open shards that hold the same number of records each, which are made before it listens: what it costs to keep them is not what is
 * measured. It numbers the records from 1 up over all shards, shard after shard, and speaks JSON. Runs as a child process; sends its port, and is ended by its parent.
 */
const { shards, perShard, bytes } = JSON.parse(process.argv[2]!) as {
  readonly shards: number;
  readonly perShard: number;
  readonly bytes: number;
};
const arrived = Date.now() / 1_000 - 60;
/** All records as JSON. */
const records = Array.from({ length: shards * perShard }, (_, i) =>
  JSON.stringify({
    SequenceNumber: String(i + 1),
    PartitionKey: 'key',
    Data: Buffer.alloc(bytes, i).toString('base64'),
    ApproximateArrivalTimestamp: arrived,
  }),
);

interface Request {
  readonly ShardId?: string;
  readonly ShardIteratorType?: string;
  readonly StartingSequenceNumber?: string;
  /** The shard and the index of the next record. */
  readonly ShardIterator?: string;
  readonly Limit?: number;
}

const answers: Readonly<Record<string, (request: Request) => string>> = {
  ListShards: () => {
    const Shards = Array.from({ length: shards }, (_, shard) => ({
      ShardId: `shardId-00000000000${shard}`,
      HashKeyRange: { StartingHashKey: String(shard), EndingHashKey: String(shard) },
      SequenceNumberRange: { StartingSequenceNumber: '0' },
    }));
    return JSON.stringify({ Shards });
  },
  GetShardIterator: ({ ShardId = '', ShardIteratorType, StartingSequenceNumber }) => {
    const shard = Number(ShardId.slice(-1));
    const at = ShardIteratorType === 'TRIM_HORIZON' ? shard * perShard : Number(StartingSequenceNumber) - 1;
    return JSON.stringify({ ShardIterator: `${shard}/${ShardIteratorType === 'AFTER_SEQUENCE_NUMBER' ? at + 1 : at}` });
  },
  GetRecords: ({ ShardIterator = '', Limit = 10_000 }) => {
    const [shard, from] = ShardIterator.split('/').map(Number) as [number, number];
    const end = (shard + 1) * perShard;
    const next = Math.min(end, from + Limit);
    const place = JSON.stringify({ NextShardIterator: `${shard}/${next}`, MillisBehindLatest: end - next });
    return `{"Records":[${records.slice(from, next).join()}],${place.slice(1)}`;
  },
};

const server = createServer((request, response) => {
  const operation = String(request.headers['x-amz-target']).split('.').at(-1)!;
  void buffer(request).then((body) => {
    const answer = Buffer.from(answers[operation]!(JSON.parse(body.toString()) as Request));
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1', 'content-length': answer.byteLength });
    response.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.on('disconnect', () => process.exit());
