/** node:path: an isolate has no drive letters. */
export * from './path/posix.ts';
export { default } from './path/posix.ts';
