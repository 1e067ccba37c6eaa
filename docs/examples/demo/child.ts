/** What the producer and the worker, as child processes of the demo, have in common. */

/** What the parent gave on the command line. */
export function optionsOf<Options>(): Options {
  return JSON.parse(process.argv[2] ?? '{}') as Options;
}

export function tellParent(message: object): void {
  if (process.connected) process.send?.(message);
}

/** A parent that is gone, however it ended, leaves no child behind; on Ctrl-C, which reaches all, the parent decides. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit());
  process.on('SIGINT', () => undefined);
}
