/** A value without the fields that are `undefined`, which old SDKs set and new ones leave out. Dates and bytes stay as they are. */
export function defined<T>(value: T): T {
  if (Array.isArray(value)) return value.map(defined) as T;
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.map(([name, field]) => [name, defined<unknown>(field)])) as T;
}
