/** The part of a `Meter` of `@opentelemetry/api` that is used, by its shape, so that any 1.x version from 1.7 on will do. */
export interface MeterLike {
  createCounter(name: string, options?: InstrumentOptions): CounterLike;
  createHistogram(name: string, options?: InstrumentOptions): HistogramLike;
  createObservableGauge(name: string, options?: InstrumentOptions): ObservableInstrumentLike;
  createUpDownCounter(name: string, options?: InstrumentOptions): CounterLike;
}

/** What is said of an instrument when it is made. */
export interface InstrumentOptions {
  readonly description?: string;
  /** In UCUM. */
  readonly unit?: string;
  readonly advice?: { explicitBucketBoundaries?: number[] };
}

/** The attributes of a measurement. */
export type MetricAttributes = Record<string, string>;

/** Adds up. */
export interface CounterLike {
  add(value: number, attributes?: MetricAttributes): void;
}

/** Keeps the distribution of values. */
export interface HistogramLike {
  record(value: number, attributes?: MetricAttributes): void;
}

/** An instrument that is asked for its values when they are collected. */
export interface ObservableInstrumentLike {
  addCallback(callback: ObservableCallbackLike): void;
  removeCallback(callback: ObservableCallbackLike): void;
}

/** Gives the values that an instrument has now. */
export type ObservableCallbackLike = (result: { observe(value: number, attributes?: MetricAttributes): void }) => void;
