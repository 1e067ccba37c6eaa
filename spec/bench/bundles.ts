import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Section } from './section.js';

const ROOT = resolve(import.meta.dirname, '../..');
const IMPORTS: readonly (readonly [from: string, ...names: readonly string[]])[] = [
  ['rx-kinesis', 'withSequenceRanges', 'checkpointEvery'],
  ['rx-kinesis', 'recoverFrom'],
  ['rx-kinesis', 'kinesisStream', 'mergeShards'],
  ['rx-kinesis', 'kinesisStream', 'mergeShards', 'withSequenceRanges', 'recoverFrom', 'checkpointEvery'],
  ['rx-kinesis', 'kinesisRange'],
  ['rx-kinesis', 'deaggregate'],
  ['rx-kinesis', 'storeBlocks', 'loadBlocks', 'releaseBlocks'],
  ['rx-kinesis', 'processingLag', 'stuckShards'],
  ['rx-kinesis/dynamodb', 'leaseTable'],
];

/** The bytes that named imports add to a bundle. */
export const bundles: Section = {
  key: 'g',
  file: 'bundles',
  title: 'Size of named imports',
  about: 'Bundled for browsers by esbuild, minified, then gzipped; the peers (RxJS, the AWS SDK) are not counted.',
  rounds: 1,
  run: async () => {
    const { peerDependencies } = JSON.parse(await readFile(resolve(ROOT, 'package.json'), 'utf8')) as { peerDependencies: object };
    const rows: string[][] = [];
    for (const [from, ...names] of IMPORTS) {
      const bytes = await sizeOf(`export { ${names.join(', ')} } from '${from}';`, Object.keys(peerDependencies));
      rows.push([names.join(', '), from, (bytes / 1_024).toFixed(2)]);
    }
    return { tables: [{ title: 'Sizes', head: ['imports', 'from', 'KiB, min + gzip'], rows }], ratios: {} };
  },
};

async function sizeOf(contents: string, external: string[]): Promise<number> {
  const stdin = { contents, resolveDir: ROOT };
  const options = {
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    tsconfigRaw: {},
  } as const;
  const { outputFiles } = await build({ ...options, stdin, external, logLevel: 'error' });
  return gzipSync(outputFiles[0]!.contents).length;
}
