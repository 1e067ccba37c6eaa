/**
 * How many records to ask for while ranges of one shard are read, and when to jump to the next range, by what the pages so far held.
 *
 * @remarks
 * Pure. Between near ranges it is cheaper to read what lies between, between far ones to open a new iterator: where the limit lies is
 * {@link JUMP_BYTES}. Sizes are in records of Kinesis, as `Limit` counts them; a KPL aggregate is one.
 */
export class RangePageSize {
  readonly #max: number;
  /** User records read, and how many of them were in a range. */
  #read = 0;
  #picked = 0;
  /** Records of Kinesis that they came in, and their payload bytes. */
  #sent = 0;
  #bytes = 0;
  /** Stretches of records outside all ranges, and how long the one is that reading is in. */
  #gaps = 0;
  #gapRecords = 0;
  #lastNumber: string | undefined;

  /** @param max - the most records that may be asked for. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts a user record, in order. */
  count(sequenceNumber: string, isPicked: boolean): void {
    this.#read++;
    if (sequenceNumber !== this.#lastNumber) this.#sent++;
    this.#lastNumber = sequenceNumber;
    if (isPicked) this.#picked++;
    if (!isPicked && this.#gapRecords === 0) this.#gaps++;
    this.#gapRecords = isPicked ? 0 : this.#gapRecords + 1;
  }

  /** Counts the bytes of a page. */
  endPage(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Reading continues elsewhere. */
  jumped(): void {
    this.#gapRecords = 0;
  }

  /** Whether so much without a picked record has been read that the next range is likely to be far. */
  get isWorthAJump(): boolean {
    return this.#gapRecords * this.#bytesPerRecord() >= (this.#areRangesFar() ? PROBE_BYTES : JUMP_BYTES);
  }

  /**
   * How many records to ask for.
   *
   * @param remaining - user records to be picked in all ranges.
   * @param nearest - those of them in the ranges that reading is in or comes to next.
   */
  next(remaining: number, nearest: number): number {
    const near = this.#picked === 0 ? Math.max(remaining, this.#sent) : remaining * (this.#sent / this.#picked);
    const size = this.#areRangesFar() ? Math.min(near, this.#withProbe(nearest)) : near;
    return Math.max(1, Math.min(this.#max, Math.ceil(size)));
  }

  /** The nearest ranges, in which every record is wanted, and a look at what follows them. */
  #withProbe(nearest: number): number {
    const sentPerRecord = this.#sent / this.#read;
    return (nearest + PROBE_BYTES / this.#bytesPerRecord()) * sentPerRecord;
  }

  #areRangesFar(): boolean {
    const gapRecords = this.#read - this.#picked;
    return this.#gaps > 0 && (gapRecords / this.#gaps) * this.#bytesPerRecord() >= JUMP_BYTES;
  }

  #bytesPerRecord(): number {
    return this.#read === 0 ? 0 : this.#bytes / this.#read;
  }
}

/**
 * So many bytes cost a shard as much of its 2 MiB and 5 reads a second as a jump, which is a GetShardIterator and a GetRecords more:
 * half a second.
 *
 * @remarks Source: "Quotas and limits", Amazon Kinesis Data Streams Developer Guide.
 */
export const JUMP_BYTES = 1024 * 1024;

/** Read on behind a range while ranges are far, to notice when they no longer are. */
const PROBE_BYTES = JUMP_BYTES / 4;
