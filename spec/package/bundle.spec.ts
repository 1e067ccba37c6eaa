import { expect } from 'chai';
import { build, type BuildOptions, type BuildResult } from 'esbuild';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { packed, type Packed } from '../support/packed.js';

/** How Angular's CLI resolves and bundles an application for production. */
const angular: BuildOptions = {
  platform: 'browser',
  format: 'esm',
  target: 'es2022',
  conditions: ['es2015', 'es2020', 'module', 'production'],
  mainFields: ['es2020', 'es2015', 'browser', 'module', 'main'],
  minify: true,
};
const inBrowsers = ['rx-kinesis', 'rx-kinesis/level', 'rx-kinesis/testing'];
const coreOperators = "export { withSequenceRanges, checkpointEvery } from 'rx-kinesis';";
const CORE_OPERATORS_MAX_BYTES = 6_340;

describe('a bundle', () => {
  let pack: Packed;

  before(async function () {
    this.timeout(240_000);
    pack = await packed();
  });

  it('of the two core operators holds one copy of RxJS, and nothing of the AWS SDK', async () => {
    const files = filesIn(await bundle(coreOperators));
    expect(files.filter((file) => file.includes('rxjs/dist/esm/'))).not.to.deep.equal([]);
    expect(files.filter((file) => /rxjs\/dist\/(cjs|esm5)\/|@aws-sdk|@smithy/.test(file))).to.deep.equal([]);
  });

  it('of the two core operators has no MD5, which only what opens aggregates needs', async () => {
    const digests = async (contents: string) => filesIn(await bundle(contents)).filter((file) => file.includes('/js-md5/'));
    expect(await digests(coreOperators)).to.deep.equal([]);
    expect(await digests("export { deaggregate } from 'rx-kinesis';")).to.have.length(1);
  });

  it('of what polls has nothing of fan-out', async () => {
    const fanOut = async (contents: string) =>
      filesIn(await bundle(contents)).filter((file) => /fan-?out|stream-consumer|subscription-cursor/i.test(file));
    const polling = "export { kinesisStream, kinesisShard, kinesisRanges, polling, mergeShards } from 'rx-kinesis';";
    expect(await fanOut(polling)).to.deep.equal([]);
    expect(await fanOut("export { fanOut } from 'rx-kinesis';")).to.have.length.above(3);
  });

  it('of the two core operators is small, peers aside', async () => {
    const { outputFiles } = await bundle(coreOperators, { external: Object.keys(pack.manifest.peerDependencies) });
    const bytes = gzipSync(outputFiles[0]!.contents).length;
    console.log(`    withSequenceRanges + checkpointEvery: ${bytes} bytes min+gzip of at most ${CORE_OPERATORS_MAX_BYTES}`);
    expect(bytes).to.be.within(100, CORE_OPERATORS_MAX_BYTES);
  });

  it('of an import that uses nothing is empty', async () => {
    for (const entry of Object.keys(pack.manifest.exports).filter((name) => name !== './package.json')) {
      const name = `rx-kinesis${entry.slice(1)}`;
      const { outputFiles } = await bundle(`import '${name}'; import * as unused from '${name}';`);
      expect(outputFiles[0]!.text.trim(), name).to.equal('');
    }
  });

  for (const name of inBrowsers) {
    it(`of ${name} loads where there is neither process nor Buffer nor a Node built-in`, async function () {
      this.timeout(240_000);
      const { outputFiles } = await bundle(`export * from '${name}';`, { format: 'iife', globalName: 'loaded', minify: false });
      expect(Object.keys(loadInBrowser(outputFiles[0]!.text))).not.to.deep.equal([]);
    });
  }

  async function bundle(contents: string, options: BuildOptions = {}): Promise<Bundle> {
    const stdin = { contents, resolveDir: pack.project, loader: 'js' as const };
    return build({ ...angular, ...options, stdin, bundle: true, write: false, metafile: true, logLevel: 'silent' });
  }
});

type Bundle = BuildResult<{ write: false; metafile: true }>;

function filesIn({ metafile }: Bundle): string[] {
  const [output] = Object.values(metafile.outputs);
  return Object.entries(output!.inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : []));
}

/** Runs a script in a realm that has what every browser has, and of Node nothing. */
function loadInBrowser(script: string): object {
  const { AbortController, AbortSignal, TextEncoder, TextDecoder, URL, crypto, fetch } = globalThis;
  const { setTimeout, clearTimeout, setInterval, clearInterval, queueMicrotask, atob, btoa } = globalThis;
  const web = { AbortController, AbortSignal, TextEncoder, TextDecoder, URL, crypto, fetch };
  const timers = { setTimeout, clearTimeout, setInterval, clearInterval, queueMicrotask, atob, btoa };
  const realm = createContext({ ...web, ...timers });
  runInContext('globalThis.self = globalThis.window = globalThis', realm);
  runInContext(script, realm);
  return runInContext('loaded', realm) as object;
}
