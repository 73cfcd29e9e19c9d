/** What the engine is built with; the composition root fills it in. */
import type { Invocation } from '../contract/invocation.ts';
import type { AgentOptions } from './bridge/agents.ts';
import type { IncomingResponse, OutgoingRequest } from './bridge/fetch.ts';
import type { Image } from './image.ts';

/** `AgentOptions`: what a guest's fetch can reach. */
export interface EngineOptions extends AgentOptions {
  readonly image: Image;
  /** Lanes to start with, and the most there may be. */
  readonly lanes: number;
  readonly maxLanes: number;
  /** Booted spares per lane, for isolates of `spareMemoryMiB`. */
  readonly spares: number;
  readonly spareMemoryMiB: number;
  bundleUrl(name: string): string;
  /** Maps a guest stack to the user's source. */
  mapStack(stack: string, hash: string): string;
  /** A guest's call through a service binding. */
  service(call: ServiceCall): Promise<IncomingResponse>;
  log(line: string): void;
}

export interface ServiceCall {
  readonly caller: Invocation;
  /** Name of the function that is called. */
  readonly target: string;
  readonly request: OutgoingRequest;
  /** Of the caller's CLIENT span. */
  readonly spanId: string;
  /** The caller gave up, or is over. */
  readonly signal: AbortSignal;
}
