import { integer, seconds } from './format.js';
import { meanDelay, NOTHING, totalsOf, type Flights, type Total } from './flights.js';
import type { Proxy } from './proxy.js';
import { drawShardGraph, type ShardSummary } from './shard-graph.js';
import type { SinkCounts } from './sink-database.js';
import type { Tally } from './tally.js';
import type { Verdict } from './verification.js';
import type { Takeover } from './workers.js';

/** Everything that the demo has found out. */
export interface Findings {
  readonly flights: Flights;
  readonly verdict: Verdict;
  readonly counts: SinkCounts;
  readonly totals: ReadonlyMap<string, Total>;
  readonly tally: Tally;
  readonly failedReads: Proxy['failed'];
  readonly takeovers: readonly Takeover[];
  readonly shards: readonly ShardSummary[];
  /** Whether all interventions were carried out, and all that was produced came to be processed. */
  readonly isComplete: boolean;
  /** Whether the last worker ended by itself when it was asked to. */
  readonly hasStopped: boolean;
  readonly elapsedMs: number;
  readonly passed: boolean;
}

type Rows = readonly (readonly string[])[];

/** Groups with fewer flights are left out of the worst: one late plane would be a record. */
const MIN_FLIGHTS = 30;
const WORST = 5;

/** The report: the table, the shard graph and the worst groups. */
export function report(findings: Findings): string {
  const { flights, shards, passed, elapsedMs } = findings;
  const { groupName } = flights;
  return [
    drawTable(summary(findings)),
    'Shard graph: records processed of those produced, and what became of the shard',
    drawShardGraph(shards),
    `The ${WORST} worst ${groupName}s (of those with ${MIN_FLIGHTS} flights or more): mean delay in minutes`,
    drawTable(worstGroups(findings)),
    `${passed ? 'PASSED' : 'FAILED'} in ${seconds(elapsedMs)}`,
  ].join('\n\n');
}

function summary({ flights, verdict, counts, tally, failedReads, takeovers }: Findings): Rows {
  const { groupName } = flights;
  const repeated = counts.repeatedBlockRecords + counts.repeatedRecords;
  return [
    ['flights', 'count', 'remarks'],
    ['produced', integer(verdict.produced), `of ${integer(flights.flights.length)} in the file`],
    ['processed', integer(verdict.processed), `${integer(verdict.foreign)} of them not as produced`],
    ['lost', integer(verdict.lost), 'in the file and never processed'],
    ['out of order', integer(verdict.outOfOrder), 'in a shard, or from parent to child shard'],
    ['processed twice', integer(verdict.appliedTwice), ''],
    ['duplicates skipped', integer(repeated), recognised(counts)],
    ['recovered ranges', integer(tally.recoveredRanges), `while ${integer(failedReads.errors + failedReads.throttled)} reads failed`],
    ['recovered records', integer(tally.recoveredRecords), 'were in a buffer when a read failed'],
    ['calls tried again', integer(tally.retries), ''],
    ['pipelines restarted', integer(tally.restarts), ''],
    ['checkpoints written', integer(tally.checkpoints), ''],
    ...takeovers.map(({ totalMs, startMs }, i) => [
      `takeover ${i + 1}`,
      seconds(totalMs),
      `after SIGKILL; ${seconds(startMs)} to start a process`,
    ]),
    ['differing means', integer(verdict.differing.length), `of ${integer(verdict.groups)} ${groupName}s, compared with the file`],
  ];
}

/** How the sink knew that records came again. */
function recognised({ repeatedBlockRecords, repeatedRecords }: SinkCounts): string {
  return `${integer(repeatedBlockRecords)} by block id, ${integer(repeatedRecords)} by place in the shard`;
}

function worstGroups({ flights, totals, verdict }: Findings): Rows {
  const expected = totalsOf(flights.flights);
  const worst = [...totals]
    .filter(([, total]) => total.flights >= MIN_FLIGHTS)
    .sort(([, a], [, b]) => meanDelay(b) - meanDelay(a))
    .slice(0, WORST);
  const rows = worst.map(([group, total]) => {
    const fromFile = meanDelay(expected.get(group) ?? NOTHING);
    return [
      group,
      integer(total.flights),
      minutes(meanDelay(total)),
      minutes(fromFile),
      verdict.differing.includes(group) ? 'differs' : 'same',
    ];
  });
  return [[flights.groupName, 'flights', 'from the stream', 'from the file', ''], ...rows];
}

function minutes(mean: number): string {
  return mean.toFixed(3);
}

/** Draws rows with a frame; the first row is the heading, and columns of numbers are set to the right. */
export function drawTable([heading = [], ...rows]: Rows): string {
  const widths = heading.map((_, column) => Math.max(...[heading, ...rows].map((row) => (row[column] ?? '').length)));
  const isNumeric = heading.map((_, column) => rows.every((row) => /^[-\d. ]*( s)?$/.test(row[column] ?? '')));
  const drawRow = (row: readonly string[]): string => {
    const cells = widths.map((width, column) => {
      const cell = row[column] ?? '';
      return isNumeric[column] ? cell.padStart(width) : cell.padEnd(width);
    });
    return `│ ${cells.join(' │ ')} │`;
  };
  const rule = (left: string, cross: string, right: string): string =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(cross) + right;
  return [rule('┌', '┬', '┐'), drawRow(heading), rule('├', '┼', '┤'), ...rows.map(drawRow), rule('└', '┴', '┘')].join('\n');
}
