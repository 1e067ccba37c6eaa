import { expect } from 'chai';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';
import { node } from '../support/exec.js';
import { packed, type Packed } from '../support/packed.js';

const checkout = resolve(import.meta.dirname, '../..');

describe('the packed declarations', () => {
  let pack: Packed;

  before(async function () {
    this.timeout(240_000);
    pack = await packed();
  });

  it('are what publint expects, in its strict mode', async () => {
    const { messages, pkg } = await publint({ pkgDir: pack.directory, strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, pkg))).to.deep.equal([]);
  });

  it('resolve in every module mode that knows exports maps, by attw', async function () {
    this.timeout(240_000);
    const attw = resolve(dirname(createRequire(import.meta.url).resolve('@arethetypeswrong/cli/package.json')), 'dist/index.js');
    // node10 finds only the root entry: it cannot read an exports map, and TypeScript 6 has deprecated it.
    const report = await node([attw, pack.tarball, '--profile', 'node16', '--no-definitely-typed', '--format', 'json'], checkout);
    const { analysis } = JSON.parse(report) as { analysis: { entrypoints: Record<string, unknown> } };
    expect(Object.keys(analysis.entrypoints)).to.include.members(['.', './dynamodb', './level', './opentelemetry', './s3', './testing']);
  });

  it('compile in a strict project, imported and required, without errors of their own', async function () {
    this.timeout(240_000);
    const folder = await mkdtemp(join(pack.project, 'consumer-'));
    const files = [join(folder, 'imports.mts'), join(folder, 'requires.cts')];
    for (const file of files) await writeFile(file, consumer);
    expect(errorsIn(files, pack)).to.deep.equal([]);
  });

  it('take undefined for every option that may be left out, also under exactOptionalPropertyTypes', async function () {
    this.timeout(240_000);
    const file = join(await mkdtemp(join(pack.project, 'options-')), 'options.mts');
    const entries = { 'rx-kinesis': '.', 'rx-kinesis/dynamodb': './dynamodb', 'rx-kinesis/s3': './s3', 'rx-kinesis/testing': './testing' };
    const lines = await Promise.all(
      Object.entries(entries).map(async ([name, folder]) => {
        const declared = await readFile(join(pack.directory, 'dist/esm', folder, 'index.d.ts'), 'utf8');
        const configs = [...new Set(declared.match(/\b[A-Z]\w*(?:Config|ReadingOptions)\b/g))].filter((config) => !unions.includes(config));
        expect(configs, name).not.to.deep.equal([]);
        const checks = configs.map((config) => `export const of${config}: ${config} = unset<${config}>();`);
        return [`import type { ${configs.join(', ')} } from '${name}';`, ...checks].join('\n');
      }),
    );
    await writeFile(file, [UNSET, ...lines].join('\n'));
    expect(errorsIn([file], pack)).to.deep.equal([]);
  });

  it('compile where TypeScript resolves as Node 10 did, as in older projects of CommonJS', async function () {
    this.timeout(240_000);
    const folder = await mkdtemp(join(pack.project, 'node10-'));
    const file = join(folder, 'requires.ts');
    await writeFile(file, consumer);
    // What those projects still say, TypeScript 6 calls deprecated.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const older = { module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Node10, ignoreDeprecations: '6.0' };
    expect(errorsIn([file], pack, older)).to.deep.equal([]);
  });
});

/** The configs that name a stream, by either of two ways: their options are those of the others. */
const unions = ['KinesisShardConfig', 'KinesisStreamConfig', 'ShardReadingConfig', 'StreamConfig'];
const UNSET = `
type Optional<T> = { [K in keyof T]-?: object extends Pick<T, K> ? K : never }[keyof T];
declare function unset<T>(): Omit<T, Optional<T>> & { [K in Optional<T>]: undefined };`;

const consumer = `
import { bufferTime, concatMap, of, type Observable } from 'rxjs';
import { checkpointEvery, kinesisShard, kinesisStream, memoryCheckpoints, mergeShards, recoverFrom, withSequenceRanges, type Block, type KinesisPort, type ShardReadingOptions, type StreamByName, type StreamConfig } from 'rx-kinesis';
import * as dynamodb from 'rx-kinesis/dynamodb';
import * as level from 'rx-kinesis/level';
import * as opentelemetry from 'rx-kinesis/opentelemetry';
import * as s3 from 'rx-kinesis/s3';
import * as testing from 'rx-kinesis/testing';

export const entries = [dynamodb, level, opentelemetry, s3, testing];

export function pipeline(client: KinesisPort): Observable<Block> {
  const store = memoryCheckpoints();
  return kinesisStream({ client, streamName: 'flights', startFrom: 'TRIM_HORIZON', store }).pipe(
    mergeShards((shard) =>
      shard.pipe(
        bufferTime(200),
        withSequenceRanges(),
        recoverFrom(store),
        concatMap((block) => of(block)),
        checkpointEvery(30_000),
      ),
    ),
  );
}

// @ts-expect-error: startFrom has no default.
kinesisStream({ client: {} as KinesisPort, streamName: 'flights' });
// @ts-expect-error: a stream has a name or an ARN.
kinesisStream({ client: {} as KinesisPort, startFrom: 'LATEST' });
// @ts-expect-error: and not both.
kinesisStream({ client: {} as KinesisPort, startFrom: 'LATEST', streamName: 'flights', streamARN: 'arn' });
// @ts-expect-error: so it is for a shard.
kinesisShard({ client: {} as KinesisPort, startFrom: 'LATEST', shardId: 'shardId-000000000000' });
// A config of one's own that builds on it.
export interface Settings extends ShardReadingOptions, StreamByName {}
export const withSettings = (settings: Settings) => kinesisStream({ ...settings, discoveryIntervalMs: 60_000 });
export const ofEither = (stream: StreamConfig, client: KinesisPort) => kinesisStream({ ...stream, client, startFrom: 'LATEST' });
`;

function errorsIn(files: readonly string[], { directory }: Packed, options: ts.CompilerOptions = {}): string[] {
  const program = ts.createProgram(files, {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(checkout, 'node_modules/@types')],
    ...options,
  });
  const ours = program.getSourceFiles().filter(({ fileName }) => files.includes(fileName) || fileName.startsWith(directory));
  const refused = program.getOptionsDiagnostics();
  const problems = [
    ...refused,
    ...ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
  ];
  return problems.map((problem) => `${problem.file?.fileName}: ${ts.flattenDiagnosticMessageText(problem.messageText, '\n')}`);
}
