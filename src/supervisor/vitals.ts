/**
 * What the operating system says of a process that says nothing itself: whether its main thread is stopped, computes,
 * or waits for a processor. Read only of suspects. `null` where there is no /proc.
 */
import { readFileSync } from 'node:fs';

export interface Vitals {
  /** One letter as in `ps`: R runs, S and D wait, T is stopped. */
  readonly state: string;
  /** CPU the main thread has used, ms. */
  readonly cpuMs: number;
  /** How long it was ready to run and no processor was free, ms. */
  readonly queuedMs: number;
}

export function readVitals(pid: number): Vitals | null {
  try {
    const thread = `/proc/${pid}/task/${pid}`;
    const stat = readFileSync(`${thread}/stat`, 'utf8');
    const [cpuNs = 0, queuedNs = 0] = readFileSync(`${thread}/schedstat`, 'utf8').split(' ').map(Number);
    // The name before it stands in parentheses and may itself hold some.
    const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    return { state, cpuMs: cpuNs / 1e6, queuedMs: queuedNs / 1e6 };
  } catch {
    return null;
  }
}
