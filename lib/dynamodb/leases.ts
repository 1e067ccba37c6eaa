import { defer, filter, map, of, repeat, switchMap, take, throwError, throwIfEmpty, type Observable } from 'rxjs';
import { assertNotBackwards, isStart } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint, Lease } from '../checkpoints/checkpoint-store.js';
import { CheckpointError, LeaseLostError } from '../checkpoints/errors.js';
import { comparePositions } from '../values/position.js';
import type { LeaseRequests } from './lease-requests.js';
import { newRow, readRow, type InitialPosition, type Item, type LeaseRow } from './lease-row.js';
import { checkpointUpdate, releaseUpdate, takeUpdate } from './lease-updates.js';
import { HeldLease } from './held-lease.js';
import type { ShardIdentity, ShardName } from '../values/shard-id.js';

/** Who takes leases, and what a new row says. */
export interface LeasesConfig {
  readonly tableName: string;
  readonly workerId: string;
  readonly initialPosition: InitialPosition;
}

/** How often to read a row again that other workers keep changing. */
const MAX_TAKE_ATTEMPTS = 5;

/** The leases of one worker. The calls for one shard must be made one at a time. */
export class Leases {
  readonly #requests: LeaseRequests;
  readonly #config: LeasesConfig;
  readonly #tenures = new Map<string, HeldLease>();

  constructor(requests: LeaseRequests, config: LeasesConfig) {
    this.#requests = requests;
    this.#config = config;
  }

  /** Emits the stored checkpoint, or `undefined` when the shard has no row or a row that says only where to begin. */
  read({ streamName, shardId }: ShardName): Observable<Checkpoint | undefined> {
    return this.#row(shardId).pipe(
      map((row) => (row && !isStart(row.checkpoint) ? { streamName, shardId, ...row.checkpoint } : undefined)),
    );
  }

  /** Makes this worker the owner, whoever it was. */
  take(shard: ShardIdentity): Observable<Lease> {
    return this.#begin(shard).pipe(map(({ leaseCounter, lost$ }) => ({ fencingToken: String(leaseCounter), lost$ })));
  }

  /** Stores the checkpoint if this worker still owns the shard; takes it first if it never has. */
  write(checkpoint: Checkpoint, shard: ShardIdentity): Observable<undefined> {
    return defer(() => {
      const tenure = this.#tenures.get(shard.shardId);
      return tenure ? of(tenure) : this.#begin(shard);
    }).pipe(switchMap((tenure) => this.#writeDuring(tenure, checkpoint)));
  }

  /** Gives the lease up; one that is no longer held is left alone. */
  release({ shardId }: ShardName): Observable<undefined> {
    return defer(() => {
      const tenure = this.#tenures.get(shardId);
      return tenure?.isOpen ? this.#releaseDuring(tenure, shardId) : of(undefined);
    });
  }

  #begin(shard: ShardIdentity): Observable<HeldLease> {
    return defer(() => this.#tryToTake(shard)).pipe(
      repeat(MAX_TAKE_ATTEMPTS),
      filter((row) => row !== undefined),
      take(1),
      throwIfEmpty(() => contended(shard)),
      map((row) => {
        const tenure = new HeldLease(row, this.#config.workerId);
        const former = this.#tenures.get(shard.shardId);
        this.#tenures.set(shard.shardId, tenure);
        former?.end();
        return tenure;
      }),
    );
  }

  /** Emits the row as taken, or `undefined` when another worker changed it since it was read. */
  #tryToTake(shard: ShardIdentity): Observable<LeaseRow | undefined> {
    return this.#row(shard.shardId).pipe(
      switchMap((row) => (row ? of(row) : this.#create(shard))),
      switchMap((row) => (row ? this.#takeRow(shard, row) : of(undefined))),
    );
  }

  #create(shard: ShardIdentity): Observable<LeaseRow | undefined> {
    const item = newRow(shard, this.#config.initialPosition);
    return this.#requests.createRow(item).pipe(map((created) => (created ? this.#parse(item, shard.shardId) : undefined)));
  }

  #takeRow({ shardId }: ShardName, row: LeaseRow): Observable<LeaseRow | undefined> {
    const taken = { ...row, leaseCounter: row.leaseCounter + 1 };
    return this.#requests.updateRow(shardId, takeUpdate(row, this.#config.workerId)).pipe(map((done) => (done ? taken : undefined)));
  }

  #writeDuring(tenure: HeldLease, checkpoint: Checkpoint): Observable<undefined> {
    if (!tenure.isOpen) return throwError(() => new LeaseLostError(checkpoint));
    assertNotBackwards(tenure.checkpoint, checkpoint);
    tenure.sending(checkpoint);
    return this.#requests.updateRow(checkpoint.shardId, checkpointUpdate(tenure.leaseCounter, checkpoint)).pipe(
      switchMap((done) => {
        if (!done) return this.#resume(tenure, checkpoint);
        tenure.wrote(checkpoint);
        return of(undefined);
      }),
    );
  }

  /** After a refused write: it may be this worker's own earlier request, of which it had no reply, that changed the row. */
  #resume(tenure: HeldLease, checkpoint: Checkpoint): Observable<undefined> {
    return this.#row(checkpoint.shardId).pipe(
      switchMap((row) => {
        if (!tenure.adopt(row)) {
          tenure.lose();
          return throwError(() => new LeaseLostError(checkpoint));
        }
        return comparePositions(tenure.checkpoint, checkpoint) === 0 ? of(undefined) : this.#writeDuring(tenure, checkpoint);
      }),
    );
  }

  #releaseDuring(tenure: HeldLease, shardId: string): Observable<undefined> {
    return this.#requests.updateRow(shardId, releaseUpdate(tenure.leaseCounter, this.#config.workerId)).pipe(
      switchMap((done) => (done ? of(false) : this.#row(shardId).pipe(map((row) => tenure.adopt(row))))),
      switchMap((again) => {
        if (again) return this.#releaseDuring(tenure, shardId);
        tenure.end();
        return of(undefined);
      }),
    );
  }

  #row(shardId: string): Observable<LeaseRow | undefined> {
    return this.#requests.getRow(shardId).pipe(map((item) => item && this.#parse(item, shardId)));
  }

  #parse(item: Item, shardId: string): LeaseRow {
    return readRow(item, `table "${this.#config.tableName}", key ${shardId}`);
  }
}

function contended({ streamName, shardId }: ShardName): CheckpointError {
  return new CheckpointError(`the lease was changed by others ${MAX_TAKE_ATTEMPTS} times while it was being taken`, {
    streamName,
    shardId,
    retriable: true,
  });
}
