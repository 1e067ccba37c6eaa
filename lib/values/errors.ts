const BRAND: unique symbol = Symbol.for('rx-kinesis/error') as never;

/**
 * The base of every error of this package.
 *
 * @remarks
 * Recognise errors with the guards (`isRxKinesisError`, `isLeaseLost`, …) and not with `instanceof`: two copies of the
 * package in one process (ESM and CommonJS) have two sets of classes, but one brand. Messages carry ids and numbers,
 * never a credential, a payload or a partition key.
 */
export abstract class RxKinesisError extends Error {
  /** Says which case this is, in a form that is safe to compare and to put in a metric. */
  abstract readonly code: RxKinesisErrorCode;

  /** Whether the same call may succeed when it is made again. */
  abstract readonly retriable: boolean;

  /** The mark by which the guards know the errors of any copy of this package. */
  readonly [BRAND] = true;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Every `code` that an error of this package can have. */
export type RxKinesisErrorCode =
  | 'BLOCK_STORE'
  | 'BLOCK_UNAVAILABLE'
  | 'CHECKPOINT'
  | 'FOREIGN_CHECKPOINT'
  | 'INVALID_CONFIG'
  | 'INVALID_VALUE'
  | 'LEASE_LOST'
  | 'OUT_OF_ORDER'
  | 'RANGE_EXPIRED'
  | 'RANGE_INCOMPLETE'
  | 'RECOVERY_TIMEOUT'
  | 'SHARD_READ'
  | 'STOP_TIMEOUT'
  | 'STREAM_RECREATED'
  | 'UNREACHABLE';

/** Whether `error` comes from this package, whichever copy of it. */
export function isRxKinesisError(error: unknown): error is RxKinesisError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** Makes a guard for one `code`. */
export function guardFor<E extends RxKinesisError>(code: E['code']): (error: unknown) => error is E {
  return (error): error is E => isRxKinesisError(error) && error.code === code;
}

/** A parameter or config field is not what it must be. Thrown when the function is called. Not retriable. */
export class InvalidConfigError extends RxKinesisError {
  readonly code = 'INVALID_CONFIG';
  readonly retriable = false;
}

/** Whether `error` is an {@link InvalidConfigError}. */
export const isInvalidConfig = /* @__PURE__ */ guardFor<InvalidConfigError>('INVALID_CONFIG');

/** A value read from outside (range JSON, a table row, a stored entry) is malformed. Not retriable. */
export class InvalidValueError extends RxKinesisError {
  readonly code = 'INVALID_VALUE';
  readonly retriable = false;
}

/** Whether `error` is an {@link InvalidValueError}. */
export const isInvalidValue = /* @__PURE__ */ guardFor<InvalidValueError>('INVALID_VALUE');

/**
 * At the start, Kinesis or the store could not be reached, and not because of a passing fault: no region, an unknown host, nobody listening,
 * another protocol. The message says what to do. Not retriable.
 */
export class UnreachableError extends RxKinesisError {
  readonly code = 'UNREACHABLE';
  readonly retriable = false;
  /** `Kinesis` or `the store`. */
  readonly service: string;

  constructor(service: string, advice: string, cause: unknown) {
    super(`${service} cannot be reached: ${advice}`, { cause });
    this.service = service;
  }
}

/** Whether `error` is an {@link UnreachableError}. */
export const isUnreachable = /* @__PURE__ */ guardFor<UnreachableError>('UNREACHABLE');
