import { isObject } from './isObject.js';

/** Formats a value from outside for a message: short, on one line, and without calling a method of the value. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  return isObject(value) ? typeof value : String(value);
}
