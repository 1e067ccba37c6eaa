import { loadRows, type BlockTraces } from './block-traces.js';
import type { Takeover } from './fleet.js';
import { integer, percent, seconds, shortId } from './format.js';
import { meanDelay, NOTHING, totalsOf, type Flights, type Total } from './flights.js';
import type { Proxy } from './proxy.js';
import { FAILOVER_MS } from './settings.js';
import { drawShardGraph, type ShardSummary } from './shard-graph.js';
import type { SinkCounts } from './sink-database.js';
import { coloured, drawTable, type Rows } from './table.js';
import { recoveredFromBuffers, type Tally } from './tally.js';
import { tenureRows, type Tenure } from './tenures.js';
import type { Verdict } from './verification.js';
import type { ToldAlert } from './watch.js';

/** Everything that the demo has found out. */
export interface Findings {
  readonly flights: Flights;
  readonly verdict: Verdict;
  readonly counts: SinkCounts;
  readonly totals: ReadonlyMap<string, Total>;
  readonly tally: Tally;
  readonly failedReads: Proxy['failed'];
  readonly takeovers: readonly Takeover[];
  readonly tenures: readonly Tenure[];
  readonly traces: Pick<BlockTraces, 'loadsOf'>;
  /** How many blocks are in the bucket at the end. */
  readonly leftBlocks: number;
  readonly shards: readonly ShardSummary[];
  readonly alerts: readonly ToldAlert[];
  /** Whether all interventions were carried out, and all that was produced came to be processed. */
  readonly isComplete: boolean;
  /** Whether the workers ended by themselves when they were asked to. */
  readonly hasStopped: boolean;
  /** When the demo began, in ms since 1970. */
  readonly startedAt: number;
  readonly elapsedMs: number;
  /** Why the demo failed; empty when it passed. */
  readonly failures: readonly string[];
}

/** Groups with fewer flights are left out of the worst: one late plane would be a record. */
const MIN_FLIGHTS = 30;
const WORST = 5;

/** The report: the tables, the shard graph and the worst groups. */
export function report(findings: Findings): string {
  const { flights, shards, tenures, traces, startedAt, tally } = findings;
  const { groupName } = flights;
  return [
    drawTable(summary(findings)),
    `Who read what, from the first page to the last, and for how long nobody did when the owner changed (failover time: ${seconds(FAILOVER_MS)})`,
    drawTable(tenureRows(tenures, startedAt)),
    'Blocks at MEMORY_AND_DISK_2: what had happened to their copies when they were needed, and where they came from',
    drawTable(loadRows(traces)),
    'Shard graph: records processed of those produced, and what became of the shard',
    drawShardGraph(shards),
    `The ${WORST} worst ${groupName}s (of those with ${MIN_FLIGHTS} flights or more): mean delay in minutes`,
    drawTable(worstGroups(findings)),
    'Alerts: when they were raised and cleared, what was measured when they were raised, and what is allowed',
    drawTable(alertRows(findings.alerts)),
    `Lost in a buffer and read again from Kinesis, ${tally.lostRanges.length === 0 ? 'nothing' : 'the first ranges'}:`,
    ...(tally.lostRanges.length > 0 ? [tally.lostRanges.map((range) => `  ${range}`).join('\n')] : []),
    outcome(findings),
  ].join('\n\n');
}

function outcome({ failures, elapsedMs }: Findings): string {
  const time = `in ${seconds(elapsedMs)}`;
  if (failures.length === 0) return coloured('green', `PASSED ${time}`);
  return coloured('red', [`FAILED ${time}:`, ...failures.map((failure) => `  ${failure}`)].join('\n'));
}

function summary({ flights, verdict, counts, tally, failedReads, takeovers, leftBlocks }: Findings): Rows {
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
    ['refused blocks', integer(counts.refusedBlocks), 'of a worker that had lost the shard'],
    ['read again: ranges', integer(tally.recoveredRanges), 'from Kinesis'],
    ['read again: records', integer(tally.recoveredRecords), lostHow(tally)],
    ['reads tried again', integer(tally.retries), `after ${integer(failedReads.errors + failedReads.throttled)} that failed`],
    ['pipelines restarted', integer(tally.restarts), ''],
    ['checkpoints written', integer(tally.checkpoints), ''],
    ['blocks left over', integer(leftBlocks), 'in the replica'],
    ...takeovers.map(({ killed, shards, successor, totalMs, startMs }, i) => [
      `takeover ${i + 1}`,
      seconds(totalMs),
      `from SIGKILL of ${killed} until others read its shards (${integer(shards)}); ${seconds(startMs)} to start ${successor}`,
    ]),
    ['differing means', integer(verdict.differing.length), `of ${integer(verdict.groups)} ${groupName}s, compared with the file`],
  ];
}

function lostHow(tally: Tally): string {
  return `${integer(recoveredFromBuffers(tally))} lost in a buffer, ${integer(tally.recoveredBlockRecords)} with all copies of a block`;
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
