/**
 * What the prelude gives to the modules of this folder, by `import { host } from 'isolane:host'`. A hostile guest can
 * write that import too, so everything here is as safe to call as a global: it takes guest values, checks them in the
 * prelude (`88-bridge.ts`) or on the host, charges the invocation, and answers with fresh guest values or throws guest errors.
 */

export interface Bridge {
  /** The function's `env`, strings only (no services): a fresh object each time. */
  env(): Record<string, string>;
  /** Any value as `console.log` shows it, bounded. */
  inspect(value: unknown): string;
  /** A line into the function's log, under limits.logBytes like any of `console`. */
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void;
  /** A codec of the host's for this invocation: its number, or a refusal `!code: sentence`. */
  openCodec(kind: string, settings: Readonly<Record<string, unknown>>, dictionary: Uint8Array): number | string;
  /** At most 256 KiB in, at most as much out; a full output means: push nothing to get the rest. A text is a refusal. */
  pushCodec(codec: number, flush: number, bytes: Uint8Array): Uint8Array | string;
  closeCodec(codec: number): void;
  /** From now on context follows promises, timers and listeners; only sound in a bundle whose async functions are lowered. */
  carryContext(): void;
  /** The current frame: one value of the guest's own choosing that follows its continuations. */
  frame(): unknown;
  /** An operation of `node:crypto` (`engine/crypto/node`): bytes, JSON, or a refusal, `"!"` and JSON of name, code, message. */
  crypto(op: string, json: string, bytes: readonly Uint8Array[]): Uint8Array | string;
  /** The same outside the turn, for what takes long. */
  cryptoLater(op: string, json: string, bytes: readonly Uint8Array[]): Promise<ArrayBuffer | string>;
  /** Up to 65,536 random bytes. */
  random(size: number): Uint8Array;
  /** Makes `next` the current frame and returns the one before. */
  enterFrame(next: unknown): unknown;
}
