import { resultOf } from './child.js';
import { cpuMicros, figureOf, shown } from './figures.js';
import { inTurns } from './in-turns.js';
import type { RunResult } from './meter.js';
import type { Stage, StageOrder } from './operators-run.js';
import type { Section } from './section.js';

const NAMES: Readonly<Record<Stage, string>> = {
  rxjs: 'plain RxJS: the pages as records, bufferCount(100)',
  shard: 'kinesisShard alone',
  bufferCount: '+ bufferCount(100)',
  withSequenceRanges: '+ withSequenceRanges',
  recoverFrom: '+ recoverFrom',
  concatMap: '+ concatMap(of)',
  checkpointEvery: '+ checkpointEvery',
};
const STAGES = Object.keys(NAMES) as Stage[];

/** What each operator adds, on pages in memory. */
export const operators: Section = {
  key: 'b',
  file: 'operators',
  title: 'The cost of each operator',
  about: `CPU on decoded pages in memory, without HTTP and SDK: 1 000 records a page, blocks of 100 records. Each row has one operator more than the row above; the last column is the
difference to that row in the same round, for a block. (An operator that costs less than the spread shows a difference around zero.)`,
  rounds: 5,
  run: async ({ quick, rounds, say }) => {
    const order = quick ? { pages: 10, passes: 1 } : { pages: 200, passes: 2 };
    const results = await inTurns(STAGES, rounds, (stage) => {
      say(NAMES[stage]);
      return resultOf<RunResult>('operators-run.ts', { stage, ...order } satisfies StageOrder);
    });
    const cpu = (stage: Stage): number[] => results[stage].map(cpuMicros);
    const added = (stage: Stage, before: Stage): number[] => cpu(stage).map((value, round) => value - cpu(before)[round]!);
    const rows = STAGES.map((stage, i) => {
      const before = STAGES[i - 1];
      const difference = before && before !== 'rxjs' ? shown(figureOf(added(stage, before).map((each) => each * 100))) : '';
      return [NAMES[stage], shown(figureOf(cpu(stage)), 3), difference];
    });
    return {
      tables: [{ title: 'In memory', head: ['', 'CPU µs a record', 'added µs a block'], rows }],
      notes: [`The whole pipeline takes ${shown(figureOf(added('checkpointEvery', 'rxjs')))} µs a record more than plain RxJS.`],
      ratios: { 'checkpointEvery : rxjs': figureOf(cpu('checkpointEvery').map((value, round) => value / cpu('rxjs')[round]!)) },
    };
  },
};
