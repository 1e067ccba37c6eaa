/**
 * Decides, from the pages so far, how many records to ask for while ranges of one shard are read, and when to jump to the next range.
 *
 * @remarks
 * Pure. Between near ranges it is cheaper to read the records between them, between far ones to open a new iterator; the limit is
 * {@link JUMP_BYTES}. Sizes are in records of Kinesis, as `Limit` counts them; a KPL aggregate counts as one.
 */
export class RangePageSize {
  readonly #max: number;
  /** User records read, and how many of them were in a range. */
  #read = 0;
  #picked = 0;
  /** The records of Kinesis that held them, and their payload bytes. */
  #sent = 0;
  #bytes = 0;
  /** The number of stretches of records outside all ranges, and the length of the present one. */
  #gaps = 0;
  #gapRecords = 0;
  #lastNumber: string | undefined;

  /** @param max - the most records a page. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts a user record, in order. */
  count(sequenceNumber: string, isPicked: boolean): void {
    this.#add(1, sequenceNumber === this.#lastNumber ? 0 : 1, isPicked);
    this.#lastNumber = sequenceNumber;
  }

  /** Counts so many plain records that follow each other, all of them in a range or none. */
  countRun(records: number, isPicked: boolean): void {
    this.#add(records, records, isPicked);
  }

  /** Counts the bytes of a page. */
  endPage(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Notes that reading continues elsewhere. */
  jumped(): void {
    this.#gapRecords = 0;
  }

  /**
   * Whether the next range is probably so far that a new iterator costs less than the records before it.
   *
   * @param hasPicked - whether the last page had a record of a range.
   */
  isNextFar(hasPicked: boolean): boolean {
    return !hasPicked || this.#gapRecords * this.#bytesPerRecord() >= (this.#areRangesFar() ? PROBE_BYTES : JUMP_BYTES);
  }

  /**
   * How many records to ask for.
   *
   * @param remaining - the user records still to be picked in all ranges.
   * @param nearest - those of them that are in the present ranges or in the next one.
   */
  next(remaining: number, nearest: number): number {
    const near = this.#picked === 0 ? Math.max(remaining, this.#sent) : remaining * (this.#sent / this.#picked);
    const size = this.#areRangesFar() ? Math.min(near, this.#withProbe(nearest)) : near;
    return Math.max(1, Math.min(this.#max, Math.ceil(size)));
  }

  #add(read: number, sent: number, isPicked: boolean): void {
    this.#read += read;
    this.#sent += sent;
    if (isPicked) this.#picked += read;
    if (!isPicked && this.#gapRecords === 0) this.#gaps++;
    this.#gapRecords = isPicked ? 0 : this.#gapRecords + read;
  }

  /** The records of the nearest ranges, and {@link PROBE_BYTES} of those after them. */
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
 * Reading this many bytes takes as much of a shard's 2 MiB and 5 reads a second as a jump does, which needs one more GetShardIterator and
 * GetRecords: half a second.
 *
 * @remarks Source: "Quotas and limits", Amazon Kinesis Data Streams Developer Guide.
 */
export const JUMP_BYTES = 1024 * 1024;

/** While ranges are far apart, this much is read after a range, to notice when they are near again. */
const PROBE_BYTES = JUMP_BYTES / 4;
