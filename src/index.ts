/** The public API: run a host inside another program. */
export { type LoadedConfig, type LoadOptions, loadConfig } from './config/config.ts';
export type { Config } from './contract/config.ts';
export { type ErrorCode, HostError } from './contract/errors.ts';
export type { InvocationStory, Observer } from './contract/observer.ts';
export { NODE_FLAGS } from './engine/flags.ts';
export { type HostOptions, type RunningHost, startHost } from './host.ts';
export { VERSION } from './version.ts';
