/** Describes a value in one line for a failure message, cut short. */
export function describeValue(value: unknown, depth = 0): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value));
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (depth > MAX_DEPTH) return Array.isArray(value) ? '[…]' : '{…}';
  return describeObject(value, depth);
}

/** The fields of an error besides name, message and stack. */
export function errorFields(error: Error): Record<string, unknown> {
  const { code } = error as { readonly code?: unknown };
  const shown = Object.entries(error).filter(([key]) => !['name', 'message', 'stack', 'code'].includes(key));
  return Object.fromEntries(code === undefined ? shown : [['code', code], ...shown]);
}

const MAX_DEPTH = 4;
const MAX_ITEMS = 12;
const MAX_TEXT = 120;

function describeObject(value: object, depth: number): string {
  if (value instanceof Error) {
    const fields = errorFields(value);
    return `${value.name}: ${shorten(value.message)}${Object.keys(fields).length > 0 ? ` ${describeFields(fields, depth)}` : ''}`;
  }
  if (value instanceof Date) return `Date(${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()})`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength}) ${describeItems([...bytesOf(value)], depth)}`;
  if (value instanceof Map) return `Map(${value.size}) ${describeItems([...value], depth)}`;
  if (value instanceof Set) return `Set(${value.size}) ${describeItems([...value], depth)}`;
  if (Array.isArray(value)) return describeItems(value, depth);
  const kind: unknown = value.constructor?.name;
  return `${typeof kind === 'string' && kind !== 'Object' ? `${kind} ` : ''}${describeFields(value, depth)}`;
}

/** The bytes of a typed array or a DataView. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function describeItems(items: readonly unknown[], depth: number): string {
  const shown = items.slice(0, MAX_ITEMS).map((item) => describeValue(item, depth + 1));
  return `[${[...shown, ...(items.length > MAX_ITEMS ? [`… ${items.length} in all`] : [])].join(', ')}]`;
}

function describeFields(fields: object, depth: number): string {
  const shown = Object.entries(fields).map(([key, value]) => `${key}: ${describeValue(value, depth + 1)}`);
  return shown.length === 0 ? '{}' : `{ ${shown.join(', ')} }`;
}

function shorten(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
