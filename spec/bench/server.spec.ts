import { GetRecordsCommand, GetShardIteratorCommand, type GetRecordsCommandOutput } from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import type { ChildProcess } from 'node:child_process';
import { firstValueFrom } from 'rxjs';
import { sdkPort } from '../../lib/kinesis/sdk-port.js';
import { benchClient } from './bench-client.js';
import { indexOf, SHARD_ID } from './canned-pages.js';
import { messageOf, startChild } from './child.js';

describe("the benchmark's canned server", () => {
  let server: ChildProcess | undefined;
  let port: number;

  before(async function () {
    this.timeout(20_000);
    server = startChild('server.ts', { records: { bytes: 20, perPage: 5, smallPages: 3 } });
    port = await messageOf<number>(server);
  });
  after(() => void server?.kill());

  it('gives each record of a stream without end once and in order, the same in both formats', async () => {
    const commands = { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand: GetShardIteratorCommand };
    const client = benchClient(port);
    const told: object[] = [];
    const cbor = sdkPort(client, { wire: 'cbor', payloads: 'slabs', notify: (event) => told.push(event) }, commands as never);
    let ShardIterator = await firstValueFrom(
      cbor.getShardIterator({ StreamName: 'records', ShardId: SHARD_ID, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    const indexes: number[] = [];
    // More pages than were made, so that some come again with other numbers.
    for (let page = 0; page < 40; page++) {
      const json: GetRecordsCommandOutput = await client.send(new GetRecordsCommand({ ShardIterator }));
      const got = await firstValueFrom(cbor.getRecords({ ShardIterator, Limit: 10_000 }));
      expect(json.NextShardIterator).to.equal(got.NextShardIterator);
      expect(json.Records).to.deep.equal(got.Records);
      indexes.push(...got.Records.map(({ SequenceNumber }) => indexOf(SequenceNumber)));
      ShardIterator = got.NextShardIterator!;
    }
    expect(indexes).to.deep.equal(Array.from({ length: 3 * 10 + 37 * 5 }, (_, i) => i));
    // No fallback to JSON: the two columns of the benchmark would be one.
    expect(told).to.deep.equal([]);
  });
});
