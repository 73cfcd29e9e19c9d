/** What the engine is built with; the composition root fills it in. */
import type { Invocation } from '../contract/invocation.ts';
import type { AgentOptions } from './bridge/agents.ts';
import type { Dialer } from './bridge/dial.ts';
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
  /** Under which code caches are kept (`codeKey`); `null`: none are. */
  readonly codeKey?: Uint8Array | null;
  readonly processes?: Partial<ProcessOptions>;
  bundleUrl(name: string): string;
  /** A guest stack in terms of the user's source, without frames that are nobody's business. */
  mapStack(stack: string, hash: string): string;
  /** The same for what a guest wrote itself: what is no frame of its bundle stays. */
  mapText(text: string, hash: string): string;
  /** Speaks WebSocket with whom a guest asks for. */
  readonly dialer: Dialer;
  /** A guest's call through a service binding. */
  service(call: ServiceCall): Promise<IncomingResponse>;
  log(line: string): void;
}

/** Bounds on engine processes. */
export interface ProcessOptions {
  /** Most engine processes, the spare included. */
  readonly most: number;
  /** Most lanes in each. */
  readonly lanes: number;
  /** Resident memory of each above the memory limits of the guests in it: V8 takes so much before a limit bites. */
  readonly headroomMiB: number;
  /** Most isolates in one: V8 reserves address space for each, which the system counts as data. */
  readonly isolates: number;
  /** Where the system says which cgroup this process is in. */
  readonly procfs: string;
  /** One with nothing loaded for so long is closed. */
  readonly idleMs: number;
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
