import { isObject } from './isObject.js';

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
  /** Identifies the kind of error; safe to compare and to put in a metric. */
  abstract readonly code: RxKinesisErrorCode;

  /** Whether the same call may succeed when it is made again. */
  abstract readonly retriable: boolean;

  /** The guards recognise the errors of every copy of this package by this mark. */
  readonly [BRAND] = true;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }

  /** For logs: name, message, code and ids of the error, and its cause reduced to a {@link Fault}. */
  toJSON(): Fault {
    return { ...this, message: this.message, cause: faultOf(this.cause) };
  }
}

/** An error reduced to what is safe to log. Errors of this package add fields of their own. */
export interface Fault {
  /** The error's name, such as `AccessDeniedException`. */
  readonly name: string;
  /** Of an error of this package, and in what is logged of errors of the user's own pipeline; else absent. */
  readonly message?: string | undefined;
  /** Where it was thrown: file, line and column. Only in what is logged of errors of the user's own pipeline. */
  readonly at?: string | undefined;
  readonly code?: string | undefined;
  /** The status of the answer of a service, such as 400. */
  readonly httpStatusCode?: number | undefined;
  /** The id that the service gave the request, for its support. */
  readonly requestId?: string | undefined;
  /** The cause, reduced likewise. */
  readonly cause?: Fault | undefined;
}

/**
 * Reduces an error to what is safe to log. An error of this package keeps everything but the message of a foreign cause. Any other error
 * keeps its name, its code, and the service's status and request id, and so does its cause: its message may quote credentials, payloads
 * or keys.
 */
export function faultOf(error: unknown, depth = 3): Fault | undefined {
  if (isRxKinesisError(error)) return error.toJSON();
  if (error === undefined || depth < 0) return undefined;
  const { name, code, $metadata, cause } = (error ?? {}) as ForeignError;
  return {
    name: wordOf(name) ?? typeof error,
    code: wordOf(code),
    httpStatusCode: Number($metadata?.httpStatusCode) || undefined,
    requestId: wordOf($metadata?.requestId),
    cause: faultOf(cause, depth - 1),
  };
}

interface ForeignError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown; readonly requestId?: unknown };
}

/** The value if it looks like a name or an id, as services and Node give them; a free text does not. */
export function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.:#-]{1,100}$/.test(value) ? value : undefined;
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
  return isObject(error) && BRAND in error;
}

/** Whether an error says itself that the same would fail again: one of this package, or of anybody who gives it `retriable: false`. */
export function isFinal(error: unknown): boolean {
  return (error as { readonly retriable?: unknown } | undefined | null)?.retriable === false;
}

/** Makes a guard for one `code`. */
export function guardFor<E extends RxKinesisError>(code: E['code']): (error: unknown) => error is E {
  return (error): error is E => isRxKinesisError(error) && error.code === code;
}

/** A parameter or a config field is invalid. Thrown when the function is called. Not retriable. */
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
 * Kinesis or the store has never answered, and the cause is the set-up and not a passing fault: no region, an unknown host, nothing that
 * listens at the endpoint, another protocol or service. The message says what to do, and where it was asked.
 * Not retriable.
 */
export class UnreachableError extends RxKinesisError {
  readonly code = 'UNREACHABLE';
  readonly retriable = false;
  /** `Kinesis` or `the store`. */
  readonly service: string;
  /** The name of the stream that was to be read, without account and region, as far as it is known. */
  readonly streamName: string | undefined;

  constructor(service: string, advice: string, cause: unknown, streamName?: string) {
    super(`${streamName === undefined ? '' : `${streamName}: `}${service} cannot be reached: ${advice}`, { cause });
    this.service = service;
    this.streamName = streamName;
  }
}

/** Whether `error` is an {@link UnreachableError}. */
export const isUnreachable = /* @__PURE__ */ guardFor<UnreachableError>('UNREACHABLE');
