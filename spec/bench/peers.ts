import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { exec } from '../support/exec.js';

/** The peers, in the versions that are compared: in a folder of their own, since they are no dependencies of this package. */
const VERSIONS = { 'aws-sdk': '2.1693.0', 'kinesis-readable': '1.2.0', 'lifion-kinesis': '1.3.3' } as const;

/** A package of another author that reads Kinesis. */
export type Peer = keyof typeof VERSIONS;

/** The installed peers. */
export interface Peers {
  readonly folder: string;
  /** Why a peer cannot be run; nothing for one that can. */
  readonly missing: Readonly<Partial<Record<Peer, string>>>;
}

/** A peer with its version. */
export function nameOf(peer: Peer): string {
  return `${peer} ${VERSIONS[peer]}`;
}

/** Installs the peers, each by itself, unless they are there. */
export async function installPeers(say: (line: string) => void): Promise<Peers> {
  const folder = resolve(import.meta.dirname, '../../.tmp/bench-peers');
  await mkdir(folder, { recursive: true });
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) await writeFile(manifest, JSON.stringify({ name: 'bench-peers', private: true }));
  const missing: Partial<Record<Peer, string>> = {};
  for (const peer of Object.keys(VERSIONS) as Peer[]) {
    if (versionIn(folder, peer) === VERSIONS[peer]) continue;
    say(`installing ${nameOf(peer)} into ${folder}`);
    try {
      await exec('npm', ['install', ...QUIETLY, `${peer}@${VERSIONS[peer]}`], folder);
    } catch (error) {
      missing[peer] = `npm could not install it: ${/npm (?:error|ERR!) code (\w+)/.exec(String(error))?.[1] ?? 'no answer'}`;
    }
  }
  return { folder, missing };
}

/** A registry that gives no answer is waited for no longer than some seconds. */
const QUIETLY = ['--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', '--fetch-retries=0', '--fetch-timeout=20000'];

function versionIn(folder: string, peer: Peer): string | undefined {
  try {
    return (createRequire(join(folder, 'package.json'))(`${peer}/package.json`) as { version: string }).version;
  } catch {
    return undefined;
  }
}
