import type { SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { rangeOf } from './ranges.js';

/** One record read, or one that was read and not delivered. */
export interface ModelRecord {
  readonly ordinal: number;
  readonly sequenceNumber: number;
  readonly bytes: number;
  readonly isSkipped: boolean;
  /** `waiting` for a block, `open` or `settled` in one, `filtered` before one, `closed`: known never to come into one, `stale`: of a dead subscription. */
  state: 'closed' | 'filtered' | 'open' | 'settled' | 'stale' | 'waiting';
  isWrittenOff: boolean;
}

/** What a ledger must say, worked out record by record. */
export class LedgerModel {
  /** Every record of the subscription that lives, in order. */
  records: ModelRecord[] = [];
  /** The blocks that it made: the records of each. */
  readonly blocks: ModelRecord[][] = [];
  hasEnded = false;
  /** The watermark that the subscription began at. */
  private begin = 0;
  private totalBytes = 0;
  private nextOrdinal = 1;

  deliver(page: ReadonlyArray<{ readonly bytes: number; readonly isSkipped: boolean }>): ModelRecord[] {
    const first = (this.records.at(-1)?.sequenceNumber ?? this.begin) + 1;
    const added = page.map(({ bytes, isSkipped }, i): ModelRecord => {
      this.totalBytes += isSkipped ? 0 : bytes;
      const sequenceNumber = first + i;
      return {
        ordinal: this.nextOrdinal++,
        sequenceNumber,
        bytes: isSkipped ? 0 : bytes,
        isSkipped,
        state: 'waiting',
        isWrittenOff: false,
      };
    });
    this.records.push(...added);
    return added;
  }

  /** A block of these claims them; those before them were filtered. */
  claim(records: readonly ModelRecord[]): void {
    const current = records.filter(({ state }) => state !== 'stale');
    this.blocks.push(current);
    const last = current.at(-1)?.ordinal ?? 0;
    for (const record of this.records) if (record.ordinal <= last && record.state === 'waiting') record.state = 'filtered';
    for (const record of current) record.state = 'open';
  }

  settle(block: number): void {
    for (const record of this.blocks[block] ?? []) if (record.state === 'open') record.state = 'settled';
  }

  dropUnclaimed(): void {
    for (const record of this.inView) if (record.state === 'waiting') record.state = 'closed';
  }

  releaseCredit(): void {
    for (const record of this.inView) record.isWrittenOff = true;
  }

  restart(): void {
    this.begin = this.watermark;
    for (const record of this.records) record.state = 'stale';
    this.records = [];
    this.hasEnded = false;
    this.nextOrdinal++;
  }

  /** 0 before any. */
  get watermark(): number {
    let watermark = this.begin;
    for (const { state, sequenceNumber } of this.records) {
      if (state === 'open' || state === 'waiting') break;
      if (state === 'settled') watermark = sequenceNumber;
      if (state === 'closed' && sequenceNumber <= this.delivered) watermark = sequenceNumber;
    }
    return watermark;
  }

  get delivered(): number {
    return this.inView.at(-1)?.sequenceNumber ?? this.watermark;
  }

  get deliveredBytes(): number {
    return this.totalBytes;
  }

  /** Those that use credit: what is settled behind an open block would be repeated after a crash, so it counts too. */
  get outstanding(): ModelRecord[] {
    const firstOpen = this.records.findIndex(({ state }) => state === 'open');
    const isHeld = (record: ModelRecord): boolean => firstOpen >= 0 && this.records.indexOf(record) > firstOpen;
    return this.inView.filter((record) => {
      if (record.state === 'settled') return isHeld(record);
      return record.state === 'open' || (record.state === 'waiting' && !record.isWrittenOff);
    });
  }

  get waiting(): ModelRecord[] {
    return this.inView.filter(({ state }) => state === 'waiting');
  }

  /** The records of blocks that are being worked on. */
  get open(): ModelRecord[] {
    return this.records.filter(({ state }) => state === 'open');
  }

  get isSettled(): boolean {
    return this.inView.every(({ state }) => state !== 'open' && state !== 'waiting');
  }

  get settledBeyond(): SequenceNumberRange[] {
    const ranges: SequenceNumberRange[] = [];
    const beyond = this.records.filter(({ state, sequenceNumber }) => state === 'settled' && sequenceNumber > this.watermark);
    for (const { sequenceNumber } of beyond) {
      const last = ranges.at(-1);
      if (last?.toSeqNumber === String(sequenceNumber - 1))
        ranges[ranges.length - 1] = rangeOf(last.fromSeqNumber, sequenceNumber, last.recordCount + 1);
      else ranges.push(rangeOf(sequenceNumber, sequenceNumber, 1));
    }
    return ranges;
  }

  /** Those up to the last one delivered: one that is skipped at the end counts as soon as another comes behind it. */
  private get inView(): ModelRecord[] {
    const last = this.records.filter(({ isSkipped }) => !isSkipped).at(-1);
    return last ? this.records.slice(0, this.records.indexOf(last) + 1) : [];
  }
}
