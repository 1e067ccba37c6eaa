import { messageOf, resultOf, startBuilt } from './child.js';
import { figureOf, ratioOf, shown, thousands } from './figures.js';
import type { MemoryOrder, MemoryResult } from './memory-run.js';
import type { Section } from './section.js';

/** A tenth of what a loop reads where the two run together. */
const RECORDS_PER_SECOND = 30_000;
const SUBJECTS = ['loop', 'pipeline'] as const;
const NAMES = { loop: 'a loop that awaits the work on each page', pipeline: "the README's pipeline, default credit" };

/** The memory that reading takes when the work is too slow for it. */
export const memory: Section = {
  key: 'd',
  file: 'memory',
  title: 'Memory under a slow consumer',
  about: `The greatest resident memory of the process, as the kernel keeps it, while the work takes ten times as long as the reading: ${thousands(RECORDS_PER_SECOND)} records of 200 bytes a second, from a
stream without end, 1 000 records a page. All runs at the same time, since they wait most of it. With \`--long\` ten million records instead of one.`,
  rounds: 3,
  run: async ({ quick, long, rounds, say }) => {
    const records = quick ? 20_000 : long ? 10_000_000 : 1_000_000;
    const server = await startBuilt('server.ts', { records: { bytes: 200, perPage: 1_000 } });
    try {
      const port = await messageOf<number>(server);
      say(
        `${thousands(records)} records at ${thousands(RECORDS_PER_SECOND)} a second, ${rounds} runs of each, about ${Math.round(records / RECORDS_PER_SECOND)} s`,
      );
      const runs = (subject: MemoryOrder['subject']): Promise<MemoryResult[]> =>
        Promise.all(Array.from({ length: rounds }, () => peaksOf({ subject, port, records, recordsPerSecond: RECORDS_PER_SECOND })));
      const [loop, pipeline] = await Promise.all([runs('loop'), runs('pipeline')]);
      const results = { loop, pipeline };
      const at = (subject: (typeof SUBJECTS)[number], tenth: number): number[] => results[subject].map((peaks) => peaks[tenth]!);
      const tenths = [0, 1, 4, 9];
      return {
        tables: [
          {
            title: 'Greatest memory in MiB, after so many records',
            head: ['', ...tenths.map((tenth) => thousands(((tenth + 1) * records) / 10))],
            rows: SUBJECTS.map((subject) => [NAMES[subject], ...tenths.map((tenth) => shown(figureOf(at(subject, tenth)), 0))]),
          },
        ],
        ratios: {
          'pipeline : loop': ratioOf(at('pipeline', 9), at('loop', 9)),
          'pipeline, all : a tenth of the records': ratioOf(at('pipeline', 9), at('pipeline', 0)),
        },
      };
    } finally {
      server.kill();
    }
  },
};

function peaksOf(order: MemoryOrder): Promise<MemoryResult> {
  return resultOf<MemoryResult>('memory-run.ts', order);
}
