export { exportMetrics, type ExportMetricsConfig } from './exportMetrics.js';
export type {
  CounterLike,
  HistogramLike,
  InstrumentOptions,
  MeterLike,
  MetricAttributes,
  ObservableCallbackLike,
  ObservableInstrumentLike,
} from './meter.js';
