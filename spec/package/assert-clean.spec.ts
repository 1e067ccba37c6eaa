import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { exec, node } from '../support/exec.js';

const checkout = resolve(import.meta.dirname, '../..');

describe('packing', function () {
  this.timeout(240_000);
  let folder: string;
  const git = (...args: readonly string[]) => exec('git', ['-c', 'user.name=spec', '-c', 'user.email=spec@localhost', ...args], folder);
  const check = () =>
    node(['--import', join(checkout, 'node_modules/tsx/dist/loader.mjs'), join(checkout, 'spec/support/assert-clean.ts')], folder);
  const refusal = () => check().then(() => expect.fail('it was not refused'), String);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rx-kinesis-'));
    await git('init', '--quiet');
    await writeFile(join(folder, 'a.ts'), '');
    await git('add', '.');
    await git('commit', '--quiet', '--message', 'a');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('begins with that check', async () => {
    const { scripts } = JSON.parse(await exec('npm', ['pkg', 'get', 'scripts'], checkout).then((text) => `{"scripts":${text}}`)) as {
      scripts: Readonly<Record<string, string>>;
    };
    expect(scripts.prepack).to.match(/^tsx spec\/support\/assert-clean\.ts && npm run build$/);
  });

  it('goes on in a clean working tree', async () => {
    expect(await check()).to.equal('');
  });

  it('is refused when a file is changed, or is not committed', async () => {
    await writeFile(join(folder, 'a.ts'), 'changed');
    expect(await refusal()).to.match(/not committed.*\n M a\.ts/);
    await git('checkout', '--', 'a.ts');
    await writeFile(join(folder, 'b.ts'), '');
    expect(await refusal()).to.match(/\?\? b\.ts/);
  });

  it('is refused where nobody knows whether it is clean', async () => {
    await rm(join(folder, '.git'), { recursive: true });
    expect(await refusal()).to.match(/not a git repository/);
  });
});
