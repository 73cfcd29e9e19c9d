/** Which hosts native code has ended: an abort of V8 or of an addon, a fault of memory. Nobody was asked, nobody killed it. */

/** `host-process.ts` says how a host ended. */
const FAULT = /^signal SIG(ABRT|BUS|FPE|ILL|SEGV|SYS|TRAP)$/;
/** For so long after one, hosts note who is in a turn. */
const GUARD_MS = 86_400_000;
/** Most that are remembered: what the oldest left behind has been taken over long since. */
const MOST = 16;

export class Autopsy {
  readonly #aborted: string[] = [];
  #guardedUntilMs = 0;

  /** True: native code has ended it. */
  exited(hostId: string, how: string, nowMs: number): boolean {
    if (!FAULT.test(how)) return false;
    this.#aborted.push(hostId);
    if (this.#aborted.length > MOST) this.#aborted.shift();
    this.#guardedUntilMs = nowMs + GUARD_MS;
    return true;
  }

  /** Ids of the last ones that ended so. */
  get aborted(): readonly string[] {
    return [...this.#aborted];
  }

  isGuarded(nowMs: number): boolean {
    return nowMs < this.#guardedUntilMs;
  }
}
