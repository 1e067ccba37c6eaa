import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { missingForDynamoDBLocal } from '../support/dynamodb-services.js';
import { runSequence, type SequenceResult } from './fleet-sequences.js';
import { reportOf } from './report.js';
import { startStage, Torture, type Stage, type TortureOptions } from './torture.js';

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
  --fleet N        instead: N sequences of ten seconds, of the seeds from --seed up, in which workers join, stop, stand still, are killed
                   and replaced, without faults of the services; options for these: --seed (default 1), --kinesis, --dynamodb
  --keep           keep the logs of a run in which nothing broke
  --help           this text`;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    workers: { type: 'string', default: '2' },
    shards: { type: 'string', default: '4' },
    rate: { type: 'string', default: '200' },
    kinesis: { type: 'string', default: 'kinesalite' },
    dynamodb: { type: 'string', default: 'dynalite' },
    fleet: { type: 'string' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) console.log(HELP);
else await run(options.fleet === undefined ? torture : sequences);

async function run(what: (stage: Stage, signal: AbortSignal) => Promise<boolean>): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const missing = options.dynamodb === 'dynamodb-local' ? missingForDynamoDBLocal() : undefined;
  if (missing !== undefined) throw new Error(`--dynamodb ${options.dynamodb}: ${missing}`);
  const stage = await startStage({
    kinesis: oneOf('kinesis', 'kinesalite', 'kinesis-local'),
    dynamodb: oneOf('dynamodb', 'dynalite', 'dynamodb-local'),
  });
  try {
    process.exitCode = (await what(stage, interrupted.signal)) ? 0 : 1;
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    console.log('interrupted; all is cleaned up');
    process.exitCode = 1;
  } finally {
    await stage.stop();
  }
}

/** Runs sequences of one seed after the other; returns whether nothing broke. */
async function sequences(stage: Stage, signal: AbortSignal): Promise<boolean> {
  const [first, count] = [number('seed', 0), number('fleet', 1)];
  const results: SequenceResult[] = [];
  for (let seed = first; seed < first + count; seed++) {
    const result = await runSequence(stage, seed, signal);
    results.push(result);
    const { happened, broken, records, repeats, silenceMs, directory } = result;
    const logs = broken.length > 0 ? `; logs in ${directory}` : '';
    console.log(
      `seed ${seed}: ${broken.length} faults, ${records} records, ${repeats} again, silent for ${silenceMs} ms at most; ${happened}${logs}`,
    );
    broken.forEach((fault) => console.log(`  BROKEN ${fault}`));
  }
  const sum = (of: (result: SequenceResult) => number): number => results.reduce((all, result) => all + of(result), 0);
  const bad = results.filter(({ broken }) => broken.length > 0).map(({ seed }) => seed);
  console.log(
    `${results.length} sequences (seeds ${first} to ${first + count - 1}), ${sum(({ records }) => records)} records, ` +
      `${sum(({ repeats }) => repeats)} again: ${bad.length === 0 ? 'nothing broke' : `faults with the seeds ${bad.join(', ')}`}`,
  );
  return bad.length === 0;
}

async function torture(stage: Stage, signal: AbortSignal): Promise<boolean> {
  const begun = performance.now();
  const progress = (line: string): void => console.log(`${String(Math.round((performance.now() - begun) / 1_000)).padStart(4)} s  ${line}`);
  const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : number('seed', 0);
  console.log(`seed ${seed}`);
  const verdict = await Torture.run({ ...optionsOf(seed), stage, progress, signal });
  console.log(reportOf(verdict));
  const isWhole = verdict.broken.length === 0;
  console.log(
    isWhole ? `nothing broke (seed ${seed})` : `${verdict.broken.length} faults found with seed ${seed}; logs in ${verdict.directory}`,
  );
  if (isWhole && !options.keep) await rm(verdict.directory, { recursive: true });
  return isWhole;
}

function optionsOf(seed: number): Omit<TortureOptions, 'progress' | 'signal' | 'stage'> {
  return {
    seed,
    seconds: number('minutes', 0.1) * 60,
    workers: number('workers', 1),
    shards: number('shards', 1),
    recordsPerSecond: number('rate', 10),
  };
}

function number(name: 'fleet' | 'minutes' | 'rate' | 'seed' | 'shards' | 'workers', least: number): number {
  const value = Number(options[name] ?? (name === 'seed' ? 1 : NaN));
  if (!Number.isFinite(value) || value < least) throw new Error(`--${name}: expected a number from ${least} up, got ${options[name]}`);
  return value;
}

function oneOf<Name extends string>(option: 'dynamodb' | 'kinesis', ...names: Name[]): Name {
  const name = names.find((each) => each === options[option]);
  if (name === undefined) throw new Error(`--${option}: expected ${names.join(' or ')}, got ${options[option]}`);
  return name;
}
