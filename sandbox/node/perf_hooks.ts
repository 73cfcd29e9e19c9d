/** node:perf_hooks: the global clock and its classes; what looks at the engine is missing. */
import { missing } from './absent.ts';

const REMEDY = 'use performance.now()';
const web = globalThis as Record<string, unknown>;
const of = (name: string): unknown => web[name] ?? missing(`node:perf_hooks.${name}`, REMEDY);

export const { performance } = globalThis;
export const Performance = of('Performance');
export const PerformanceEntry = of('PerformanceEntry');
export const PerformanceMark = of('PerformanceMark');
export const PerformanceMeasure = of('PerformanceMeasure');
export const PerformanceObserver = of('PerformanceObserver');
export const PerformanceObserverEntryList = of('PerformanceObserverEntryList');
export const PerformanceResourceTiming = of('PerformanceResourceTiming');
export const createHistogram = missing('node:perf_hooks.createHistogram', REMEDY);
export const createSlidingWindowHistogram = missing('node:perf_hooks.createSlidingWindowHistogram', REMEDY);
export const importHistogram = missing('node:perf_hooks.importHistogram', REMEDY);
export const monitorEventLoopDelay = missing('node:perf_hooks.monitorEventLoopDelay', REMEDY);
export const eventLoopUtilization = (): object => ({ idle: 0, active: 0, utilization: 0 });
export const timerify = <F>(fn: F): F => fn;
export const constants = {
  NODE_PERFORMANCE_GC_MAJOR: 4,
  NODE_PERFORMANCE_GC_MINOR: 1,
  NODE_PERFORMANCE_GC_INCREMENTAL: 8,
  NODE_PERFORMANCE_GC_WEAKCB: 16,
  NODE_PERFORMANCE_GC_FLAGS_NO: 0,
};

export default {
  ...{
    Performance,
    PerformanceEntry,
    PerformanceMark,
    PerformanceMeasure,
    PerformanceObserver,
    PerformanceObserverEntryList,
  },
  ...{ PerformanceResourceTiming, constants, createHistogram, createSlidingWindowHistogram, eventLoopUtilization },
  ...{ importHistogram, monitorEventLoopDelay, performance, timerify },
};
