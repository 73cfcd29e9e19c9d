/** An engine process dies: who ran there crashed, who lived there is aborted, who waited is served elsewhere, once. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { FunctionVersion } from '../../src/contract/function.ts';
import type { Limits } from '../../src/contract/limits.ts';
import type { ProcessOptions } from '../../src/engine/engine-options.ts';
import { Path } from '../support/path.ts';

const paths: Path[] = [];
const open = async (processes: Partial<ProcessOptions> = {}): Promise<Path> => {
  const path = await Path.open({ lanes: 1, realm: 'r', processes });
  paths.push(path);
  return path;
};
afterEach(async () => {
  await Promise.all(paths.splice(0).map((path) => path.close()));
});

/** A busy machine may take its time to start the next process. */
const handler = (path: Path, body: string, limits: Partial<Limits> = {}): FunctionVersion =>
  path.handler(body, { queueMs: 60_000, ...limits });
const engineOf = (path: Path): number => path.engine.processes.find(({ realm }) => realm === 'r')!.pid;
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};
/** A turn that goes on for long without anything wrong about it. */
const BURN = "const end = 4e9; let x = 0; for (let i = 0; i < end; i++) x += i % 7; return new Response('burned');";

describe('an engine process that is killed', () => {
  it('takes with it who ran, aborts who lived there, and who had not started runs elsewhere, once', async () => {
    const path = await open({ lanes: 1 });
    const burns = handler(path, `if (!request.url.endsWith('/burn')) return new Response('warm'); ${BURN}`, {
      cpuMs: 60_000,
    });
    const waits = handler(path, "await new Promise((f) => setTimeout(f, 60_000)); return new Response('waited')");
    const later = handler(path, "return new Response('served')");
    // All three loaded, on the one lane there is.
    await path.request(burns);
    await path.request(later);
    const waiting = path.run(waits);
    await until(() => path.pool.census(waits).running === 1);
    const culprit = path.run(burns, { path: '/burn' });
    const behind = Array.from({ length: 5 }, () => path.run(later));
    const pid = engineOf(path);
    await until(() => path.pool.census(burns).running === 1);
    process.kill(pid, 'SIGKILL');
    expect((await culprit).story.record).toMatchObject({ outcome: 'crashed' });
    expect((await culprit).reply.status).toBe(502);
    expect((await waiting).story.record).toMatchObject({ outcome: 'aborted' });
    expect((await waiting).reply.status).toBe(503);
    for (const one of behind) expect((await one).reply.text).toBe('served');
    expect(path.stories.filter((story) => story.record.function === later.spec.name)).toHaveLength(6);
    expect(path.felled).toEqual([`${burns.spec.name} crashed`]);
    expect(engineOf(path)).not.toBe(pid);
  });

  it('bills the culprit no further than it was known to run', async () => {
    const path = await open();
    const burns = handler(path, BURN, { cpuMs: 60_000 });
    const started = performance.now();
    const run = path.run(burns);
    await until(() => path.pool.census(burns).running === 1);
    await new Promise((resolve) => setTimeout(resolve, 150));
    process.kill(engineOf(path), 'SIGSEGV');
    const { record } = (await run).story;
    const wallNs = (performance.now() - started) * 1e6;
    expect(record.outcome).toBe('crashed');
    expect(record.runNs).toBeGreaterThan(20e6);
    expect(record.runNs).toBeLessThanOrEqual(wallNs);
    expect(record.cpuNs).toBeLessThanOrEqual(record.runNs);
  });

  it('blames nobody when nobody ran', async () => {
    const path = await open();
    const hello = handler(path, "return new Response('hello')");
    await path.request(hello);
    const pid = engineOf(path);
    process.kill(pid, 'SIGKILL');
    await until(() => !path.engine.processes.some((one) => one.pid === pid));
    expect((await path.request(hello)).text).toBe('hello');
    expect(path.felled).toEqual([]);
    expect(path.stories.map((story) => story.record.outcome)).toEqual(['ok', 'ok']);
  });

  it('is replaced at once by the spare', async () => {
    const path = await open();
    const hello = handler(path, "return new Response('hello')");
    await path.request(hello);
    await until(() => path.engine.processes.some(({ realm }) => realm === null));
    const spare = path.engine.processes.find(({ realm }) => realm === null)!.pid;
    process.kill(engineOf(path), 'SIGKILL');
    await until(() => path.engine.lanes('r').length === 0);
    await path.request(hello);
    expect(engineOf(path)).toBe(spare);
  });
});

describe('an engine process that is stopped', () => {
  it('is killed, and whoever had not started is served elsewhere', async () => {
    const path = await open();
    const hello = handler(path, "return new Response('hello')");
    await path.request(hello);
    const pid = engineOf(path);
    process.kill(pid, 'SIGSTOP');
    // Each thread runs on until it has been told.
    const tasks = (): string[] => readdirSync(`/proc/${pid}/task`);
    const stat = (task: string): string => readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1');
    await until(() => tasks().every((task) => /\) T /.test(stat(task))));
    const runs = await Promise.all(Array.from({ length: 5 }, () => path.run(hello)));
    expect(runs.map(({ reply }) => reply.text)).toEqual(Array.from({ length: 5 }, () => 'hello'));
    expect(path.engine.processes.some((one) => one.pid === pid)).toBe(false);
    expect(path.lines.join('\n')).toContain('no sign of life');
  });
});

