import type { Loads, Source } from './block-traces.js';
import type { Findings } from './report.js';
import { recoveredFromBuffers } from './tally.js';

/** What the demo's success depends on. */
export type Evidence = Pick<Findings, 'verdict' | 'isComplete' | 'hasStopped' | 'tally' | 'tenures' | 'traces'>;

/** What is not as it should be, in words: a fault, or that something was not seen which the demo is to show. */
export function failuresIn({ verdict, isComplete, hasStopped, tally, tenures, traces }: Evidence): string[] {
  const readers = new Set(tenures.filter(({ silentMs }) => silentMs === undefined).map(({ worker }) => worker));
  const checks: readonly (readonly [holds: boolean, otherwise: string])[] = [
    [isComplete, 'not everything was processed'],
    [verdict.passed, 'what was processed is not what is in the file'],
    [hasStopped, 'a worker did not stop'],
    [readers.size > 1, 'one worker alone read the shards, so sharing was not seen'],
    [recoveredFromBuffers(tally) > 0, 'nothing was lost in a buffer, so recovery was not seen'],
    [traces.loadsOf('inherited').replica > 0, 'no block of a killed worker was found by another'],
    [cameFrom(traces.loadsOf('ownDeleted'), 'replica'), "not all blocks without the worker's own copy came from the replica"],
    [cameFrom(traces.loadsOf('replicaDeleted'), 'memory', 'disk'), "not all blocks without the replica came from the worker's own copy"],
    [cameFrom(traces.loadsOf('bothDeleted'), 'Kinesis'), 'not all blocks without a copy were read again from Kinesis'],
  ];
  return checks.filter(([holds]) => !holds).map(([, otherwise]) => otherwise);
}

/** Whether there were blocks, and all came from there. */
function cameFrom(loads: Loads, ...sources: readonly Source[]): boolean {
  const { memory, disk, replica, Kinesis } = loads;
  const all = memory + disk + replica + Kinesis;
  return all > 0 && sources.reduce((sum, source) => sum + loads[source], 0) === all;
}
