import { build, type Plugin } from 'esbuild';
import { basename, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '../..');
const LIB = join(ROOT, 'lib');
/** Where the programs of the benchmark lie that run with plain Node. */
const PROGRAMS = join(ROOT, '.tmp', 'bench');

const built = new Map<string, Promise<string>>();

/** A file of this folder as a program for plain Node, which imports the built package: `dist` must be there. */
export function builtFile(file: string): Promise<string> {
  const program = built.get(file) ?? compile(file);
  built.set(file, program);
  return program;
}

async function compile(file: string): Promise<string> {
  const outfile = join(PROGRAMS, `${basename(file, '.ts')}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, file)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    packages: 'external',
    // Without the paths of tsconfig.json, `rx-kinesis` is what package.json exports.
    tsconfigRaw: {},
    plugins: [fromDist],
    logLevel: 'error',
  });
  return outfile;
}

/** What the benchmark imports of `lib` by its path comes from `dist` too. */
const fromDist: Plugin = {
  name: 'from-dist',
  setup(context) {
    context.onResolve({ filter: /\/lib\// }, ({ path, resolveDir }) => {
      const file = relative(LIB, resolve(resolveDir, path));
      if (file.startsWith('..')) return undefined;
      return { path: pathToFileURL(join(ROOT, 'dist', 'esm', file)).href, external: true };
    });
  },
};
