/** Latencies in buckets: see src/load/histogram.ts. */
export { Histogram, type HistogramJson, type Quantiles } from '../src/load/histogram.ts';
