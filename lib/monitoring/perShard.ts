import { concat, defer, EMPTY, filter, groupBy, map, mergeMap, of, Subject, tap, type Observable, type OperatorFunction } from 'rxjs';
import { isObservableInput } from '../internal/notifierOf.js';
import { assertFunction } from '../internal/validate.js';
import { InvalidConfigError, isInvalidConfig } from '../values/errors.js';
import type { KinesisEvent } from './events.js';
import type { ShardName } from '../values/shard-id.js';
import type { ShardEvent } from './timed-event.js';

/** A figure of one shard. */
export interface ShardFigure<T> {
  /** The name of the stream, without account and region. */
  readonly streamName: string;
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** What the metric emitted; `undefined` also, as the last of the shard, when it is released. */
  readonly value: T | undefined;
}

/**
 * Makes a metric of a stream one of each of its shards.
 *
 * @remarks
 * Each shard has the metric for itself, from its first event to its release, when a last `undefined` is emitted for it. Events that name no shard, or
 * no stream, as those of leases, are left out. Figures come as they come; buffers nothing. Errors and completes with the events.
 *
 * @param metric - is subscribed once for each shard.
 * @throws InvalidConfigError when called with what is no operator.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * events.pipe(perShard(processingLag())).subscribe(({ shardId, value }) => console.log(shardId, 'is behind by', value, 'ms'));
 * ```
 */
export function perShard<T>(metric: OperatorFunction<KinesisEvent, T>): OperatorFunction<KinesisEvent, ShardFigure<T>> {
  assertOperator(metric);
  return (events$) =>
    defer(() => {
      /** What emits when a shard is released, of each by itself: at a stop thousands are released at once. */
      const open = new Map<string, Subject<void>>();
      // The outcome of a write that was under way when the shard was released does not open it again.
      const isOpen = (event: OfShard): boolean => {
        const name = nameOf(event);
        if (!open.has(name) && !isOutcome(event)) open.set(name, new Subject());
        return open.has(name);
      };
      const release = (name: string): void => {
        const released$ = open.get(name);
        open.delete(name);
        released$?.next();
      };
      const until = ({ key }: { readonly key: string }): Observable<void> => open.get(key)!;
      return events$.pipe(
        filter(isOfShard),
        tap((event) => void (event.type === 'shardReleased' && release(nameOf(event)))),
        filter((event) => event.type !== 'shardReleased' && isOpen(event)),
        // Not until an event of the group itself: RxJS would count that as a subscriber of it, and keep the source.
        groupBy((event) => nameOf(event), { duration: until }),
        mergeMap((shard$) => figuresOf(shard$, metric)),
      );
    });
}

/** Refuses also a metric that is not called: it would take the events for its config. Applying an operator has no effect. */
function assertOperator(metric: OperatorFunction<KinesisEvent, unknown>): void {
  assertFunction('metric', metric);
  try {
    if (isObservableInput(metric(EMPTY))) return;
  } catch (error) {
    if (!isInvalidConfig(error)) throw error;
  }
  throw new InvalidConfigError('perShard: expected an operator; a metric must be called: perShard(processingLag())');
}

function figuresOf<T>(shard$: Observable<OfShard>, metric: OperatorFunction<KinesisEvent, T>): Observable<ShardFigure<T>> {
  let name: ShardEvent | undefined;
  const figures$ = shard$.pipe(
    map((event): KinesisEvent => (name = event)),
    metric,
  );
  return concat(figures$, of(undefined)).pipe(map((value) => ({ streamName: name!.streamName, shardId: name!.shardId, value })));
}

type OfShard = Extract<KinesisEvent, ShardEvent>;

function isOutcome({ type }: OfShard): boolean {
  return type === 'checkpointWritten' || type === 'checkpointFailed';
}

function isOfShard(event: KinesisEvent): event is OfShard {
  return 'streamName' in event && 'shardId' in event;
}

/** A shard by the name of its stream and its own: no name of a stream has a slash. */
export function nameOf({ streamName, shardId }: ShardName): string {
  return `${streamName}/${shardId}`;
}
