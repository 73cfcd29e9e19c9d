/** What of node:worker_threads has an answer on the only thread. */
const web = globalThis as Record<string, unknown>;
const present = (name: string): object => (web[name] === undefined ? {} : { [name]: web[name] });

export default {
  isMainThread: true,
  isInternalThread: false,
  parentPort: null,
  workerData: null,
  threadId: 0,
  threadName: '',
  resourceLimits: {},
  SHARE_ENV: Symbol.for('nodejs.worker_threads.SHARE_ENV'),
  ...present('MessageChannel'),
  ...present('MessagePort'),
  ...present('BroadcastChannel'),
  markAsUntransferable: (): void => {},
  markAsUncloneable: (): void => {},
  isMarkedAsUntransferable: (): boolean => false,
  getEnvironmentData: (): undefined => undefined,
  setEnvironmentData: (): void => {},
};
