import { faultOf, isRxKinesisError, type Fault } from '../values/errors.js';
import type { UntimedEvent } from './events.js';

/**
 * Reduces an event's error to what may be shown.
 *
 * @remarks
 * Errors of this package show everything but the messages of foreign causes. Errors of a service, a store or the network show their names
 * and codes only, since their messages may quote credentials or payloads. Errors that the user's own pipeline throws show where they were thrown, and
 * their message on one line, cut short; except a parser's SyntaxError, which quotes its input.
 */
export function shownError(event: UntimedEvent): Fault | undefined {
  if (!('error' in event)) return undefined;
  const { error, type } = event;
  const fault = faultOf(error) ?? { name: 'undefined' };
  if (!OF_THE_USER.includes(type) || isRxKinesisError(error) || isOfService(error)) return fault;
  const { message, stack }: { readonly message?: unknown; readonly stack?: unknown } = error instanceof Object ? error : { message: error };
  if (typeof message !== 'string') return fault;
  const at = typeof stack === 'string' ? thrownAt(stack, message) : undefined;
  return {
    ...fault,
    ...(fault.name !== 'SyntaxError' && { message: oneLine(message).slice(0, MAX_MESSAGE_LENGTH) }),
    ...(at !== undefined && { at }),
  };
}

/** The place in a stack that is the user's code, if one is, or else the first one of a package. Looked for behind the message, which may have such lines. */
function thrownAt(stack: string, message: string): string | undefined {
  const index = stack.indexOf(message);
  if (index < 0) return undefined;
  const places = stack
    .slice(index + message.length)
    .split('\n')
    .flatMap((line) => PLACE.exec(line)?.[1] ?? []);
  const place = places.find((each) => !each.includes('node_modules')) ?? places[0];
  return place && oneLine(place).slice(0, MAX_PLACE_LENGTH);
}

/** A line for people. */
export function faultToString({ name, message, at, code, httpStatusCode, cause }: Fault): string {
  const details = [code, httpStatusCode].filter((detail) => detail !== undefined);
  const called = details.length > 0 ? `${name} (${details.join(', ')})` : name;
  const whole = [called, ...(message === undefined ? [] : [`: ${message}`]), ...(at === undefined ? [] : [` at ${at}`])].join('');
  return [whole, ...(cause ? [faultToString(cause)] : [])].join(', caused by ');
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

/** A line of a stack, as V8 writes it, that is no part of Node: the file, the line and the column. */
const PLACE = /^ +at (?:.* \()?((?!node:)[^()]+:\d+:\d+)\)?$/;
const MAX_PLACE_LENGTH = 200;
