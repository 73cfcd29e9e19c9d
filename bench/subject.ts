/** What is measured against what: each subject is a fresh process that serves the same greeting on a free port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';
import { startHost } from '../test/support/host.ts';
import type { Target } from './connection.ts';

/** `process`: isolane with every function in an engine process. */
export const SUBJECTS = ['hono', 'workerd', 'isolane', 'process'] as const;
export type SubjectName = (typeof SUBJECTS)[number];

export interface Subject extends Target {
  readonly pid: number;
  readonly expectBody: string;
  stop(): Promise<void>;
}

const ROOT = join(import.meta.dirname, '..');
const READY_WITHIN_MS = 30_000;

/** The first line of `stream` whose JSON has a number `port`. */
async function portFrom(stream: Readable, child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(() => reject(new Error(`no port within ${READY_WITHIN_MS} ms`)), READY_WITHIN_MS);
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`ended with code ${code} before it listened`)));
  createInterface({ input: stream }).on('line', (line) => {
    const { port } = JSON.parse(line) as { port?: number };
    if (port !== undefined) resolve(port);
  });
  return promise.finally(() => clearTimeout(timer));
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await exit;
  clearTimeout(killer);
}

export async function startHono(): Promise<Subject> {
  const child = spawn(process.execPath, [join(ROOT, 'bench/baseline/hono.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const port = await portFrom(child.stdout, child);
  return {
    port,
    path: '/hello/world',
    expectBody: 'Hello, world!\n',
    pid: child.pid!,
    stop: () => stopChild(child),
  };
}

/** The platform's own binary: the npm package's `bin/workerd` is a script that starts it as a child. */
async function workerdBinary(): Promise<string> {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve('workerd/package.json');
  const { optionalDependencies } = JSON.parse(await readFile(manifest, 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  const installed = createRequire(manifest);
  for (const name of Object.keys(optionalDependencies)) {
    try {
      return installed.resolve(`${name}/bin/workerd`);
    } catch {
      // The package of another platform: not installed.
    }
  }
  throw new Error('workerd has no binary for this platform');
}

async function startWorkerd(): Promise<Subject> {
  const directory = await mkdtemp(join(tmpdir(), 'isolane-bench-workerd-'));
  const config = join(directory, 'workerd.capnp');
  await copyFile(join(ROOT, 'bench/baseline/workerd.capnp'), config);
  await build({
    entryPoints: [join(ROOT, 'fixtures/functions/hello/function.ts')],
    outfile: join(directory, 'hello.js'),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
  });
  const child = spawn(await workerdBinary(), ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const port = await portFrom(child.stdio[3] as Readable, child);
  return {
    port,
    path: '/hello/world',
    expectBody: 'Hello, world!\n',
    pid: child.pid!,
    async stop() {
      await stopChild(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function startIsolane(isolation: 'shared' | 'process'): Promise<Subject> {
  const env = { ISOLANE_SERVER_ISOLATION: isolation };
  const host = await startHost({ config: join(ROOT, 'fixtures/isolane.json'), env });
  return {
    port: Number(new URL(host.url).port),
    path: '/hello/world',
    expectBody: 'Hello, world!\n',
    pid: host.pid,
    async stop() {
      await host.stop();
    },
  };
}

export function startSubject(name: SubjectName): Promise<Subject> {
  switch (name) {
    case 'hono':
      return startHono();
    case 'workerd':
      return startWorkerd();
    case 'isolane':
      return startIsolane('shared');
    case 'process':
      return startIsolane('process');
    default:
      return name satisfies never;
  }
}