describe('a guest that cannot be ended', () => {
  it('is ended with its engine process, and called by its name', async () => {
    const path = await open();
    // The digits of a huge number: code that no prelude can stand before.
    const wedges = handler(path, 'return new Response(String(2n ** (2n ** 27n)) + 1)', { cpuMs: 50 });
    const { reply, story } = await path.run(wedges);
    expect([reply.status, story.record.outcome]).toEqual([502, 'crashed']);
    expect(path.felled).toEqual([`${wedges.spec.name} wedged`]);
  });
});

describe('an engine process that outgrows its memory', () => {
  it('is killed by the watchdog', async () => {
    // Its guest keeps its own limit: the process around it needs memory too, and has less than none here.
    const path = await open({ headroomMiB: -64 });
    const hoards = handler(
      path,
      `const held = []; for (let i = 0; i < 50; i++) held.push(new Uint8Array(4 << 20).fill(i)); ${BURN}`,
      { memoryMiB: 256, cpuMs: 60_000 },
    );
    const { story } = await path.run(hoards);
    expect(story.record.outcome).toBe('crashed');
    expect(path.felled).toEqual([`${hoards.spec.name} outgrown`]);
  });
});

describe('what an engine process has', () => {
  it('is a cgroup of its own where the system gives one, bounded by what its guests may have', async () => {
    const top = mkdtempSync(join(tmpdir(), 'isolane-cgroup-'));
    onTestFinished(() => rmSync(top, { recursive: true, force: true }));
    mkdirSync(join(top, 'unit/host'), { recursive: true });
    writeFileSync(join(top, 'unit/cgroup.controllers'), 'memory');
    writeFileSync(join(top, 'cgroup'), '0::/unit/host');
    writeFileSync(join(top, 'mountinfo'), `29 23 0:26 / ${top} rw - cgroup2 cgroup2 rw`);
    const path = await open({ procfs: top, headroomMiB: 1000 });
    const burns = handler(path, BURN, { memoryMiB: 64, cpuMs: 60_000 });
    const run = path.run(burns);
    await until(() => path.pool.census(burns).running === 1);
    const pid = engineOf(path);
    const groups = readdirSync(join(top, 'unit')).filter((name) => name.startsWith('isolane-engine-'));
    // Of a fake system the file is a file: each process writes itself into its own.
    const joined = groups.map((name) => readFileSync(join(top, 'unit', name, 'cgroup.procs'), 'latin1'));
    expect(joined).toEqual(groups.map(() => '0\n'));
    const bounds = (): string[] => groups.map((name) => readFileSync(join(top, 'unit', name, 'memory.max'), 'latin1'));
    await until(() => bounds().includes(String((1000 + 64) * 2 ** 20)));
    process.kill(pid, 'SIGKILL');
    await run;
  });

  it('is room for as many isolates as the host may have', async () => {
    // V8 reserves half a GiB of address space for each, which the system counts as data.
    const path = await open({ isolates: 4000 });
    const first = handler(path, "return new Response('hello')");
    await path.request(first);
    const most = Number(/Max data size\s+(\d+)/.exec(readFileSync(`/proc/${engineOf(path)}/limits`, 'latin1'))?.[1]);
    const used = (): number =>
      1024 * Number(/VmData:\s+(\d+)/.exec(readFileSync(`/proc/${engineOf(path)}/status`, 'latin1'))?.[1]);
    const before = used();
    for (let n = 0; n < 8; n++) await path.request(handler(path, `return new Response('${n}')`));
    expect(used() + (4000 / 8) * (used() - before)).toBeLessThan(most);
  });

  it('is no environment but a bound on arenas, no directory, no network, no descriptors of others', async () => {
    const path = await open();
    await path.request(handler(path, "return new Response('hello')"));
    const pid = engineOf(path);
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).toBe(
      `MALLOC_ARENA_MAX=${process.env['MALLOC_ARENA_MAX'] ?? '4'}\0`,
    );
    const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
    expect(limits).toMatch(/Max core file size\s+0/);
    expect(limits).not.toMatch(/Max data size\s+unlimited/);
    expect(Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1'))).toBeGreaterThan(0);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')).toContain('--permission');
  });

  it('leaves no descriptor and no child behind', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const path = await open();
    const hello = handler(path, "return new Response('hello')");
    for (let i = 0; i < 3; i++) {
      await path.request(hello);
      process.kill(engineOf(path), 'SIGKILL');
      await until(() => path.engine.lanes('r').length === 0);
    }
    const pids = path.engine.processes.map(({ pid }) => pid);
    await paths.pop()!.close();
    expect(path.engine.processes).toEqual([]);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before + 2);
  });

  it('ends when it has had nothing to do for a while', async () => {
    const path = await open({ idleMs: 100 });
    const version = handler(path, "return new Response('hello')");
    await path.request(version);
    path.pool.retain([]);
    await until(() => path.engine.processes.length === 0);
  });
});
