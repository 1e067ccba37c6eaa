import { expect } from 'chai';
import { stub } from 'sinon';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { logEvents, type EventLogger } from '../../lib/monitoring/logEvents.js';
import { ShardReadError } from '../../lib/kinesis/errors.js';
import { InvalidValueError, isInvalidConfig } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

const shard = { at: 7, streamName: 'flights', shardId: 'shardId-000000000000' };
const restart: KinesisEvent = { type: 'shardRestarted', ...shard, attempt: 1, delayMs: 5, error: new Error('work') };
const events: Readonly<Record<string, KinesisEvent>> = {
  error: { type: 'shardFailed', ...shard, error: new Error('work') },
  warn: restart,
  info: { type: 'shardEndReached', ...shard },
  debug: { type: 'pageRead', ...shard, records: 1, bytes: 1, millisBehindLatest: 0, hasOpenBlocks: false },
};

/** A logger with these methods, which notes how it is called; its methods need their `this`, as pino's and Nest's do. */
function loggerWith(...methods: readonly string[]) {
  const calls: unknown[][] = [];
  const logger = Object.fromEntries(
    methods.map((method) => [
      method,
      function (this: unknown, ...args: unknown[]) {
        expect(this).to.equal(logger);
        calls.push([method, ...args]);
      },
    ]),
  ) as unknown as EventLogger;
  return { logger, calls };
}

describe('logEvents', () => {
  it('writes each event at its level', () => {
    const { logger, calls } = loggerWith('error', 'warn', 'info', 'log', 'debug');
    const observer = logEvents(logger);
    Object.values(events).forEach((event) => observer.next(event));
    expect(calls.map(([method]) => method)).to.deep.equal(Object.keys(events));
  });

  it('leaves out what is below the level, of single events that matter less too', () => {
    for (const [level, written] of [
      ['debug', 4],
      ['info', 3],
      ['warn', 2],
      ['error', 1],
    ] as const) {
      const { logger, calls } = loggerWith('error', 'warn', 'info', 'log', 'debug');
      const observer = logEvents(logger, { level });
      Object.values(events).forEach((event) => observer.next(event));
      observer.next({ type: 'shardsDiscovered', at: 7, streamName: 'flights', added: [], total: 1 });
      expect(calls.map(([method]) => method).slice(0, written)).to.deep.equal(Object.keys(events).slice(0, written));
      expect(calls).to.have.lengthOf(level === 'debug' ? 5 : written);
    }
  });

  it('writes to the console, which leaves nothing out by itself, no routine event unless it is told to', () => {
    const debug = stub(console, 'debug');
    const info = stub(console, 'info');
    try {
      for (const event of [events['info']!, events['debug']!]) logEvents(console).next(event);
      expect([info.callCount, debug.callCount]).to.deep.equal([1, 0]);
      logEvents(console, { level: 'debug' }).next(events['debug']!);
      expect([info.callCount, debug.callCount]).to.deep.equal([1, 1]);
    } finally {
      for (const method of [debug, info]) method.restore();
    }
  });

  it('writes a recovery at the level error if what has failed is not of this package, since what is re-read goes past it', () => {
    const { logger, calls } = loggerWith('error', 'warn', 'info', 'log');
    const started = { type: 'recoveryStarted', ...shard, ranges: [] } as const;
    for (const error of [new InvalidValueError('of this package'), new TypeError('of the work')])
      logEvents(logger).next({ ...started, error });
    expect(calls.map(([method]) => method)).to.deep.equal(['warn', 'error']);
  });

  it('writes to a logger without info by log, and leaves out what is everyday where there is no debug', () => {
    const { logger, calls } = loggerWith('error', 'warn', 'log');
    const observer = logEvents(logger);
    Object.values(events).forEach((event) => observer.next(event));
    expect(calls.map(([method]) => method)).to.deep.equal(['error', 'warn', 'log']);
  });

  it("gives a message and the event's fields, with the error reduced", () => {
    const { logger, calls } = loggerWith('error', 'warn', 'info', 'log');
    logEvents(logger).next(restart);
    const at = /\((.*:\d+:\d+)\)/.exec((restart.error as Error).stack!)?.[1];
    const message = `flights/shardId-000000000000: the pipeline failed and restarts in 5 ms (restart 1): Error: work at ${at}`;
    const fields = { event: 'shardRestarted', ...shard, attempt: 1, delayMs: 5, error: { name: 'Error', message: 'work', at } };
    expect(calls).to.deep.equal([['warn', message, fields]]);
  });

  it('gives the fields first to a logger without log, as pino wants them, and as fieldsFirst says', () => {
    const orders = (fieldsFirst: boolean | undefined, ...methods: readonly string[]): unknown => {
      const { logger, calls } = loggerWith(...methods);
      logEvents(logger, { fieldsFirst }).next(restart);
      return calls[0]!.slice(1).map((arg) => typeof arg);
    };
    expect(orders(undefined, 'error', 'warn', 'info')).to.deep.equal(['object', 'string']);
    expect(orders(undefined, 'error', 'warn', 'info', 'log')).to.deep.equal(['string', 'object']);
    expect(orders(false, 'error', 'warn', 'info')).to.deep.equal(['string', 'object']);
    expect(orders(true, 'error', 'warn', 'info', 'log')).to.deep.equal(['object', 'string']);
  });

  it("keeps of this package's errors message, code, ids and the reduced cause", () => {
    const { logger, calls } = loggerWith('error', 'warn', 'info');
    const cause = Object.assign(new Error('CANARY'), { name: 'InternalFailure', code: 'ECONNRESET', $metadata: { requestId: 'r-1' } });
    const error = new ShardReadError('reading failed', { streamName: 'flights', shardId: 'shardId-000000000000', retriable: true, cause });
    logEvents(logger).next({ ...restart, error });
    expect(JSON.stringify(calls)).not.to.include('CANARY');
    expect((calls[0]![1] as { error: object }).error).to.deep.include({
      code: 'SHARD_READ',
      message: error.message,
      shardId: 'shardId-000000000000',
      cause: { name: 'InternalFailure', code: 'ECONNRESET', requestId: 'r-1' },
    });
  });

  it('gives back what the logger gives, so that a promise that rejects is caught', () => {
    const result = {};
    const observer = logEvents({ error: () => result, warn: () => result, info: () => result });
    expect(observer.next(restart)).to.equal(result);
  });

  const NO_LOGGERS: Readonly<Record<string, unknown>> = {
    nothing: undefined,
    'a function': () => undefined,
    'one without warn': { error: () => 0, info: () => 0 },
    'one without info and log': { error: () => 0, warn: () => 0 },
  };
  for (const [what, logger] of Object.entries(NO_LOGGERS)) {
    it(`refuses ${what}`, () => {
      expect(thrownBy(() => logEvents(logger as EventLogger))).to.satisfy(isInvalidConfig);
    });
  }

  it('refuses an unknown option, and an order or a level that is none', () => {
    const { logger } = loggerWith('error', 'warn', 'info');
    expect(thrownBy(() => logEvents(logger, { fieldFirst: true } as object))).to.satisfy(isInvalidConfig);
    expect(thrownBy(() => logEvents(logger, { fieldsFirst: 1 as never }))).to.satisfy(isInvalidConfig);
    expect(thrownBy(() => logEvents(logger, { level: 'trace' as never }))).to.satisfy(isInvalidConfig);
  });
});
