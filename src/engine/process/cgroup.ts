/**
 * A bound of the system's on the memory of engine processes: a cgroup (v2) for each, beside the one this process is in.
 * That takes a parent that was given to us, as systemd does by `Delegate=memory` and `DelegateSubgroup=host`: a group of
 * systemd's own is never touched. Where there is none, the watchdog alone bounds what is resident.
 */
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

const PREFIX = 'isolane-engine-';
/** Kinds of systemd's units. */
const UNIT = /\.(service|scope|slice)$/;

/** One of an engine process. */
export interface Cgroup {
  readonly path: string;
  /** The process may have so much, page cache included; the system kills it beyond. */
  bound(bytes: number): void;
  /** The system has killed it for its memory. */
  readonly wasKilled: boolean;
  /** Once nobody is in it. */
  remove(): void;
}

/** Makes them, or says why it cannot. */
export class Cgroups {
  readonly parent: string | null;
  /** For people, without a full stop. */
  readonly reason: string;
  #made = 0;

  /** `procfs`: what the system says of this process. */
  constructor(procfs = '/proc/self') {
    const found = parentOf(procfs);
    this.parent = 'parent' in found ? found.parent : null;
    this.reason = 'parent' in found ? '' : found.reason;
    if (this.parent !== null) sweep(this.parent);
  }

  /** `null`: the system will not. */
  make(bytes: number): Cgroup | null {
    if (this.parent === null) return null;
    const path = join(this.parent, `${PREFIX}${process.pid}-${++this.#made}`);
    try {
      mkdirSync(path, { mode: 0o700 });
      writeFileSync(join(path, 'memory.max'), String(bytes));
    } catch {
      remove(path);
      return null;
    }
    // Better in one piece than with a thread missing; and no way round by the disk. Not every system knows them.
    for (const [file, text] of [
      ['memory.oom.group', '1'],
      ['memory.swap.max', '0'],
    ] as const)
      write(path, file, text);
    return {
      path,
      bound: (most) => write(path, 'memory.max', String(most)),
      get wasKilled() {
        return /^oom_kill [1-9]/m.test(read(join(path, 'memory.events')));
      },
      remove: () => remove(path),
    };
  }
}

function parentOf(procfs: string): { readonly parent: string } | { readonly reason: string } {
  const own = /^0::(\/.*)$/m.exec(read(join(procfs, 'cgroup')))?.[1];
  const mount = read(join(procfs, 'mountinfo'))
    .split('\n')
    .find((line) => line.includes(' - cgroup2 '))
    ?.split(' ');
  const [root, at] = [mount?.[3], mount?.[4]];
  if (own === undefined || root === undefined || at === undefined) return { reason: 'there is no cgroup v2' };
  const inside = join(at, relative(root, own));
  if (inside === at || UNIT.test(basename(inside))) return { reason: `no part of ${own} is delegated to it` };
  const parent = dirname(inside);
  if (!/\bmemory\b/.test(read(join(parent, 'cgroup.controllers'))))
    return { reason: `${parent} has no memory controller` };
  try {
    accessSync(parent, constants.W_OK);
    writeFileSync(join(parent, 'cgroup.subtree_control'), '+memory');
    return { parent };
  } catch (error) {
    return { reason: `${parent} cannot be written (${(error as NodeJS.ErrnoException).code})` };
  }
}

/** Those that hosts before us left. Whoever is still in one keeps it. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) if (name.startsWith(PREFIX)) remove(join(parent, name));
}

function remove(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // An empty group costs next to nothing; the next host sweeps.
  }
}

function write(path: string, file: string, text: string): void {
  try {
    writeFileSync(join(path, file), text);
  } catch {
    // It is gone, or does not know that file.
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
