/** `20 000`. */
export function integer(value: number): string {
  return value.toLocaleString('en-GB', { maximumFractionDigits: 0 }).replaceAll(',', ' ');
}

/** `1.5 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** `12 %`; `-` for what is not known. */
export function percent(part: number | undefined): string {
  return part === undefined ? '-' : `${(part * 100).toFixed(0)} %`;
}

/** `1 range`, `2 ranges`. */
export function counted(count: number, noun: string): string {
  return `${integer(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `3` for `shardId-000000000003`. */
export function shortId(shardId: string): string {
  return shardId.replace(/^shardId-0*(?=\d)/, '');
}
