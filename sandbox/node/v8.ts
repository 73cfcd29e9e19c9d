/** What of node:v8 has an answer. */
export default {
  cachedDataVersionTag: (): number => 0,
  getHeapStatistics: (): object => ({
    total_heap_size: 0,
    used_heap_size: 0,
    heap_size_limit: 0,
    malloced_memory: 0,
    external_memory: 0,
  }),
  getHeapSpaceStatistics: (): object[] => [],
  setFlagsFromString: (): void => {},
};
