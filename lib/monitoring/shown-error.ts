import { faultOf, isRxKinesisError, type Fault } from '../values/errors.js';
import type { UntimedEvent } from './events.js';

/**
 * What may be shown of an event's error.
 *
 * @remarks
 * Of errors of this package all but what their causes say; of those of a service, a store or the network only what they are called, since
 * their messages may quote credentials or payloads. What the user's own pipeline throws is the user's word, and is shown on one
 * line, cut short; but not the parser's, which quotes what it parses.
 */
export function shownError(event: UntimedEvent): Fault | undefined {
  if (!('error' in event)) return undefined;
  const { error, type } = event;
  const fault = faultOf(error) ?? { name: 'undefined' };
  const isOfPipeline = type === 'shardRestarted' || type === 'shardFailed' || type === 'recoveryStarted';
  if (!isOfPipeline || isRxKinesisError(error) || isOfService(error) || fault.name === 'SyntaxError') return fault;
  const message = error instanceof Object ? (error as { readonly message?: unknown }).message : error;
  return typeof message === 'string' ? { ...fault, message: oneLine(message).slice(0, MAX_MESSAGE_LENGTH) } : fault;
}

/** A line for people. */
export function faultToString({ name, message, code, httpStatusCode, cause }: Fault): string {
  const details = [code, httpStatusCode].filter((detail) => detail !== undefined);
  const called = details.length > 0 ? `${name} (${details.join(', ')})` : name;
  return [message === undefined ? called : `${called}: ${message}`, ...(cause ? [faultToString(cause)] : [])].join(', caused by ');
}

/** Without line breaks and other controls, so that nobody writes lines of their own into a log. */
export function oneLine(text: string): string {
  return text.replace(/[\p{C}\p{Z}]+/gu, ' ');
}

/** What the AWS SDK puts on errors. */
function isOfService(error: unknown): boolean {
  return error instanceof Object && ('$metadata' in error || '$fault' in error || '$response' in error);
}

const MAX_MESSAGE_LENGTH = 300;
