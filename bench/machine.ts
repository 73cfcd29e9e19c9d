/** Where figures were taken: what has to be known before they are read. */
import { execFile } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
  /** Of the minute before: above 0.5 or so, somebody else was at work. */
  readonly loadBefore: number;
  /** `git describe` of this tree; `null` outside a repository. */
  readonly tree: string | null;
}

const run = promisify(execFile);

export async function machineFacts(): Promise<Machine> {
  const root = join(import.meta.dirname, '..');
  const described = await run('git', ['-C', root, 'describe', '--always', '--dirty', '--abbrev=10']).catch(() => null);
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
    v8: process.versions.v8,
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
    tree: described?.stdout.trim() || null,
  };
}
