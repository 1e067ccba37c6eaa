import type { Position } from '../../values/position.js';

/** What to do with an aggregate that holds user records of other shards, see {@link AggregateConfig}. */
export type OutOfRangePolicy = 'drop-aggregate' | 'drop-records' | 'keep';

/** Every policy there is. */
export const OUT_OF_RANGE_POLICIES: readonly OutOfRangePolicy[] = ['drop-aggregate', 'drop-records', 'keep'];

/** How aggregates are opened. */
export interface AggregateConfig {
  /**
   * What happens to an aggregate with user records outside `hashKeyRange`: all of it is dropped, as KCL does (`drop-aggregate`), only those
   * records are (`drop-records`), or none (`keep`). @defaultValue `drop-aggregate`
   */
  readonly outOfRange?: OutOfRangePolicy;
  /** Is told of each aggregate that is not what it should be. @defaultValue nobody is */
  readonly report?: (problem: AggregateProblem) => void;
}

/** An aggregate of which something is dropped, or that is passed on unopened. Holds no key and no payload. */
export type AggregateProblem =
  | {
      readonly type: 'malformed';
      /** Where the record is. */
      readonly position: Position;
      /**
       * What is wrong, where the record begins like an aggregate: its checksum; its message; a record that names a key which is not in the
       * table; an explicit hash key that is no number. It is passed on as a plain record.
       */
      readonly reason: 'checksum' | 'hash-key' | 'key-index' | 'message';
    }
  | {
      readonly type: 'out-of-range';
      readonly position: Position;
      /** How many user records are in the aggregate. */
      readonly records: number;
      /** How many of them lie outside the shard's hash keys. */
      readonly outside: number;
      /** How many were dropped. */
      readonly dropped: number;
    };
