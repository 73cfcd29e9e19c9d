/** What the operating system knows of a process and its descendants (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFacts {
  readonly pid: number;
  readonly command: string;
  readonly rssBytes: number;
  readonly fds: number;
  readonly threads: number;
}

/** It and all that came of it, parents first. Those that end while we look are left out. */
export function processTree(root: number): ProcessFacts[] {
  return familyOf(root).flatMap((pid) => factsOf(pid) ?? []);
}

function factsOf(pid: number): ProcessFacts | null {
  try {
    return {
      pid,
      command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
      rssBytes: residentOf(pid),
      fds: readdirSync(`/proc/${pid}/fd`).length,
      threads: countThreads(pid),
    };
  } catch {
    return null;
  }
}

/** It and all that came of it. */
export function familyOf(pid: number): readonly number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => childrenOf(pid, task));
    return [pid, ...children.flatMap(familyOf)];
  } catch {
    return []; // It has ended.
  }
}

function childrenOf(pid: number, task: string): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // The thread has ended; its process has not.
  }
}

export function threadsOf(pid: number): number {
  return familyOf(pid).reduce((sum, each) => sum + countThreads(each), 0);
}

/** Resident bytes, all together. */
export function residentBytes(pid: number): number {
  return familyOf(pid).reduce((sum, each) => sum + residentOf(each), 0);
}

function countThreads(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

function residentOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return 0;
  }
}
