import { expect } from 'chai';
import { catchError, defer, EMPTY, finalize, NEVER, of, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { FirstContact } from '../../lib/internal/first-contact.js';
import { TimeoutError } from '../../lib/internal/request-timeout.js';
import { watchedCalls } from '../../lib/kinesis/watched-port.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { fastReading } from '../support/fast-reading.js';

describe('a call to Kinesis that completes without an answer', () => {
  for (const [call, type] of [
    ['listShards', 'discoveryFailed'],
    ['getShardIterator', 'readRetry'],
    ['getRecords', 'readRetry'],
  ] as const)
    it(
      `is a fault that is told and tried again, and then an error: ${call}`,
      marbles(({ flush }) => {
        const kinesis = { ...fakeKinesis({ shards: { 0: 'a' } }), [call]: () => EMPTY };
        const [events, errors]: [string[], unknown[]] = [[], []];
        const config = {
          retry: { maxRetries: 2, initialDelayMs: 1 },
          events: { next: (event: KinesisEvent) => void events.push(event.type) },
        };
        kinesisStream(fastReading(kinesis, config))
          .pipe(mergeShards((shard) => shard, { restart: { maxRestarts: 0 } }))
          .subscribe({ error: (error: unknown) => errors.push(error) });
        flush();
        expect(events.filter((one) => one === type)).to.have.length(2);
        expect(errors).to.have.length(1);
        expect(errors[0]).to.include({ code: 'SHARD_READ', retriable: true });
      }),
    );
});

describe('watchedCalls', () => {
  const observable = ((Symbol as { observable?: symbol }).observable ?? '@@observable') as symbol;
  const watchedIn = (scheduler: SchedulerLike) =>
    watchedCalls({ requestTimeoutMs: 5, scheduler, contact: new FirstContact('Kinesis', scheduler) });

  it(
    'errors when there is no answer in time, not when an answer does not complete',
    marbles(({ cold, scheduler, expectObservable }) => {
      const watched = watchedIn(scheduler);
      expectObservable(watched('A', () => cold('------a'))).toBe('-----#', {}, new TimeoutError('A', 5));
      expectObservable(watched('B', () => cold('--b'))).toBe('--b');
    }),
  );

  it(
    'takes what is like an Observable from a port of another library, and unsubscribes from it',
    marbles(({ scheduler, expectObservable, flush }) => {
      const watched = watchedIn(scheduler);
      let unsubscribed = 0;
      const foreign = { subscribe: () => ({ unsubscribe: () => unsubscribed++ }), [observable]: () => foreign };
      expectObservable(watched('A', () => ['a'] as unknown as Observable<string>)).toBe('(a|)');
      expectObservable(watched('B', () => foreign as unknown as Observable<string>)).toBe('-----#', {}, new TimeoutError('B', 5));
      flush();
      expect(unsubscribed).to.equal(1);
    }),
  );

  it(
    'reduces what a call throws, as what it errors with',
    marbles(({ cold, scheduler, expectObservable }) => {
      const watched = watchedIn(scheduler);
      const fault = Object.assign(new Error('refused'), { $response: { body: 'secret' } });
      const reduced = (source: Observable<unknown>) => source.pipe(catchError((error: unknown) => of('$response' in (error as object))));
      const thrown = watched('A', () => {
        throw fault;
      });
      expectObservable(reduced(thrown)).toBe('(x|)', { x: false });
      expectObservable(reduced(watched('B', () => cold('#', {}, fault)))).toBe('(x|)', { x: false });
    }),
  );
});

describe('a source with many shards', () => {
  const SHARDS = 100;
  /** Counts the calls for an iterator that are under way; those of some shards are never answered. */
  const counted = (hangs: (shard: number) => boolean = () => false) => {
    const kinesis = fakeKinesis({ latencyMs: 10, shards: Object.fromEntries(Array.from({ length: SHARDS }, (_, i) => [i, ''])) });
    const count = { now: 0, most: 0 };
    const getShardIterator = (request: Parameters<typeof kinesis.getShardIterator>[0]): Observable<string> =>
      defer(() => {
        count.most = Math.max(count.most, ++count.now);
        return hangs(Number(request.ShardId.split('-')[1])) ? NEVER : kinesis.getShardIterator(request);
      }).pipe(finalize(() => count.now--));
    return { port: { ...kinesis, getShardIterator }, count };
  };
  const read = (port: ReturnType<typeof counted>['port'], requestTimeoutMs: number) => {
    const seen = new Set<string>();
    const events = { next: (event: KinesisEvent) => void (event.type === 'pageRead' && seen.add(event.shardId)) };
    const subscription = kinesisStream(fastReading(port, { requestTimeoutMs, events }))
      .pipe(mergeShards((shard) => shard))
      .subscribe();
    return { seen, subscription };
  };

  it(
    'asks for sixteen iterators at a time',
    marbles(({ scheduler, flush }) => {
      const { port, count } = counted();
      const { seen, subscription } = read(port, 1_000);
      scheduler.schedule(() => subscription.unsubscribe(), 500);
      flush();
      expect(count).to.deep.equal({ now: 0, most: 16 });
      expect(seen).to.have.length(SHARDS);
    }),
  );

  it(
    'reads the other shards when the calls of most are never answered, and may take for ever',
    marbles(({ scheduler, flush }) => {
      const { port, count } = counted((shard) => shard < 90);
      const { seen, subscription } = read(port, Infinity);
      scheduler.schedule(() => subscription.unsubscribe(), 7_000);
      flush();
      expect(count.now).to.equal(0);
      expect(seen).to.have.length(SHARDS - 90);
    }),
  );

  it(
    'begins no call for a shard that waits when it is stopped or unsubscribed',
    marbles(({ scheduler, flush }) => {
      for (const end of ['stop', 'unsubscribe'] as const) {
        const asked: string[] = [];
        const getShardIterator = ({ ShardId }: { readonly ShardId: string }) => (asked.push(ShardId), NEVER);
        const stop = new Subject<void>();
        const port = { ...counted().port, getShardIterator };
        const subscription = kinesisStream(fastReading(port, { stop }))
          .pipe(mergeShards((shard) => shard))
          .subscribe();
        scheduler.schedule(() => {
          expect(asked).to.have.length(16);
          if (end === 'stop') stop.next();
          else subscription.unsubscribe();
        }, 15);
        flush();
        expect(asked).to.have.length(16);
      }
    }),
  );
});
