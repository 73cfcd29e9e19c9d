/** node:async_hooks. A bundle with this file in it has its async functions lowered, so that context can follow them. */
import { host } from 'isolane:host';
import { AsyncLocalStorage, AsyncResource } from './async-context.ts';

host.carryContext();

export { AsyncLocalStorage, AsyncResource };

/** Hooks are kept and never called: what they would see are the host's own workings. */
export const createHook = (): { enable(): unknown; disable(): unknown } => {
  const hook = { enable: () => hook, disable: () => hook };
  return hook;
};
export const executionAsyncId = (): number => 1;
export const triggerAsyncId = (): number => 0;
const resource = {};
export const executionAsyncResource = (): object => resource;
export const asyncWrapProviders: Readonly<Record<string, number>> = Object.freeze({
  __proto__: null,
  NONE: 0,
}) as never;

export default {
  AsyncLocalStorage,
  AsyncResource,
  asyncWrapProviders,
  createHook,
  executionAsyncId,
  executionAsyncResource,
  triggerAsyncId,
};
