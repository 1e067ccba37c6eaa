import { faultOf, isRxKinesisError, type Fault } from '../values/errors.js';
import type { UntimedEvent } from './events.js';

/**
 * Reduces an event's error to what may be shown.
 *
 * @remarks
 * Errors of this package show everything but the messages of foreign causes. Errors of a service, a store or the network show their names
 * and codes only, since their messages may quote credentials or payloads. Errors that the user's own pipeline throws show their message on
 * one line, cut short; except a parser's SyntaxError, which quotes its input.
 */
export function shownError(event: UntimedEvent): Fault | undefined {
  if (!('error' in event)) return undefined;
  const { error, type } = event;
  const fault = faultOf(error) ?? { name: 'undefined' };
  if (!OF_THE_USER.includes(type) || isRxKinesisError(error) || isOfService(error) || fault.name === 'SyntaxError') return fault;
  const message = error instanceof Object ? (error as { readonly message?: unknown }).message : error;
  return typeof message === 'string' ? { ...fault, message: oneLine(message).slice(0, MAX_MESSAGE_LENGTH) } : fault;
}

/** A line for people. */
export function faultToString({ name, message, code, httpStatusCode, cause }: Fault): string {
  const details = [code, httpStatusCode].filter((detail) => detail !== undefined);
  const called = details.length > 0 ? `${name} (${details.join(', ')})` : name;
  return [message === undefined ? called : `${called}: ${message}`, ...(cause ? [faultToString(cause)] : [])].join(', caused by ');
}

/** Replaces line breaks and other control characters, so that a message cannot add lines of its own to a log. */
export function oneLine(text: string): string {
  return text.replace(/[\p{C}\p{Z}]+/gu, ' ');
}

/** Whether the error has a field that the AWS SDK adds to errors. */
function isOfService(error: unknown): boolean {
  return error instanceof Object && ('$metadata' in error || '$fault' in error || '$response' in error);
}

/** The events whose errors the user's own pipeline throws. */
const OF_THE_USER: readonly UntimedEvent['type'][] = ['blockFailed', 'blockRetry', 'recoveryStarted', 'shardFailed', 'shardRestarted'];

const MAX_MESSAGE_LENGTH = 300;
