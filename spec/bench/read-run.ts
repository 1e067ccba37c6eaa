import { Meter, type MeterLimits } from './meter.js';
import { readWithHttp, readWithSdk } from './read-with-loops.js';
import { readWithLifion, readWithReadable, readWithSdkV2, type PeerTarget } from './read-with-peers.js';
import { readWithPipeline } from './read-with-pipeline.js';

/** What a run reads with. */
export type Subject = keyof typeof READERS;

/** One run, in a process of its own. */
export interface ReadOrder extends PeerTarget {
  readonly subject: Subject;
  readonly limits: MeterLimits;
}

const READERS = {
  sdk: readWithSdk,
  'pipeline-pages': (target, meter) => readWithPipeline(target, meter, { block: 'page', credit: 'ample' }),
  pipeline: (target, meter) => readWithPipeline(target, meter, { block: 'time', credit: 'ample' }),
  'pipeline-default': (target, meter) => readWithPipeline(target, meter, { block: 'time', credit: 'default' }),
  'http-json': (target, meter) => readWithHttp(target, meter, 'json'),
  'http-cbor': (target, meter) => readWithHttp(target, meter, 'cbor'),
  'sdk-v2': readWithSdkV2,
  'kinesis-readable': readWithReadable,
  'lifion-kinesis': readWithLifion,
} as const satisfies Readonly<Record<string, (target: PeerTarget, meter: Meter) => Promise<void>>>;

const order = JSON.parse(process.argv[2] ?? '{}') as ReadOrder;
const meter = new Meter(order.limits);
const failed = READERS[order.subject](order, meter).then(() => Promise.reject(new Error('a stream without end has ended')));
const result = await Promise.race([meter.done, failed]);
if (process.send) process.send(result, () => process.exit());
else {
  console.log(result);
  process.exit();
}
