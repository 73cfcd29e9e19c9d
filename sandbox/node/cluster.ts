/** What of node:cluster has an answer in a process that is alone. */
export default {
  isMaster: true,
  isPrimary: true,
  isWorker: false,
  settings: {},
  workers: {},
  SCHED_NONE: 1,
  SCHED_RR: 2,
  schedulingPolicy: 2,
};
