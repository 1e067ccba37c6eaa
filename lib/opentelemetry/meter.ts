/** The part of a `Meter` of `@opentelemetry/api` that is used, by its shape, so that any 1.x version from 1.7 on will do. */
export interface MeterLike {
  /** Makes a sum that only grows. */
  createCounter(name: string, options?: InstrumentOptions): CounterLike;
  /** Makes a distribution. */
  createHistogram(name: string, options?: InstrumentOptions): HistogramLike;
  /** Makes a value that is asked for when it is collected. */
  createObservableGauge(name: string, options?: InstrumentOptions): ObservableInstrumentLike;
  /** Makes a sum that may fall. */
  createUpDownCounter(name: string, options?: InstrumentOptions): CounterLike;
}

/** What is said of an instrument when it is made. */
export interface InstrumentOptions {
  /** What it measures, for people. */
  readonly description?: string;
  /** In UCUM. */
  readonly unit?: string;
  /** The bounds of the buckets of a histogram. */
  readonly advice?: { explicitBucketBoundaries?: number[] };
}

/** The attributes of a measurement. */
export type MetricAttributes = Record<string, string>;

/** Adds up. */
export interface CounterLike {
  /** Adds to the sum of these attributes. */
  add(value: number, attributes?: MetricAttributes): void;
}

/** Keeps the distribution of values. */
export interface HistogramLike {
  /** Takes a value. */
  record(value: number, attributes?: MetricAttributes): void;
}

/** An instrument that is asked for its values when they are collected. */
export interface ObservableInstrumentLike {
  /** Has the callback called at each collection. */
  addCallback(callback: ObservableCallbackLike): void;
  /** Has it called no more. */
  removeCallback(callback: ObservableCallbackLike): void;
}

/** Gives the values that an instrument has now. */
export type ObservableCallbackLike = (result: { observe(value: number, attributes?: MetricAttributes): void }) => void;
