import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rename, symlink, writeFile } from 'node:fs/promises';
import { existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { exec } from './exec.js';
import { RUN_ID } from './processes.js';
import { until } from './until.js';

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

/** Below the time limits of the specs that wait. */
const DEADLINE_MS = 200_000;

let once: Promise<Packed> | undefined;

/** Installs the package the first time, and gives the same one to every later caller. It is built and packed once for all processes of a run. */
export function packed(): Promise<Packed> {
  return (once ??= pack());
}

async function pack(): Promise<Packed> {
  const root = await mkdtemp(join(await realpath(tmpdir()), 'rx-kinesis-'));
  removeAtExit(root);
  return install(await sharedTarball(), join(root, 'project'));
}

/** The first process of the run that asks makes the tarball, the others wait for it. */
async function sharedTarball(): Promise<string> {
  const shared = join(await realpath(tmpdir()), `rx-kinesis-run-${process.env[RUN_ID]}`);
  const outcome = join(shared, 'outcome.json');
  const isFirst = await mkdir(shared).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    removeAtExit(shared);
    const made = await makeTarball(shared).then(
      (tarball) => ({ tarball }),
      (error: unknown) => ({ error: (error as Error).message }),
    );
    // Under its name only when it is whole.
    await writeFile(`${outcome}.new`, JSON.stringify(made));
    await rename(`${outcome}.new`, outcome);
  }
  await until('the package is packed', () => existsSync(outcome), DEADLINE_MS);
  const { tarball, error } = JSON.parse(await readFile(outcome, 'utf8')) as { tarball?: string; error?: string };
  if (!tarball) throw new Error(error);
  return tarball;
}

async function makeTarball(folder: string): Promise<string> {
  const copy = await copyCheckout(join(folder, 'checkout'));
  await exec('npm', ['run', 'build'], copy);
  await exec('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], copy);
  const [tarball] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  return join(folder, tarball!);
}

function removeAtExit(folder: string): void {
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
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
