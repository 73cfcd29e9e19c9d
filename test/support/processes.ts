/** What the operating system says of a process and its children: /proc, so Linux alone. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFacts {
  readonly pid: number;
  readonly command: string;
  readonly rssBytes: number;
  readonly fds: number;
  readonly threads: number;
}

/** `root` and all its descendants, parents first. Those that end while we look are left out. */
export function processTree(root: number): ProcessFacts[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? parentOf(pid) : null;
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found: ProcessFacts[] = [];
  for (const queue = [root]; queue.length > 0; ) {
    const pid = queue.shift()!;
    const facts = factsOf(pid);
    if (facts !== null) found.push(facts);
    queue.push(...(children.get(pid) ?? []));
  }
  return found;
}

export function factsOf(pid: number): ProcessFacts | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return {
      pid,
      command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
      rssBytes: number(status, 'VmRSS') * 1024,
      fds: readdirSync(`/proc/${pid}/fd`).length,
      threads: number(status, 'Threads'),
    };
  } catch {
    return null;
  }
}

function parentOf(pid: number): number | null {
  try {
    // The command's name stands in brackets and may hold anything.
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    );
  } catch {
    return null;
  }
}

function number(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
}
