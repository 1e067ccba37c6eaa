import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { flowThroughBlocks, MIB, type FlowSample } from '../support/blocks-flow.js';

/*
 * What a backlog costs in memory: `npx tsx spec/bench/block-memory.ts`. A gibibyte in blocks of a mebibyte flows through a store at MEMORY_AND_DISK, with 64 MiB
 * for the memory tier, to work that begins when a quarter of it waits (and takes --work ms a block). After each tenth, with the garbage collected, it prints what the process holds; at the end, what
 * is left on the disk. Fails when the process holds more than the budgets and a page, or when something is left. --mebibytes makes it shorter.
 */
const { values } = parseArgs({ options: { mebibytes: { type: 'string' }, work: { type: 'string' } } });
const [blocks, workMs] = [whole(values.mebibytes, 1_024), whole(values.work, 25)];
const MEMORY = 64 * MIB;
const LOADED = 16 * MIB;
/** A page of 5 MiB in hand and one on its way, the block that is written, and the programs. */
const MOST_HELD = MEMORY + LOADED + 64 * MIB;

const directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-memory-'));
try {
  console.log(
    `${'worked on'.padStart(10)}${'waiting'.padStart(10)}${'held'.padStart(8)}${'RssAnon'.padStart(9)}${'on disk'.padStart(9)}   (MiB)`,
  );
  const startMs = performance.now();
  const { samples, left, keys, diskBytes } = await flowThroughBlocks({
    ...{ blocks, workMs, directory, backlog: Math.floor(blocks / 4), memoryBytes: MEMORY, maxLoadedBytes: LOADED },
    sampled: (sample) => console.log(line(sample)),
  });
  const most = Math.max(...samples.map(({ heldBytes }) => heldBytes));
  console.log(`${((performance.now() - startMs) / 1_000).toFixed(0)} s; at most ${mib(most)} MiB held (allowed: ${mib(MOST_HELD)})`);
  console.log(`left: ${left.length} blocks, ${keys.length} keys, ${diskBytes} bytes of files`);
  if (most > MOST_HELD || left.length > 0 || keys.length > 0 || diskBytes > MIB) process.exitCode = 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}

function line({ worked, waiting, heldBytes, anonymousBytes, diskBytes }: FlowSample): string {
  const own = anonymousBytes === undefined ? '?' : mib(anonymousBytes);
  return `${String(worked).padStart(10)}${String(waiting).padStart(10)}${mib(heldBytes).padStart(8)}${own.padStart(9)}${mib(diskBytes).padStart(9)}`;
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}

function whole(text: string | undefined, byDefault: number): number {
  const value = Number(text ?? byDefault);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`expected a whole number from 1 up, got ${text}`);
  return value;
}
