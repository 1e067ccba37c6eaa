import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { firstValueFrom } from 'rxjs';
import type { GetRecordsPage } from 'rx-kinesis';
import { sdkPort } from '../../lib/kinesis/sdk-port.js';
import type { WireConfig } from '../../lib/kinesis/wire/wire-config.js';
import type { RunResult } from './meter.js';
import { iteratorOf } from './numbered-page.js';

/** What reads the pages of a run. */
export type WireSubject = 'cbor' | 'cbor-copies' | 'cbor-views' | 'json' | 'sdk' | 'sdk-logger-off';

/** One run, in a process of its own. */
export interface WireRunOrder {
  readonly subject: WireSubject;
  readonly port: number;
  readonly pages: number;
  readonly warmupPages: number;
}

const CONFIGS: Readonly<Partial<Record<WireSubject, WireConfig>>> = {
  cbor: { wire: 'cbor' },
  'cbor-views': { wire: 'cbor', payloads: 'views' },
  'cbor-copies': { wire: 'cbor', payloads: 'copies' },
  json: { wire: 'json' },
};

const order = JSON.parse(process.argv[2] ?? '{}') as WireRunOrder;
const client = new KinesisClient({
  endpoint: `http://127.0.0.1:${order.port}`,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
  requestHandler: new NodeHttpHandler(),
  ...(order.subject === 'sdk-logger-off' && { logger: {} as never }),
});
const getRecords = getRecordsOf(order.subject);
/** What the work makes of each record, so that no field goes unread. */
let read = 0;

await readPages(order.warmupPages);
const cpu = process.cpuUsage();
const startMs = performance.now();
const records = await readPages(order.pages);
const wallMs = performance.now() - startMs;
const { user, system } = process.cpuUsage(cpu);
if (read === 0) throw new Error('no record was read');
process.send?.({ records, wallMs, cpuMs: (user + system) / 1_000 } satisfies RunResult, () => process.exit());

function getRecordsOf(subject: WireSubject): (ShardIterator: string) => Promise<GetRecordsPage> {
  const config = CONFIGS[subject];
  if (!config) return (ShardIterator) => client.send(new GetRecordsCommand({ ShardIterator, Limit: 10_000 })) as Promise<GetRecordsPage>;
  const { wire = 'cbor', payloads = 'slabs' } = config;
  const port = sdkPort(
    client,
    { wire, payloads, notify: (event) => fail(event.type) },
    { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand },
  );
  return (ShardIterator) => firstValueFrom(port.getRecords({ ShardIterator, Limit: 10_000 }));
}

/** Reads as many pages of the canned stream, and gives how many records they had. */
async function readPages(pages: number): Promise<number> {
  let count = 0;
  let iterator: string | undefined;
  for (let page = 0; page < pages; page++) {
    const { Records, NextShardIterator } = await getRecords(iterator ?? iteratorOf('records', 0));
    for (const { SequenceNumber, PartitionKey, Data, ApproximateArrivalTimestamp } of Records) {
      read += SequenceNumber.length + PartitionKey.length + Data[0]! + ApproximateArrivalTimestamp!.getTime();
    }
    count += Records.length;
    iterator = NextShardIterator;
  }
  return count;
}

function fail(type: string): never {
  throw new Error(`an event of type ${type}, which would make the figures those of something else`);
}
