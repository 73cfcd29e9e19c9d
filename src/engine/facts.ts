/** What the prelude is told about a function when it loads, as JSON; made once per version. */
import type { FunctionVersion } from '../contract/function.ts';
import type { GuestFacts } from '../contract/turn.ts';
import { lambdaEnv } from './lambda-env.ts';

export class Facts {
  readonly #texts: WeakMap<FunctionVersion, string> = new WeakMap();

  of(version: FunctionVersion): string {
    const known = this.#texts.get(version);
    if (known !== undefined) return known;
    const { env, services, limits, handler, wasm } = version.spec;
    const facts: GuestFacts = {
      env: handler.kind === 'lambda' ? lambdaEnv(version) : env,
      services: Object.keys(services),
      memoryMiB: limits.memoryMiB,
      wasm,
      timers: limits.timers,
      subrequests: limits.subrequests,
      responseBytes: limits.responseBytes,
      streamedResponseBytes: limits.streamedResponseBytes,
      concurrency: limits.concurrency,
      lambda: handler.kind === 'lambda' ? handler.exportName : null,
    };
    const text = JSON.stringify(facts);
    this.#texts.set(version, text);
    return text;
  }
}
