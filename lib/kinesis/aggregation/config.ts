import type { Position } from '../../values/position.js';

/** What to do with an aggregate that holds user records of other shards, see {@link AggregateConfig}. */
export type OutOfRangePolicy = 'drop-aggregate' | 'drop-records' | 'keep';

/** Every policy there is. */
export const OUT_OF_RANGE_POLICIES: readonly OutOfRangePolicy[] = ['drop-aggregate', 'drop-records', 'keep'];

/** How aggregates are opened. */
export interface AggregateConfig {
  /**
   * What to do with an aggregate that has user records outside `hashKeyRange`: drop all of it, as KCL does (`drop-aggregate`), drop only
   * those records (`drop-records`), or drop nothing (`keep`). @defaultValue `drop-aggregate`
   */
  readonly outOfRange?: OutOfRangePolicy | undefined;
  /** Called with each aggregate that is malformed or has user records out of range. @defaultValue none */
  readonly report?: ((problem: AggregateProblem) => void) | undefined;
}

/** An aggregate that is malformed, or has user records out of range. The problem has no key and no payload. */
export type AggregateProblem =
  | {
      readonly type: 'malformed';
      /** Where the record is. */
      readonly position: Position;
      /**
       * What is wrong with a record that begins like an aggregate: its checksum; its message; a user record with the index of a key that is
       * not in the table; an explicit hash key that is not a number. It is emitted as a plain record.
       */
      readonly reason: 'checksum' | 'hash-key' | 'key-index' | 'message';
    }
  | {
      readonly type: 'out-of-range';
      readonly position: Position;
      /** How many user records are in the aggregate. */
      readonly records: number;
      /** How many of them lie outside the hash key range. */
      readonly outside: number;
      /** How many were dropped. */
      readonly dropped: number;
    };
