import type { Exchange } from '../support/fault-proxy.js';

/** A change of a lease's row that the table has made. */
export interface RowWrite {
  /** When it was sent to the table, by the wall clock. */
  readonly at: number;
  /** The process that sent it. */
  readonly processId: string;
  readonly shardId: string;
  readonly type: 'change' | 'create' | 'delete';
  readonly leaseCounter: number;
  /** Whether its sender shows by it that it is alive, for all its leases. */
  readonly isPulse: boolean;
  /** Where it is given. */
  readonly checkpoint?: string;
  /** Whether it makes its sender the holder of the lease. */
  readonly takes: boolean;
  /** Whether it removes an owner that is gone, so that anybody may take the lease. */
  readonly frees: boolean;
  /** Whether it hands the lease over to the worker that asked for it, which may take it, or release it because it stops. */
  readonly handsOver: boolean;
}

/** The parts of a request that are looked at. */
interface RowRequest {
  readonly Key?: { readonly leaseKey: { readonly S: string } };
  readonly Item?: Attributes;
  readonly ExpressionAttributeValues?: Attributes;
  readonly UpdateExpression?: string;
}

type Attributes = Readonly<Record<string, { readonly S?: string; readonly N?: string } | undefined>>;

/**
 * Every change of a row that the table has made, whatever its sender came to know of it.
 *
 * @remarks Requests that leave the counter as it is only ask for a lease, or take that back, and are left out.
 */
export class TableJournal {
  readonly writes: RowWrite[] = [];

  readonly watch = ({ operation, headers, body, sentAt: at, status }: Exchange): void => {
    if (status !== 200 || !['DeleteItem', 'PutItem', 'UpdateItem'].includes(operation)) return;
    const { Key, Item, ExpressionAttributeValues: values = {}, UpdateExpression = '' } = JSON.parse(body.toString()) as RowRequest;
    const processId = /torture\/([\d.]+)/.exec(String(headers['user-agent']))?.[1] ?? '?';
    const shardId = Key?.leaseKey.S ?? Item?.leaseKey?.S ?? '';
    const type = operation === 'DeleteItem' ? 'delete' : operation === 'PutItem' ? 'create' : 'change';
    const prefix = type === 'change' ? ':' : '';
    const given = Item ?? values;
    const counter = type === 'delete' ? values[':counter'] : given[`${prefix}leaseCounter`];
    if (counter?.N === undefined) return;
    const checkpoint = given[`${prefix}checkpoint`]?.S;
    const isPulse = given[`${prefix}pulse`] !== undefined;
    const takes = given[`${prefix}leaseOwner`] !== undefined;
    // A worker that releases its own lease leaves `checkpointOwner` alone.
    const frees = /REMOVE .*\bleaseOwner\b.*\bcheckpointOwner\b/.test(UpdateExpression);
    const handsOver = !takes && values[':was_leaseOwner'] !== undefined && values[':was_checkpointOwner'] !== undefined;
    this.writes.push({ at, processId, shardId, type, leaseCounter: Number(counter.N), isPulse, checkpoint, takes, frees, handsOver });
  };

  /** The writes of each row, in the order in which the table made them: each adds 1 to the counter, and a deleted row begins anew. */
  byShard(): Map<string, RowWrite[]> {
    const lives = new Map<string, RowWrite[][]>();
    for (const write of this.writes) {
      const rows = lives.get(write.shardId) ?? [[]];
      lives.set(write.shardId, rows);
      rows.at(-1)!.push(write);
      if (write.type === 'delete') rows.push([]);
    }
    // Two answers may come here in another order than they were given.
    const inOrder = (life: RowWrite[]): RowWrite[] => life.sort((a, b) => rank(a) - rank(b));
    return new Map([...lives].map(([shardId, rows]) => [shardId, rows.flatMap(inOrder)]));
  }
}

function rank({ type, leaseCounter }: RowWrite): number {
  return type === 'delete' ? Infinity : leaseCounter;
}
