import type { Observable } from 'rxjs';
import { isObject } from '../values/isObject.js';

/**
 * The mark of records whose reader is of this package: it errors by itself when it makes no progress, and sees empty pages, which whoever waits
 * for the records does not. Every copy of the package in a process knows it by this symbol.
 */
const HAS_OWN_PATIENCE: unique symbol = Symbol.for('rx-kinesis/1/hasOwnPatience') as never;

/** Marks records whose reader errors by itself when it makes no progress. */
export function withOwnPatience<T>(records$: Observable<T>): Observable<T> {
  return Object.defineProperty(records$, HAS_OWN_PATIENCE, { value: true });
}

/** Whether the reader of these records errors by itself when it makes no progress. */
export function hasOwnPatience(records$: unknown): boolean {
  return isObject(records$) && HAS_OWN_PATIENCE in records$;
}
