import type { Lab } from './lab.js';
import type { RxSettings } from './rx-process.js';

/** The first shard of a stream, which is split. */
export const PARENT = 'shardId-000000000000';

/** Reads on with KCL from what we have left. */
export async function kclReadsTheChildren(lab: Lab): Promise<void> {
  await lab.checkpoints();
  const kcl = lab.kcl('kcl');
  await lab.allRead();
  await kcl.stop();
}

/** Splits the first shard while a worker of ours reads it, which ends at that shard's end, by itself. */
export async function endAtTheSplit(lab: Lab, settings: Partial<RxSettings>): Promise<void> {
  await lab.stream.put(100);
  // What it lists before it ends at the split has no children yet.
  const rx = lab.rx('rx', { discoveryIntervalMs: 60_000, ...settings });
  await rx.hasRead(100);
  await lab.stream.split(PARENT);
  await lab.stream.put(100);
  await rx.ended();
}
