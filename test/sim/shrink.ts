/** Makes a failing world smaller while it fails in the same way: fewer arrivals, fewer kinds of trouble, fewer changes. */
import { type SimulationOptions, simulate } from './simulation.ts';
import type { WorldSpec } from './world.ts';

export async function shrink(spec: WorldSpec, name: string, options: SimulationOptions = {}): Promise<WorldSpec> {
  let best = spec;
  const fails = async (candidate: WorldSpec): Promise<boolean> => {
    const { violations } = await simulate(candidate, options);
    if (!violations.some((violation) => violation.name === name)) return false;
    best = candidate;
    return true;
  };
  for (const plainer of [
    { redeployAtUs: null },
    { drainAtUs: null },
    { clockSteps: [] },
    { remote: false },
    { slots: 64 },
  ])
    await fails({ ...best, ...plainer });
  for (const step of Object.keys(best.chances) as (keyof WorldSpec['chances'])[]) {
    const { [step]: _, ...chances } = best.chances;
    await fails({ ...best, chances });
  }
  for (let part = Math.ceil(best.arrivals.length / 2); part >= 1; part = part === 1 ? 0 : Math.ceil(part / 2)) {
    for (let at = 0; at < best.arrivals.length; ) {
      const arrivals = best.arrivals.filter((_, index) => index < at || index >= at + part);
      if (!(await fails({ ...best, arrivals }))) at += part;
    }
  }
  for (const index of best.functions.keys()) {
    const functions = best.functions.map((one, at) =>
      at === index ? { ...one, cron: false, warm: 0, rate: null } : one,
    );
    await fails({ ...best, functions });
  }
  return best;
}

/** What a person needs: how to see it again, the world as it was shrunk, and what happened in it. */
export async function report(spec: WorldSpec, options: SimulationOptions = {}): Promise<string> {
  const { violations, trace } = await simulate(spec, { ...options, tracing: true });
  const told = violations.map(({ name, text }) => `${name}: ${text}`);
  return [`seed ${spec.seed}`, ...told, JSON.stringify(spec), ...trace].join('\n');
}
