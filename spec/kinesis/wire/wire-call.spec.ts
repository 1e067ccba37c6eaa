import { expect } from 'chai';
import { firstValueFrom } from 'rxjs';
import { sdkPort } from '../../../lib/kinesis/sdk-port.js';
import type { KinesisPort } from '../../../lib/kinesis/port.js';
import { answeringClient, CBOR, type Answer, type AnsweringClient, type SentRequest } from '../../support/answering-client.js';
import { cborOf } from '../../support/cbor.js';
import { installedSdks, tellMissingSdks } from '../../support/kinesis-sdks.js';

/** A page whose only record's key is the iterator that was asked with. */
const echo = ({ input: { ShardIterator } }: SentRequest): Answer => {
  const record = { SequenceNumber: '7', ApproximateArrivalTimestamp: new Date(0), Data: new Uint8Array(1), PartitionKey: ShardIterator };
  return { type: CBOR, body: cborOf({ Records: [record], NextShardIterator: 'next' }) };
};

/** Makes the handler's answers wait, by the iterator of their requests. */
class Gates {
  readonly #open = new Map<string, () => void>();

  readonly answer = async (request: SentRequest): Promise<Answer> => {
    await new Promise<void>((resolve) => this.#open.set(String(request.input['ShardIterator']), resolve));
    return echo(request);
  };

  get waiting(): readonly string[] {
    return [...this.#open.keys()];
  }

  /** Waits until so many requests are here: the SDK may read its files before the first one. */
  async untilWaiting(count: number): Promise<void> {
    while (this.#open.size < count) await new Promise((resolve) => setImmediate(resolve));
  }

  open(iterator: string): void {
    this.#open.get(iterator)?.();
    this.#open.delete(iterator);
  }
}

const turns = async (count = 30): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

for (const { version, sdk } of installedSdks) {
  describe(`calls of GetRecords that use a stack of middlewares again, with the SDK ${version}`, () => {
    const portOf = ({ client }: AnsweringClient): KinesisPort =>
      sdkPort(client, { wire: 'cbor', payloads: 'slabs', notify: () => undefined }, sdk);
    const read = async (port: KinesisPort, ShardIterator: string): Promise<string> => {
      const { Records } = await firstValueFrom(port.getRecords({ ShardIterator, Limit: 1 }));
      return Records[0]!.PartitionKey;
    };
    /** Counts how often the client's middlewares are resolved, and how often they run. */
    const counted = ({ client }: AnsweringClient) => {
      const counts = { resolved: 0, run: 0 };
      client.middlewareStack.add(
        (next) => {
          counts.resolved++;
          return (args) => {
            counts.run++;
            return next(args);
          };
        },
        { step: 'build', name: 'counted' },
      );
      return counts;
    };

    it('resolve the middlewares for one call of 64, and run them in each', async () => {
      const answered = answeringClient(sdk, echo);
      const counts = counted(answered);
      const port = portOf(answered);
      for (let i = 0; i < 200; i++) expect(await read(port, `i${i}`)).to.equal(`i${i}`);
      expect(counts).to.deep.equal({ resolved: Math.ceil(200 / 64), run: 200 });
      expect(answered.sent).to.have.length(200);
      expect(answered.sent.map(({ format }) => format)).not.to.include('json');
    });

    it('send the same headers as the first, but for what identifies a call', async () => {
      const answered = answeringClient(sdk, echo);
      const port = portOf(answered);
      for (let i = 0; i < 70; i++) await read(port, 'same');
      const lasting = ({ headers }: SentRequest) =>
        Object.entries(headers).filter(([name]) => !/authorization|x-amz-date|amz-sdk-invocation-id/.test(name));
      for (const each of answered.sent) expect(lasting(each)).to.deep.equal(lasting(answered.sent[0]!));
    });

    it('use a middleware that was added later, after 64 calls at most', async () => {
      const answered = answeringClient(sdk, echo);
      const port = portOf(answered);
      for (let i = 0; i < 10; i++) await read(port, 'before');
      const counts = counted(answered);
      for (let i = 0; i < 64; i++) await read(port, 'after');
      expect(counts.run).to.be.at.least(10);
    });

    it('are not shared by calls at the same time', async () => {
      const gates = new Gates();
      const answered = answeringClient(sdk, gates.answer);
      const port = portOf(answered);
      for (let round = 0; round < 3; round++) {
        const names = Array.from({ length: 40 }, (_, i) => `${round}-${i}`);
        const reads = names.map((name) => read(port, name));
        await gates.untilWaiting(40);
        for (const name of [...gates.waiting].reverse()) gates.open(name);
        expect(await Promise.all(reads)).to.deep.equal(names);
      }
    });

    it('are not made again after one that was aborted, whose late answer nobody gets', async () => {
      const gates = new Gates();
      const answered = answeringClient(sdk, gates.answer);
      const port = portOf(answered);
      const first = read(port, 'first');
      await gates.untilWaiting(1);
      gates.open('first');
      expect(await first).to.equal('first');

      const got: unknown[] = [];
      const cut = port.getRecords({ ShardIterator: 'cut', Limit: 1 }).subscribe((page) => got.push(page));
      await gates.untilWaiting(1);
      cut.unsubscribe();
      const next = read(port, 'next');
      await gates.untilWaiting(2);
      expect(gates.waiting).to.deep.equal(['cut', 'next']);
      gates.open('cut');
      await turns();
      gates.open('next');
      expect(await next).to.equal('next');
      expect(got).to.deep.equal([]);
    });

    it('run what another package adds to a command as it is sent', async () => {
      const answered = answeringClient(sdk, echo);
      const port = portOf(answered);
      await read(port, 'plain');
      const { client } = answered;
      const send = client.send.bind(client) as (command: object, options: object) => Promise<unknown>;
      let run = 0;
      const extended = (command: InstanceType<typeof sdk.GetRecordsCommand>, options: object): Promise<unknown> => {
        command.middlewareStack.add(
          (next) => (args) => {
            run++;
            return next(args);
          },
          { step: 'initialize', name: 'another' },
        );
        return send(command, options);
      };
      Object.assign(client, { send: extended });
      for (let i = 0; i < 5; i++) expect(await read(port, `i${i}`)).to.equal(`i${i}`);
      expect(run).to.equal(5);
    });

    it('never give one call the page of an earlier one, which a middleware had ceased to wait for', async () => {
      const gates = new Gates();
      let asked = 0;
      const answered = answeringClient(sdk, async (request) => {
        const ShardIterator = `${String(request.input['ShardIterator'])}${asked++}`;
        await gates.answer({ ...request, input: { ShardIterator } });
        return echo(request);
      });
      // Asks twice, and takes the answer that comes first.
      answered.client.middlewareStack.add((next) => (args) => Promise.race([next({ ...args }), next({ ...args })]), {
        step: 'finalizeRequest',
        priority: 'low',
        name: 'impatient',
      });
      const port = portOf(answered);
      const first = read(port, 'a');
      await gates.untilWaiting(2);
      gates.open('a1');
      expect(await first).to.equal('a');

      const second = read(port, 'b');
      await gates.untilWaiting(3);
      expect(gates.waiting).to.deep.equal(['a0', 'b2', 'b3']);
      for (const name of ['b2', 'a0']) gates.open(name);
      expect(await second).to.equal('b');
    });

    it('may be sent twice', async () => {
      const answered = answeringClient(sdk, echo);
      const events: unknown[] = [];
      const port = sdkPort(answered.client, { wire: 'cbor', payloads: 'slabs', notify: (event) => events.push(event) }, sdk);
      const { client } = answered;
      const send = client.send.bind(client) as (command: object, options: object) => Promise<unknown>;
      const twice = async (command: object, options: object): Promise<unknown> => (await send(command, options), send(command, options));
      Object.assign(client, { send: twice });
      for (const name of ['a', 'b', 'c']) expect(await read(port, name)).to.equal(name);
      expect(answered.sent.map(({ input, format }) => [input['ShardIterator'], format])).to.deep.equal(
        ['a', 'a', 'b', 'b', 'c', 'c'].map((name) => [name, 'cbor']),
      );
      expect(events).to.deep.equal([]);
    });

    it('have a context that nothing of an earlier call is left in', async () => {
      const retryStrategy = { mode: 'mine', retry: (next: (args: unknown) => unknown, args: unknown) => next(args) };
      const answered = answeringClient(sdk, echo, { retryStrategy: retryStrategy as never });
      const seen: unknown[] = [];
      answered.client.middlewareStack.add(
        (next, context) => (args) => {
          const all = context as Record<string, unknown> & {
            __smithy_context?: { commandInstance?: { input: { ShardIterator?: string } } };
          };
          // Not every version of the SDK names the command there.
          const name = (args.input as { ShardIterator: string }).ShardIterator;
          const { commandInstance = { input: { ShardIterator: name } } } = all.__smithy_context ?? {};
          seen.push([all['mine'] ?? 'none', commandInstance.input.ShardIterator]);
          all['mine'] = name;
          return next(args);
        },
        { step: 'build', name: 'seen' },
      );
      const port = portOf(answered);
      for (const name of ['a', 'b', 'c']) await read(port, name);
      expect(seen).to.deep.equal(['a', 'b', 'c'].map((name) => ['none', name]));
      // A strategy of the older kind is noted in the context at each call.
      const agents = answered.sent.map(({ headers }) => headers['user-agent']);
      expect(agents).to.deep.equal([agents[0], agents[0], agents[0]]);
    });

    it('use the options that another package adds, those of each call', async () => {
      const answered = answeringClient(sdk, echo);
      const { client } = answered;
      const timeouts: unknown[] = [];
      const handler = client.config.requestHandler as { handle: (request: unknown, options: { requestTimeout?: number }) => unknown };
      const handle = handler.handle;
      handler.handle = (request, options) => {
        timeouts.push(options.requestTimeout);
        return handle(request, options);
      };
      const send = client.send.bind(client) as (command: object, options: object) => Promise<unknown>;
      Object.assign(client, {
        send: (command: object, options: object) => send(command, { ...options, requestTimeout: 100 + timeouts.length }),
      });
      const port = portOf(answered);
      for (let i = 0; i < 3; i++) await read(port, `i${i}`);
      expect(timeouts).to.deep.equal([100, 101, 102]);
    });

    it('use a handler, a logger and a function of the command that has been replaced, at once', async () => {
      const answered = answeringClient(sdk, echo);
      const { client } = answered;
      const port = portOf(answered);
      await read(port, 'before');

      const other = answeringClient(sdk, echo);
      let logged = 0;
      const ignore = (): void => undefined;
      const logger = { trace: ignore, debug: ignore, info: (): void => void logged++, warn: ignore, error: ignore };
      Object.assign(client.config, { requestHandler: other.client.config.requestHandler, logger });
      await read(port, 'replaced');
      expect([answered.sent.length, other.sent.length, logged]).to.deep.equal([1, 1, 1]);

      interface Wrapped {
        deserialize?: (...args: unknown[]) => unknown;
        readonly input: { readonly ShardIterator: string };
      }
      const seen: string[] = [];
      const send = client.send.bind(client) as (command: object, options: object) => Promise<unknown>;
      const wrapping = (command: Wrapped, options: object): Promise<unknown> => {
        const { deserialize, input } = command;
        command.deserialize = (...args) => {
          seen.push(input.ShardIterator);
          return deserialize!.apply(command, args);
        };
        return send(command, options);
      };
      Object.assign(client, { send: wrapping });
      for (const name of ['a', 'b']) await read(port, name);
      // Versions from about 3.900 on do not read answers by the command.
      const isByCommand = ['3.238.0', '3.600.0', '3.840.0'].includes(version);
      expect(seen).to.deep.equal(isByCommand ? ['a', 'b'] : []);
    });

    it('have a command of their own each, with its input, also where `send` is a mock', async () => {
      const answered = answeringClient(sdk, echo);
      const commands: { readonly input: { readonly ShardIterator?: string } }[] = [];
      const page = { Records: [], NextShardIterator: 'next', $metadata: {} };
      const mock = (command: InstanceType<typeof sdk.GetRecordsCommand>): Promise<unknown> => {
        commands.push(command);
        return Promise.resolve(page);
      };
      Object.assign(answered.client, { send: mock });
      const port = portOf(answered);
      for (const ShardIterator of ['a', 'b', 'c']) await firstValueFrom(port.getRecords({ ShardIterator, Limit: 1 }));
      expect(commands.map(({ input }) => input.ShardIterator)).to.deep.equal(['a', 'b', 'c']);
      for (const command of commands) expect(command).to.be.an.instanceof(sdk.GetRecordsCommand);
    });
  });
}

describe('calls of GetRecords that use a stack of middlewares again', () => tellMissingSdks('spec/kinesis/wire/wire-call.spec.ts'));
