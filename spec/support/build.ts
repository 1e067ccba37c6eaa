/** `npm run build`: lib/ as ES modules into dist/esm and as CommonJS into dist/cjs, each with its own declarations. */
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

await rm('dist', { recursive: true, force: true });
await Promise.all([compile('tsconfig.build.json'), compile('tsconfig.build.cjs.json')]);
// The package is `"type": "module"`; this file makes Node and TypeScript read the other half as CommonJS.
await mkdir('dist/cjs', { recursive: true });
await writeFile('dist/cjs/package.json', '{ "type": "commonjs" }\n');

async function compile(project: string): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [tsc, '-p', project]);
  } catch (error) {
    // The compiler reports on its standard output.
    process.stderr.write(`${project}\n${(error as { stdout: string }).stdout}`);
    process.exitCode = 1;
  }
}
