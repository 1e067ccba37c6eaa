import type { OperatorFunction } from 'rxjs';
import { assertKnownFields } from '../internal/validate.js';
import { InvalidConfigError } from '../values/errors.js';
import { shown } from '../values/shown.js';
import { counted, share, type Count } from './counted.js';
import type { KinesisEvent } from './events.js';
import { resolveWindow, WINDOW_FIELDS, type WindowConfig } from './window-config.js';

/** What {@link throttleRate} looks at. */
export interface ThrottleRateConfig extends WindowConfig {
  /**
   * `'kinesis'`: the reads of shards, and the lists of them. `'dynamodb'`: the requests to the store of checkpoints and leases, for which `leaseTable`
   * has to be given the same `events`.
   */
  readonly service: 'dynamodb' | 'kinesis';
}

/**
 * The part of the requests to a service that it throttled, from 0 to 1, over a sliding window.
 *
 * @remarks
 * Counts what comes through to this package: retries that the SDK makes by itself before that are not seen (`maxAttempts: 1` on the client shows
 * all). Emits a number at each multiple of `everyMs` from the subscription on; once `undefined` when no request was made in the window, and then
 * nothing, without a timer. Keeps two numbers for each slot of the window, and no event. Errors and completes with the events, at once.
 *
 * @throws InvalidConfigError when called without a service, or with a window that cannot be.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * const store = leaseTable({ client: new DynamoDBClient({}), tableName: 'flights-app', events });
 * const shards$ = kinesisStream({ client, streamName: 'flights', startFrom: 'LATEST', store, events });
 * events.pipe(throttleRate({ service: 'dynamodb' })).subscribe((rate) => console.log(rate));
 * ```
 */
export function throttleRate(config: ThrottleRateConfig): OperatorFunction<KinesisEvent, number | undefined> {
  assertKnownFields(config, { ...WINDOW_FIELDS, service: true });
  const { service } = config;
  if (service !== 'kinesis' && service !== 'dynamodb')
    throw new InvalidConfigError(`service: expected 'dynamodb' or 'kinesis', got ${shown(service)}`);
  return counted(service === 'kinesis' ? readOf : storeRequestOf, share, resolveWindow(config));
}

const MADE: Count = [0, 1];
const THROTTLED: Count = [1, 1];

/** Each request ends in one of these. */
function readOf(event: KinesisEvent): Count {
  switch (event.type) {
    case 'pageRead':
    case 'shardsDiscovered':
      return MADE;
    case 'readRetry':
    case 'discoveryFailed':
      return event.reason === 'throttling' ? THROTTLED : MADE;
    default:
      return undefined;
  }
}

function storeRequestOf(event: KinesisEvent): Count {
  switch (event.type) {
    case 'checkpointWritten':
    case 'leaseReleased':
    case 'leaseRenewed':
    case 'leaseTaken':
    case 'leasesSeen':
    case 'shardStarted':
      return MADE;
    case 'checkpointFailed':
    case 'leaseRequestFailed':
    case 'storeRetry':
      return event.reason === 'throttling' ? THROTTLED : MADE;
    default:
      return undefined;
  }
}
