/** Passing faults, by abstract-level's codes: https://github.com/Level/abstract-level#errors */
const PASSING_CODES = ['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_IO_ERROR', 'LEVEL_LOCKED'];

/** The code by which the errors of abstract-level are known. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Whether the database may do it when it is asked again. */
export function isPassing(error: unknown): boolean {
  return PASSING_CODES.includes(codeOf(error) ?? '');
}

/** Whether an older abstract-level says in this way that there is no entry. */
export function isNotFound(error: unknown): boolean {
  return codeOf(error) === 'LEVEL_NOT_FOUND';
}
