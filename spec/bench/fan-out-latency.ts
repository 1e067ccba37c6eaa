import { setTimeout as pause } from 'node:timers/promises';
import { bufferTime, concatMap, Subject, takeUntil } from 'rxjs';
import { checkpointEvery, fanOut, kinesisStream, mergeShards, polling, withSequenceRanges, type Reader } from 'rx-kinesis';
import { fakeKinesis } from 'rx-kinesis/testing';
import { serveFake } from '../support/served-fake.js';

/** How long records take from their put to the handler, in ms. */
export interface Latency {
  readonly records: number;
  readonly p50: number;
  readonly p99: number;
}

/** What is measured. */
export interface FanOutLatencyOptions {
  /** How many records. @defaultValue 200 */
  readonly puts?: number;
  /** The time between two of them, in ms. @defaultValue 100 */
  readonly everyMs?: number;
  /** The time that a block is gathered for, in ms. @defaultValue 10 */
  readonly blockMs?: number;
}

/**
 * Measures the latency of polling, with its defaults, and of fan-out: one record at a time through the SDK and the pipeline of README, at the same moments.
 *
 * @remarks
 * The service is a fake behind HTTP in this process, which pushes an event as soon as a record is there. So this is the time that the package and the SDK add; that of
 * Kinesis itself (about 70 ms for fan-out, by AWS) comes on top.
 */
export async function fanOutLatency(options: FanOutLatencyOptions = {}): Promise<Readonly<Record<'fanOut' | 'polling', Latency>>> {
  const { puts = 200, everyMs = 100, blockMs = 10 } = options;
  const kinesis = fakeKinesis({ shards: { 0: '' }, consumers: ['bench'], latencyMs: 0 });
  const service = await serveFake(kinesis);
  const putAtMs: number[] = [];
  const stop$ = new Subject<void>();

  const measure = (reader: Reader): number[] => {
    const tookMs: number[] = [];
    kinesisStream({ client: service.client(), streamName: 'stream', startFrom: 'TRIM_HORIZON', reader, wire: 'json', events: 'silent' })
      .pipe(
        mergeShards((shard) =>
          shard.pipe(
            bufferTime(blockMs),
            withSequenceRanges(),
            concatMap(async (block) => {
              for (const { data } of block.records) tookMs.push(performance.now() - putAtMs[Number(new TextDecoder().decode(data))]!);
              return block;
            }),
            checkpointEvery(30_000),
          ),
        ),
        takeUntil(stop$),
      )
      .subscribe();
    return tookMs;
  };

  try {
    const [polled, pushed] = [measure(polling()), measure(fanOut({ consumerName: 'bench' }))];
    await pause(1_000);
    for (let i = 0; i < puts; i++) {
      putAtMs.push(performance.now());
      kinesis.put(0, [{ data: String(i) }]);
      await pause(everyMs);
    }
    while (polled.length < puts || pushed.length < puts) await pause(50);
    return { polling: latencyOf(polled), fanOut: latencyOf(pushed) };
  } finally {
    stop$.next();
    await service.stop();
  }
}

function latencyOf(tookMs: readonly number[]): Latency {
  const sorted = [...tookMs].sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
  return { records: sorted.length, p50: at(0.5), p99: at(0.99) };
}
