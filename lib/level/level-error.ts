/** Passing faults, by abstract-level's codes: https://github.com/Level/abstract-level#errors */
const PASSING_CODES = ['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_IO_ERROR', 'LEVEL_LOCKED'];

/** The code of an error of abstract-level. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Whether a retry may succeed. */
export function isPassing(error: unknown): boolean {
  return PASSING_CODES.includes(codeOf(error) ?? '');
}

/** Whether the error means that there is no entry, as in older versions of abstract-level. */
export function isNotFound(error: unknown): boolean {
  return codeOf(error) === 'LEVEL_NOT_FOUND';
}
