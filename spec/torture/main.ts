import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { missingForDynamoDBLocal } from '../support/dynamodb-services.js';
import { reportOf } from './report.js';
import { Torture, type TortureOptions } from './torture.js';

const HELP = `Usage: npm run torture -- [options]

Workers in processes of their own read a stream whose shards split and merge, while the requests to Kinesis and DynamoDB meet faults, and
workers are killed and paused. Nothing may be lost, done before its turn, or checkpointed before it is done, and no pipeline may be torn down.

  --minutes N      for how long there are faults                  (default 10)
  --seed N         makes the schedule of faults                   (default random; it is printed)
  --workers N      processes that read                            (default 2)
  --shards N       shards at the start                            (default 4)
  --rate N         records a second                               (default 200)
  --kinesis NAME   kinesalite, kinesis-local                      (default kinesalite)
  --dynamodb NAME  dynalite, dynamodb-local                       (default dynalite)
  --keep           keep the logs of a run in which nothing broke
  --help           this text`;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    workers: { type: 'string', default: '2' },
    shards: { type: 'string', default: '4' },
    rate: { type: 'string', default: '200' },
    kinesis: { type: 'string', default: 'kinesalite' },
    dynamodb: { type: 'string', default: 'dynalite' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) console.log(HELP);
else await run();

async function run(): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const begun = performance.now();
  const progress = (line: string): void => console.log(`${String(Math.round((performance.now() - begun) / 1_000)).padStart(4)} s  ${line}`);
  const seed = number('seed', 0);
  console.log(`seed ${seed}`);
  try {
    const verdict = await Torture.run({ ...optionsOf(seed), progress, signal: interrupted.signal });
    console.log(reportOf(verdict));
    const isWhole = verdict.broken.length === 0;
    console.log(
      isWhole ? `nothing broke (seed ${seed})` : `${verdict.broken.length} faults found with seed ${seed}; logs in ${verdict.directory}`,
    );
    if (isWhole && !options.keep) await rm(verdict.directory, { recursive: true });
    process.exitCode = isWhole ? 0 : 1;
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    console.log('interrupted; all is cleaned up');
    process.exitCode = 1;
  }
}

function optionsOf(seed: number): Omit<TortureOptions, 'progress' | 'signal'> {
  const missing = options.dynamodb === 'dynamodb-local' ? missingForDynamoDBLocal() : undefined;
  if (missing !== undefined) throw new Error(`--dynamodb ${options.dynamodb}: ${missing}`);
  return {
    seed,
    seconds: number('minutes', 0.1) * 60,
    workers: number('workers', 1),
    shards: number('shards', 1),
    recordsPerSecond: number('rate', 10),
    kinesis: oneOf('kinesis', 'kinesalite', 'kinesis-local'),
    dynamodb: oneOf('dynamodb', 'dynalite', 'dynamodb-local'),
  };
}

function number(name: 'minutes' | 'rate' | 'seed' | 'shards' | 'workers', least: number): number {
  const value = Number(options[name]);
  if (!Number.isFinite(value) || value < least) throw new Error(`--${name}: expected a number from ${least} up, got ${options[name]}`);
  return value;
}

function oneOf<Name extends string>(option: 'dynamodb' | 'kinesis', ...names: Name[]): Name {
  const name = names.find((each) => each === options[option]);
  if (name === undefined) throw new Error(`--${option}: expected ${names.join(' or ')}, got ${options[option]}`);
  return name;
}
