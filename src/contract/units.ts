/** Sizes and times carry their unit in their name; these are the only conversion factors. */

/** Bytes in one mebibyte. */
export const MIB: number = 1024 * 1024;
/** Nanoseconds in one millisecond. */
export const NS_PER_MS: number = 1_000_000;
