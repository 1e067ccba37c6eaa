import { cp, mkdir, mkdtemp, readdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { exec } from './exec.js';

/** The package as a user gets it: built and packed from a copy of the checkout, and installed beside its peers. */
export interface Packed {
  /** The packed file. */
  readonly tarball: string;
  /** A project that has the package in its node_modules. */
  readonly project: string;
  /** The unpacked package inside that project. */
  readonly directory: string;
  /** What package.json says in the packed file. */
  readonly manifest: Manifest;
}

/** The fields of package.json that the specs read. */
export interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, Readonly<Record<string, string>>>>>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
}

const checkout = resolve(import.meta.dirname, '../..');
const leftBehind = new Set(['node_modules', '.git', 'dist', 'coverage', '.tmp', join('docs', 'api')]);

let once: Promise<Packed> | undefined;

/** Builds and packs the package the first time, and gives the same one to every later caller. */
export function packed(): Promise<Packed> {
  return (once ??= pack());
}

async function pack(): Promise<Packed> {
  const root = await mkdtemp(join(await realpath(tmpdir()), 'rx-kinesis-'));
  process.once('exit', () => rmSync(root, { recursive: true, force: true }));
  const copy = await copyCheckout(join(root, 'checkout'));
  await exec('npm', ['run', 'build'], copy);
  await exec('npm', ['pack', '--ignore-scripts', '--pack-destination', root], copy);
  const [tarball] = (await readdir(root)).filter((name) => name.endsWith('.tgz'));
  return install(join(root, tarball!), join(root, 'project'));
}

async function copyCheckout(copy: string): Promise<string> {
  await cp(checkout, copy, { recursive: true, filter: (path) => !leftBehind.has(relative(checkout, path)) });
  await symlink(join(checkout, 'node_modules'), join(copy, 'node_modules'), 'dir');
  return copy;
}

/** Unpacks the tarball into a project and links what its package.json asks for. The registry is not needed. */
async function install(tarball: string, project: string): Promise<Packed> {
  const directory = join(project, 'node_modules', 'rx-kinesis');
  await mkdir(directory, { recursive: true });
  await exec('tar', ['-xzf', tarball, '-C', directory, '--strip-components=1'], project);
  const manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Manifest;
  for (const name of Object.keys({ ...manifest.peerDependencies, ...manifest.dependencies })) {
    await mkdir(join(project, 'node_modules', name, '..'), { recursive: true });
    await symlink(join(checkout, 'node_modules', name), join(project, 'node_modules', name), 'dir');
  }
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module' }));
  return { tarball, project, directory, manifest };
}
