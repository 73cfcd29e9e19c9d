/**
 * CPU time of a process and its children by what its threads are for, as the scheduler counts it (Linux). What a request costs
 * is the steadiest figure there is: other work on the machine delays it, but hardly adds to it.
 */
import { readdir, readFile } from 'node:fs/promises';

/** By kind of thread, µs. */
export type CpuByThread = ReadonlyMap<string, number>;

/** Names that threads give themselves → what they are for. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/MainThread/, 'main thread'],
  [/^isolane-lane/, 'lanes'],
  [/writer$/, 'writers'],
  [/^(node-V8Worker|V8Worker|v8:|.*Worker)/, 'garbage collection, compiler'],
];

/** `null` where the system does not tell. Throws when there is no such process. */
export async function cpuByThread(pid: number): Promise<CpuByThread | null> {
  if (process.platform !== 'linux') return null;
  const found = new Map<string, number>();
  await add(pid, found, '');
  return found;
}

/** µs for each of `requests`, by thread; `null` without readings. */
export function cpuPer(requests: number, before: CpuByThread | null, after: CpuByThread | null): CpuByThread | null {
  if (before === null || after === null || requests === 0) return null;
  return new Map([...after].map(([kind, us]) => [kind, Math.max(0, us - (before.get(kind) ?? 0)) / requests]));
}

export function total(cpu: CpuByThread): number {
  return [...cpu.values()].reduce((sum, each) => sum + each, 0);
}

async function add(pid: number, found: Map<string, number>, prefix: string): Promise<void> {
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    // A thread may end while it is read.
    const [name, times, children] = await Promise.all(
      ['comm', 'schedstat', 'children'].map((file) => readFile(`${folder}/${file}`, 'utf8').catch(() => '')),
    );
    const kind = KINDS.find(([pattern]) => pattern.test(name!.trim()))?.[1] ?? 'other threads';
    const whole = kind === 'main thread' && prefix !== '' ? `${prefix}${kind}` : kind;
    found.set(whole, (found.get(whole) ?? 0) + Number(times!.split(' ')[0]) / 1000);
    for (const child of children!.split(' ').map(Number).filter(Boolean)) {
      await add(child, found, "engine's ").catch(() => {});
    }
  }
}
