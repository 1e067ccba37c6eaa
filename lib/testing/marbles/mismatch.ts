import { deepEqual, difference } from './deep-equal.js';
import { describeValue } from './describe-value.js';

/** Describes the difference between the messages of a marble test, frame by frame; `undefined` when there is none. */
export function mismatch(actual: readonly unknown[], expected: readonly unknown[]): string | undefined {
  if (deepEqual(actual, expected)) return undefined;
  const length = Math.max(actual.length, expected.length);
  const first = Array.from({ length }, (_, index) => index).findIndex((index) => !sameAt(actual, expected, index));
  const reason = first < Math.min(actual.length, expected.length) ? difference(actual[first], expected[first]) : lengths(actual, expected);
  return [`  ${reason}`, '  actual:', ...listOf(actual, expected, first), '  expected:', ...listOf(expected, actual, first)].join('\n');
}

/** How many messages are shown before and after the first difference. */
const LINES_AROUND = 10;

function listOf(messages: readonly unknown[], others: readonly unknown[], first: number): string[] {
  if (messages.length === 0) return ['    (nothing)'];
  const lines = messages.map((message, index) => `  ${sameAt(messages, others, index) ? ' ' : '>'} ${describeMessage(message)}`);
  const from = Math.max(0, first - LINES_AROUND);
  const shown = lines.slice(from, first + LINES_AROUND);
  const after = lines.length - from - shown.length;
  return [...(from > 0 ? [`    … ${from} before`] : []), ...shown, ...(after > 0 ? [`    … ${after} after`] : [])];
}

function sameAt(a: readonly unknown[], b: readonly unknown[], index: number): boolean {
  return deepEqual(a[index], b[index]);
}

function lengths(actual: readonly unknown[], expected: readonly unknown[]): string {
  return `${actual.length} messages, not ${expected.length}`;
}

/** The two shapes of messages that a TestScheduler compares: notifications and subscriptions. */
interface AnyMessage {
  readonly frame?: number;
  readonly notification?: { readonly kind: 'C' | 'E' | 'N'; readonly value?: unknown; readonly error?: unknown };
  readonly subscribedFrame?: number;
  readonly unsubscribedFrame?: number;
}

function describeMessage(message: unknown): string {
  const { frame, notification, subscribedFrame, unsubscribedFrame } = message as AnyMessage;
  if (!notification) return `subscribed ${describeFrame(subscribedFrame)}, unsubscribed ${describeFrame(unsubscribedFrame)}`;
  const { kind, value, error } = notification;
  const what = kind === 'C' ? 'complete' : kind === 'E' ? `error ${describeValue(error)}` : `next ${describeValue(value)}`;
  return `${describeFrame(frame).padStart(9)}  ${what}`;
}

function describeFrame(frame: number | undefined): string {
  return frame === Infinity || frame === undefined ? 'never' : `${frame} ms`;
}
