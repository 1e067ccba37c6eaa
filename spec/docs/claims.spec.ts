import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { exampleFencesOf, fencesOf, filesUnder, pages, titleOf, type Fence } from './fences.js';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string): Promise<string> => readFile(resolve(root, path), 'utf8');

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly engines: { readonly node: string };
  readonly peerDependencies: Readonly<Record<string, string>>;
}

describe('what the pages say of versions is what package.json says', () => {
  let manifest: Manifest;

  before(async () => void (manifest = JSON.parse(await read('package.json')) as Manifest));

  for (const page of ['README.md', 'docs/guide/getting-started.md', 'docs/CONTRIBUTING.md']) {
    it(`Node in ${page}`, async () => {
      const said = (await read(page)).match(/Node [\^>=\d][^,;\n]*?(?=[,;]|\.(?:\s|$))/gm) ?? [];
      expect(said).to.deep.equal([`Node ${manifest.engines.node.replace(' || ', ' or ')}`]);
    });
  }

  it('the peers in README.md', async () => {
    const readme = await read('README.md');
    for (const peer of ['rxjs', '@aws-sdk/client-kinesis']) expect(readme).to.include(`\`${peer}\` ${manifest.peerDependencies[peer]}`);
  });

  it('the entry points in README.md', async () => {
    const readme = await read('README.md');
    const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json');
    for (const entry of entries) expect(readme).to.include(`| \`rx-kinesis${entry.slice(1)}\` |`);
  });
});

describe('the first screen', () => {
  const [production, withoutAws] = fencesOf('README.md').filter(({ info }) => info.startsWith('ts'));
  const operatorsIn = ({ text }: Fence): string[] => text.slice(text.indexOf('shard.pipe')).match(/\b\w+(?=\()/g) ?? [];

  it('is the production pipeline in ten lines, then the same without AWS', () => {
    expect(production!.text)
      .to.include("from '@aws-sdk/client-kinesis'")
      .and.match(/^\/\/ flights\.ts/);
    const lines = production!.text.split('\n');
    const pipeline = lines.slice(
      lines.findIndex((line) => line.includes('mergeShards(')),
      lines.findIndex((line) => line.includes('.subscribe')),
    );
    expect(pipeline.length).to.be.at.most(10);
    expect(withoutAws!.info).to.equal('ts run');
    expect(operatorsIn(withoutAws!)).to.deep.equal(operatorsIn(production!));
  });

  it('says how to run it, what happens when the work throws, where emulators are, and when not to use this', async () => {
    const readme = await read('README.md');
    expect(readme.slice(0, readme.indexOf('## Without AWS')))
      .to.include('npx tsx flights.ts')
      .and.include('docs/guide/when-your-work-fails.md')
      .and.include('getting-started.md#on-an-emulator');
    expect(readme).to.include('## When not to use this');
  });
});

describe('a sample that takes an error', () => {
  for (const fence of pages()
    .flatMap(fencesOf)
    .filter(({ info, text }) => info.startsWith('ts') && /\berror: \(|console\.error\(error\)/.test(text))) {
    it(`ends with exit code 1: ${titleOf(fence)}`, () => expect(fence.text).to.include('process.exitCode = 1'));
  }
});

describe('a client of an example', () => {
  const examples = [...pages().flatMap(fencesOf), ...filesUnder('lib', '.ts').flatMap(exampleFencesOf)];
  const withClient = examples.filter(({ text }) => text.includes('new KinesisClient('));

  it('is there in more than a few pages', () => expect(withClient.length).to.be.above(15));

  for (const fence of withClient) {
    it(`keeps its connections: ${titleOf(fence)}`, () => {
      for (const [, config] of fence.text.matchAll(/new KinesisClient\((.*)\)/g)) {
        expect(config).to.include('requestHandler: new NodeHttpHandler(');
      }
    });
  }
});
