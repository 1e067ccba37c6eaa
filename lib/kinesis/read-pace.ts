/** When the next read of one shard may begin. Pure: the times are in ms, of any clock. */
export class ReadPace {
  readonly #spacingMs: number;
  readonly #msPerByte: number;
  #nextMs = 0;
  /** When the bytes read so far are within the bytes a second. */
  #paidMs = 0;

  constructor({ readsPerSecond, bytesPerSecond }: { readonly readsPerSecond: number; readonly bytesPerSecond: number }) {
    this.#spacingMs = 1000 / readsPerSecond;
    this.#msPerByte = 1000 / bytesPerSecond;
  }

  /** When the next read may begin. */
  get dueMs(): number {
    return Math.max(this.#nextMs, this.#paidMs);
  }

  /** Notes that a read begins. */
  begin(nowMs: number): void {
    this.#nextMs = nowMs + this.#spacingMs;
  }

  /** Notes the bytes of a read. */
  spend(nowMs: number, bytes: number): void {
    this.#paidMs = Math.max(nowMs, this.#paidMs) + bytes * this.#msPerByte;
  }
}

/** 5 GetRecords calls a second and shard. Source: "Quotas and limits", Amazon Kinesis Data Streams Developer Guide. */
export const READS_PER_SECOND = 5;

/** 2 MiB a second and shard. Source: as {@link READS_PER_SECOND}. */
export const BYTES_PER_SECOND = 2 * 1024 * 1024;
