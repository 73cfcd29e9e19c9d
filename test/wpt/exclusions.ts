/** What is not run, and why: a file, or a folder that ends in "/". Nothing is left out for being hard. */
export const EXCLUSIONS: readonly (readonly [path: string, reason: string])[] = [];
