import type { Loads } from './block-traces.js';
import type { Findings } from './report.js';
import { recoveredFromBuffers } from './tally.js';
import { wereShared } from './tenures.js';

/** What the demo's success depends on. */
export type Evidence = Pick<Findings, 'verdict' | 'isComplete' | 'hasStopped' | 'tally' | 'tenures' | 'traces'>;

/** What is not as it should be, in words: a fault, or that something was not seen which the demo is to show. */
export function failuresIn({ verdict, isComplete, hasStopped, tally, tenures, traces }: Evidence): string[] {
  const checks: readonly (readonly [holds: boolean, otherwise: string])[] = [
    [isComplete, 'not everything was processed'],
    [verdict.passed, 'what was processed is not what is in the file'],
    [hasStopped, 'a worker did not stop'],
    [wereShared(tenures), 'no two workers read at the same time, so sharing was not seen'],
    [recoveredFromBuffers(tally) > 0, 'nothing was lost in a buffer, so recovery was not seen'],
    [traces.loadsOf('inherited').replica > 0, 'no block of a killed worker was found by another'],
    [traces.loadsOf('ownDeleted').replica > 0, "no block without the worker's own copy came from the replica"],
    [cameFromWorker(traces.loadsOf('replicaDeleted')), "no block without the replica came from the worker's own copy"],
    [traces.loadsOf('bothDeleted').Kinesis > 0, 'no block without a copy was read again from Kinesis'],
  ];
  return checks.filter(([holds]) => !holds).map(([, otherwise]) => otherwise);
}

function cameFromWorker({ memory, disk }: Loads): boolean {
  return memory + disk > 0;
}
