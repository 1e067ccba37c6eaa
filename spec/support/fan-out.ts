import { map, of, type Observable } from 'rxjs';
import { fanOut, type FanOutConfig } from '../../lib/readers/fanOut.js';
import type { ReadContext, ReadStart } from '../../lib/readers/reader.js';
import type { FakeKinesis, ShardName } from '../../lib/testing/index.js';
import { pageText, readContext } from './read-context.js';

export const HORIZON: ReadStart = { type: 'TRIM_HORIZON' };

/** How a spec reads by fan-out; whatever is left out is as simple as can be. */
export interface FanOutReading {
  readonly config?: Partial<FanOutConfig>;
  readonly start?: ReadStart;
  readonly credit?: Observable<number>;
  readonly context?: ReadContext;
}

/** The pages of a shard in short, those without records left out. */
export function read(kinesis: FakeKinesis, reading: FanOutReading = {}): Observable<string> {
  const { config, start = HORIZON, credit = of(10_000), context = readContext(kinesis) } = reading;
  return fanOut({ consumerName: 'app', ...config })(context, start, credit).pipe(map(pageText));
}

/** The starts of the subscriptions, in short. */
export function starts(kinesis: FakeKinesis, shard: ShardName = 0): string[] {
  return kinesis.callsOf('subscribeToShard', shard).map(({ type, startingSequenceNumber: number }) => {
    const short = type!.replace('_SEQUENCE_NUMBER', '');
    return number === undefined ? short : `${short} ${number}`;
  });
}

/** When the shard was subscribed, in ms. */
export function subscribedAt(kinesis: FakeKinesis, shard: ShardName = 0): number[] {
  return kinesis.callsOf('subscribeToShard', shard).map(({ atMs }) => atMs);
}
