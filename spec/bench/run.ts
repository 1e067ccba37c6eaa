import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Canned } from './canned-pages.js';
import { memoryPort } from './memory-port.js';
import { readWithLoop } from './read-with-loop.js';
import { readWithPipeline } from './read-with-pipeline.js';
import { readWithRxjs } from './read-with-rxjs.js';

/** What a run reads with. */
export type Subject = 'loop' | 'operators' | 'pipeline' | 'pipeline-more-credit' | 'rxjs';

/** One run, in a process of its own. */
export interface RunOrder {
  readonly subject: Subject;
  /** Where the canned server listens. */
  readonly port: number;
  readonly canned: Canned;
  /** A smaller stream, read first so that the code is compiled when the clock starts. */
  readonly warmup: Canned;
}

/** What a run took. */
export interface RunResult {
  readonly records: number;
  readonly wallMs: number;
  /** User and system time of the process. */
  readonly cpuMs: number;
}

/** More than the records that arrive while `bufferTime(200)` fills a block, so that the reader never waits for one. */
const MORE_CREDIT = 1_000_000;

const order = JSON.parse(process.argv[2] ?? '{}') as RunOrder;
const readers: Record<Subject, () => (name: 'records' | 'warmup') => Promise<number>> = {
  loop: () => {
    const client = clientOf(order.port);
    return (name) => readWithLoop(client, name);
  },
  pipeline: () => {
    const client = clientOf(order.port);
    return (name) => readWithPipeline(client, name);
  },
  'pipeline-more-credit': () => {
    const client = clientOf(order.port);
    return (name) => readWithPipeline(client, name, MORE_CREDIT);
  },
  operators: () => {
    const ports = { records: memoryPort(order.canned), warmup: memoryPort(order.warmup) };
    return (name) => readWithPipeline(ports[name], name, MORE_CREDIT);
  },
  rxjs: () => {
    const ports = { records: memoryPort(order.canned), warmup: memoryPort(order.warmup) };
    return (name) => readWithRxjs(ports[name], name);
  },
};

const read = readers[order.subject]();
await read('warmup');
const cpu = process.cpuUsage();
const startMs = performance.now();
const records = await read('records');
const wallMs = performance.now() - startMs;
const { user, system } = process.cpuUsage(cpu);
const result: RunResult = { records, wallMs, cpuMs: (user + system) / 1_000 };
process.send?.(result, () => process.exit());

function clientOf(port: number): KinesisClient {
  return new KinesisClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
    // The SDK's own default speaks HTTP/2, which the canned server does not.
    requestHandler: new NodeHttpHandler(),
  });
}
