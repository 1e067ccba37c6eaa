import { expect } from 'chai';
import { expectExactlyOnce, expectNothingLost } from './account.js';
import type { Lab } from './lab.js';
import { isLease } from './lease-rows.js';
import type { ReaderProcess } from './reader-process.js';

/** Settings of a KCL worker with pages so small, and work so slow, that it is in the middle of the stream when it ends. */
export const slowly = { MAX_RECORDS: '20', RECORD_DELAY_MS: '5' };

/** Two workers that share a stream on which records keep coming. */
export interface Pair {
  readonly kcl: ReaderProcess;
  readonly rx: ReaderProcess;
}

/** Starts a KCL worker; when it has read what is there, one of ours joins, and both get their shares. */
export async function rxJoinsKcl(lab: Lab, options: readonly string[] = []): Promise<Pair> {
  await lab.stream.put(100);
  const kcl = lab.kcl('kcl', {}, options);
  await kcl.hasRead(100);
  const traffic = lab.traffic();
  const rx = lab.rx('rx', { leases: quickLeases });
  await lab.shared([kcl, rx]);
  await allReadMore([kcl, rx]);
  await traffic.end();
  await lab.allRead();
  return { kcl, rx };
}

/** The other way round. */
export async function kclJoinsRx(lab: Lab): Promise<Pair> {
  await lab.stream.put(100);
  const rx = lab.rx('rx', { leases: quickLeases });
  await rx.hasRead(100);
  const traffic = lab.traffic();
  const kcl = lab.kcl('kcl');
  await lab.shared([kcl, rx], 180_000);
  await allReadMore([kcl, rx]);
  await traffic.end();
  await lab.allRead();
  return { kcl, rx };
}

/** Settings of the lease table that say the same as those of the KCL workers. */
export const quickLeases = { failoverTimeMs: 5_000 };

/** Waits until each of them has read something more. */
export async function allReadMore(workers: readonly ReaderProcess[]): Promise<void> {
  const before = workers.map(({ records }) => records.length);
  for (const [i, worker] of workers.entries()) await worker.hasRead(before[i]! + 20);
}

/** Waits until a worker has every lease, while records keep coming, and has read all of them. */
export async function readsAlone(lab: Lab, worker: ReaderProcess, deadlineMs = 200_000): Promise<void> {
  const traffic = lab.traffic();
  await worker.until(
    'it has every lease',
    async () => {
      const open = (await lab.leases()).filter((row) => row.checkpoint!.S !== 'SHARD_END').length;
      return (await lab.heldBy(worker.name)).length === open;
    },
    deadlineMs,
  );
  await traffic.end();
  await lab.allRead(deadlineMs);
}

/**
 * KCL 3.x hands shards over one by one. KCL 2.x steals them, and what the victim had not checkpointed is read twice; a row that is no
 * lease would break it.
 */
export async function expectShared(lab: Lab): Promise<void> {
  if (lab.line.major === 3) return expectExactlyOnce(lab.account());
  expectNothingLost(lab.account());
  expect((await lab.rows()).filter((row) => !isLease(row))).to.deep.equal([]);
}
