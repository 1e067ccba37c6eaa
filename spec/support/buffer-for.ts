import { auditTime, buffer, connect, type OperatorFunction } from 'rxjs';

/** As `bufferTime`, but its timer begins with the first value of an array: while nothing comes, nothing runs. It stands in docs/guide/performance.md. */
export function bufferFor<T>(ms: number): OperatorFunction<T, T[]> {
  return connect((values) => values.pipe(buffer(values.pipe(auditTime(ms)))));
}
