/** Formats a value from outside for a message: short, on one line, and without calling a method of the value. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') return typeof value;
  const plain = value as bigint | boolean | number | symbol | null | undefined;
  return String(plain);
}
