import { integer, percent, seconds, shortId } from './format.js';
import { meanDelay, NOTHING, totalsOf, type Flights, type Total } from './flights.js';
import type { Proxy } from './proxy.js';
import { drawShardGraph, type ShardSummary } from './shard-graph.js';
import type { SinkCounts } from './sink-database.js';
import type { Tally } from './tally.js';
import Table from 'cli-table3';
import { styleText } from 'node:util';
import type { Verdict } from './verification.js';
import type { ToldAlert } from './watch.js';
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
  readonly alerts: readonly ToldAlert[];
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
  const { flights, shards, passed, elapsedMs, tally } = findings;
  const { groupName } = flights;
  return [
    drawTable(summary(findings)),
    'Shard graph: records processed of those produced, and what became of the shard',
    drawShardGraph(shards),
    `The ${WORST} worst ${groupName}s (of those with ${MIN_FLIGHTS} flights or more): mean delay in minutes`,
    drawTable(worstGroups(findings)),
    'Alerts: when they were raised and cleared, what was measured when they were raised, and what is allowed',
    drawTable(alertRows(findings.alerts)),
    `Lost in a buffer and read again from Kinesis, ${tally.lostRanges.length === 0 ? 'nothing' : 'the first ranges'}:`,
    ...(tally.lostRanges.length > 0 ? [tally.lostRanges.map((range) => `  ${range}`).join('\n')] : []),
    coloured(passed ? 'green' : 'red', `${passed ? 'PASSED' : 'FAILED'} in ${seconds(elapsedMs)}${reasonOf(findings)}`),
  ].join('\n\n');
}

/** Why the demo failed where the counts do not show it. */
function reasonOf({ tally, hasStopped, isComplete }: Findings): string {
  if (!isComplete) return ': not everything was processed';
  if (!hasStopped) return ': the worker did not stop';
  return tally.recoveredRecords === 0 ? ': nothing was lost in a buffer, so recovery was not seen' : '';
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

/** A row for each alert. */
export function alertRows(alerts: readonly ToldAlert[]): Rows {
  const rows = alerts.map(({ alert: { type, shardId, value, limit }, raisedMs, clearedMs }) => {
    const figure = (one: number | undefined): string => (type === 'stuckShard' ? seconds(one ?? 0) : percent(one));
    const shard = shardId === undefined ? 'the list' : shortId(shardId);
    return [type, shard, seconds(raisedMs), clearedMs === undefined ? 'never' : seconds(clearedMs), figure(value), figure(limit)];
  });
  return [['alert', 'shard', 'raised after', 'cleared after', 'figure', 'limit'], ...rows];
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
  const isNumeric = heading.map((_, column) => rows.every((row) => /^[-\d. ]*( s)?$/.test(row[column] ?? '')));
  const table = new Table({
    head: [...heading],
    colAligns: isNumeric.map((numeric) => (numeric ? 'right' : 'left')),
    style: { head: hasColour() ? ['bold'] : [], border: hasColour() ? ['grey'] : [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

/** On a terminal, unless NO_COLOR says otherwise (https://no-color.org). */
function hasColour(): boolean {
  return process.stdout.isTTY && !process.env.NO_COLOR;
}

function coloured(colour: 'green' | 'red', text: string): string {
  return hasColour() ? styleText(colour, text) : text;
}
