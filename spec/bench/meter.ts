import { indexOf } from './canned-pages.js';

/** How much of a stream is read. */
export interface MeterLimits {
  /** How many records are read first, so that the code is compiled when the clock starts. */
  readonly warmupRecords: number;
  /** How many records are read at least while the clock runs. */
  readonly records: number;
  /** A slow reader's clock starts after this time at the latest, in ms, and runs no longer than this. */
  readonly maxMs: number;
}

/** What a run took, from the first to the last tick of its clock. */
export interface RunResult {
  readonly records: number;
  readonly wallMs: number;
  /** User and system time of the process. */
  readonly cpuMs: number;
}

/** The state of the process when its clock started. */
interface Clock {
  readonly seen: number;
  readonly cpu: NodeJS.CpuUsage;
  readonly startMs: number;
}

/** The work of a consumer, which reads every field of every record; and the clock, which begins to run when enough work was done. */
export class Meter {
  readonly done: Promise<RunResult>;
  readonly #limits: MeterLimits;
  #finish!: (result: RunResult) => void;
  #seen = 0;
  #sum = 0;
  #begunMs = performance.now();
  #clock: Clock | undefined;

  constructor(limits: MeterLimits) {
    this.#limits = limits;
    this.done = new Promise((resolve) => (this.#finish = resolve));
  }

  /** Works on records with the fields of the SDK. */
  takeSdk(
    records: readonly { SequenceNumber?: string; PartitionKey?: string; Data?: unknown; ApproximateArrivalTimestamp?: Date }[],
  ): void {
    for (const { SequenceNumber, PartitionKey, Data, ApproximateArrivalTimestamp } of records)
      this.#work(SequenceNumber!, PartitionKey!, Data as Uint8Array, ApproximateArrivalTimestamp!);
    this.#count(records.length, records.at(-1)?.SequenceNumber);
  }

  /** Works on records with the fields of this package, and of lifion-kinesis. */
  take(records: readonly { sequenceNumber: string; partitionKey: string; data: Uint8Array; approximateArrivalTimestamp?: Date }[]): void {
    for (const { sequenceNumber, partitionKey, data, approximateArrivalTimestamp } of records)
      this.#work(sequenceNumber, partitionKey, data, approximateArrivalTimestamp!);
    this.#count(records.length, records.at(-1)?.sequenceNumber);
  }

  #work(sequenceNumber: string, partitionKey: string, data: Uint8Array, time: Date): void {
    this.#sum += sequenceNumber.charCodeAt(55) + partitionKey.charCodeAt(0) + data[data.length - 1]! + time.getTime();
  }

  #count(records: number, last: string | undefined): void {
    if (last === undefined) return;
    this.#seen += records;
    // Each record once and in order: what loses or repeats one must not have a figure.
    if (indexOf(last) !== this.#seen - 1) throw new Error(`${this.#seen} records, the last of which has the number ${last}`);
    if (!Number.isFinite(this.#sum)) throw new Error('a record without a field');
    const { warmupRecords, maxMs } = this.#limits;
    if (this.#clock) this.#stop(this.#clock);
    else if (this.#seen >= warmupRecords || performance.now() - this.#begunMs >= maxMs) this.#start();
  }

  #start(): void {
    this.#clock = { seen: this.#seen, cpu: process.cpuUsage(), startMs: performance.now() };
  }

  #stop({ seen, cpu, startMs }: Clock): void {
    const records = this.#seen - seen;
    const wallMs = performance.now() - startMs;
    if (records < this.#limits.records && wallMs < this.#limits.maxMs) return;
    const { user, system } = process.cpuUsage(cpu);
    this.#finish({ records, wallMs, cpuMs: (user + system) / 1_000 });
  }
}
