import type { History, WorkedBlock } from './history.js';
import type { ShardAccount } from './shard-account.js';
import type { RowWrite } from './table-journal.js';

type Accounts = ReadonlyMap<string, ShardAccount>;

/** Every record was worked on. */
export function lostRecords(accounts: Accounts): string[] {
  return [...accounts.values()].flatMap((account) => {
    const lost = account.lost();
    return lost.length === 0
      ? []
      : [`${account.shardId}: ${lost.length} of ${account.size} records were never worked on, first ${lost[0]}`];
  });
}

/**
 * One pipeline repeats nothing, skips nothing but what was done before (the table says what is settled beyond the checkpoint), and one that
 * works on one block after the other keeps the order.
 */
export function orderWithin(blocks: readonly WorkedBlock[], accounts: Accounts): string[] {
  const tenures = new Map<string, WorkedBlock[]>();
  for (const block of blocks) {
    const worked = tenures.get(block.tenure) ?? [];
    tenures.set(block.tenure, worked);
    worked.push(block);
  }
  return [...tenures].flatMap(([tenure, worked]) => {
    const account = accounts.get(worked[0]!.shardId)!;
    return orderOf(worked, account).map((fault) => `${account.shardId} in ${tenure}: ${fault}`);
  });
}

function orderOf(worked: readonly WorkedBlock[], account: ShardAccount): string[] {
  const faults: string[] = [];
  const seen = new Set<number>();
  let next: number | undefined = 0;
  for (const { numbers, inOrder, at } of worked) {
    // Of blocks that are worked on at once, one that comes before may still be at work, or was cut off.
    if (!inOrder) next = undefined;
    for (const number of numbers) {
      const index = account.indexOf(number);
      if (index === undefined) return [...faults, `a record that was never put: ${number}`];
      if (seen.has(index)) faults.push(`record ${index} is repeated`);
      else if (next !== undefined && index < next) faults.push(`record ${index} follows ${next - 1}`);
      else if (next !== undefined && !account.isDone(next, index, at))
        faults.push(`begins or goes on at ${index}, and not all from ${next} on is done`);
      seen.add(index);
      next = index + 1;
    }
  }
  return faults;
}

/** No record of a child is worked on before the last of its parents. */
export function parentsFirst(blocks: readonly WorkedBlock[], accounts: Accounts): string[] {
  const began = new Map<string, number>();
  for (const { shardId, at } of blocks) began.set(shardId, Math.min(began.get(shardId) ?? Infinity, at));
  return [...began].flatMap(([shardId, at]) =>
    accounts.get(shardId)!.parents.flatMap((id) => {
      const parent = accounts.get(id);
      return parent && parent.doneUpTo(parent.size) > at ? [`${shardId} began before its parent ${id} was done`] : [];
    }),
  );
}

/** The checkpoints of a row never go back, and each says only what was done when it was sent. */
export function checkpoints(writes: readonly RowWrite[], account: ShardAccount): string[] {
  const faults: string[] = [];
  let before = 0;
  for (const { checkpoint, at, processId } of writes) {
    if (checkpoint === undefined) continue;
    const count = countUpTo(checkpoint, account);
    const where = `${account.shardId}: the checkpoint of ${processId} at ${new Date(at).toISOString()}`;
    if (count === undefined) faults.push(`${where} is at ${checkpoint}, where there is no record`);
    else {
      if (count < before) faults.push(`${where} goes back from ${before} records to ${count}`);
      if (account.doneUpTo(count) > at) faults.push(`${where} says that ${count} records are done, and some of them are not`);
      before = count;
    }
  }
  return faults;
}

/**
 * After the first write of whoever took a lease, nobody else writes until somebody takes it, or it is handed over, or it is freed, which
 * must not happen before it, or the pulse of its holder, has stood still for the failover time.
 *
 * @param writes - those of one row. @param pulses - those of all rows that are pulses.
 */
export function writers(writes: readonly RowWrite[], failoverTimeMs: number, pulses: readonly RowWrite[] = []): string[] {
  let holder: string | undefined;
  let isHandedOver = false;
  let wroteAt = -Infinity;
  return writes.flatMap(({ type, processId, takes, handsOver, frees, shardId, leaseCounter, at }) => {
    const isFreeable = frees && (at - wroteAt >= failoverTimeMs || at - lastPulse(pulses, holder, at) >= failoverTimeMs);
    wroteAt = at;
    if (type === 'delete') holder = undefined;
    if (takes || isHandedOver) holder = processId;
    isHandedOver = handsOver && processId === holder;
    const isAllowed = type !== 'change' || takes || (frees ? isFreeable : processId === holder);
    const former = holder ?? 'nobody';
    if (frees) holder = undefined;
    return isAllowed ? [] : [`${shardId}: ${processId} wrote at ${leaseCounter}, although ${former} held the lease`];
  });
}

/** When a process last wrote its pulse before a time; the time itself if it has not. */
function lastPulse(pulses: readonly RowWrite[], processId: string | undefined, before: number): number {
  const times = pulses.filter((pulse) => pulse.processId === processId && pulse.at <= before).map(({ at }) => at);
  return times.length === 0 ? before : Math.max(...times);
}

/** A worker hears that a lease was taken from it only when another process has taken it, or the row was deleted. */
export function lostForNothing({ events }: Pick<History, 'events'>, writes: ReadonlyMap<string, readonly RowWrite[]>): string[] {
  const lost = events.filter(({ type, reason }) => type === 'leaseLost' && reason === 'taken');
  return lost.flatMap(({ shardId, processId, at }) => {
    const before = (writes.get(shardId!) ?? []).filter((write) => write.at <= at);
    const own = before.map((write) => write.takes && write.processId === processId).lastIndexOf(true);
    const isTaken = before.slice(own + 1).some(({ type, takes, frees }) => takes || frees || type === 'delete');
    return isTaken ? [] : [`${shardId}: ${processId} gave its lease up at ${new Date(at).toISOString()}, although nobody had taken it`];
  });
}

/** At the end the table says of each shard that all of it is done. */
export function lastCheckpoints(writes: ReadonlyMap<string, readonly RowWrite[]>, accounts: Accounts): string[] {
  return [...accounts.values()].flatMap((account) => {
    const told = (writes.get(account.shardId) ?? []).flatMap(({ checkpoint }) => checkpoint ?? []);
    const last = told.at(-1);
    const count = countUpTo(last ?? 'TRIM_HORIZON', account);
    return count === account.size
      ? []
      : [`${account.shardId}: the last checkpoint is ${last}, and not that of all ${account.size} records`];
  });
}

/** No fault here lasts, so none may end a pipeline. */
export function tornDown({ events, failures }: History): string[] {
  const torn = events.filter(({ type }) => ['gap', 'pipelineCompleted', 'shardFailed', 'shardRestarted', 'stopTimedOut'].includes(type));
  return [...failures, ...torn.map(({ type, processId, shardId, error }) => `${processId}: ${type} ${shardId ?? ''} ${error ?? ''}`)];
}

/** How many records a checkpoint says are done. */
function countUpTo(checkpoint: string, account: ShardAccount): number | undefined {
  if (checkpoint === 'TRIM_HORIZON') return 0;
  if (checkpoint === 'SHARD_END') return account.size;
  const index = account.indexOf(checkpoint);
  return index === undefined ? undefined : index + 1;
}
