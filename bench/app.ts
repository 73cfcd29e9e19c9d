/**
 * The functions of `functions/` served by each of those they are measured against: plain Node by the server isolane itself
 * uses (`hono`), workerd with the same bundle, and isolane. Every one is a fresh process; every function has a port or a
 * path of its own.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';
import { startHost } from '../test/support/host.ts';
import { portFrom, stopChild } from './child.ts';
import { entryOf, writeProject } from './project.ts';
import { workerdBinary } from './subject.ts';

export const APP_SUBJECTS = ['hono', 'workerd', 'isolane', 'process'] as const;
export type AppSubject = (typeof APP_SUBJECTS)[number];

export interface App {
  /** Of a file in `functions/`, and of the function. */
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, number>>;
  /** Addresses on this machine it may call. */
  readonly privateHosts?: readonly string[];
}

export interface RunningApp {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** A program of `baseline/` that prints its port. */
export async function startBaseline(file: string, words: readonly string[] = []): Promise<RunningApp> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'baseline', file), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const port = await portFrom(child.stdout, child);
  return { pid: child.pid!, port, stop: () => stopChild(child) };
}

export function startApp(subject: AppSubject, app: App): Promise<RunningApp> {
  switch (subject) {
    case 'hono':
      return startBaseline('app.ts', [entryOf(app.name), JSON.stringify(app.env ?? {})]);
    case 'workerd':
      return startWorkerd(app);
    case 'isolane':
      return startIsolane(app, 'shared');
    case 'process':
      return startIsolane(app, 'process');
    default:
      return subject satisfies never;
  }
}

async function startIsolane(
  { name, env = {}, limits = {}, privateHosts = [] }: App,
  isolation: string,
): Promise<RunningApp> {
  const project = await writeProject({
    functions: { [name]: { routes: ['/*'], env, limits } },
    more: { server: { isolation }, tenants: { default: { functions: ['*'], privateHosts } } },
  });
  const host = await startHost({ config: project.config });
  return {
    pid: host.pid,
    port: Number(new URL(host.url).port),
    async stop() {
      await host.stop();
      await project.remove();
    },
  };
}

async function startWorkerd({ name, env = {} }: App): Promise<RunningApp> {
  const folder = await mkdtemp(join(tmpdir(), 'isolane-bench-workerd-'));
  await build({
    entryPoints: [entryOf(name)],
    outfile: join(folder, 'app.js'),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
  });
  const bindings = Object.entries(env).map(
    ([key, text]) => `(name = ${JSON.stringify(key)}, text = ${JSON.stringify(text)})`,
  );
  const config = join(folder, 'workerd.capnp');
  await writeFile(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "app", worker = .app), (name = "internet", network = (allow = ["public", "private"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "app")]
);
const app :Workerd.Worker = (
  modules = [(name = "app.js", esModule = embed "app.js")],
  bindings = [${bindings.join(', ')}],
  compatibilityDate = "2026-10-01"
);
`,
  );
  const child = spawn(await workerdBinary(), ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const port = await portFrom(child.stdio[3] as Readable, child);
  return {
    pid: child.pid!,
    port,
    async stop() {
      await stopChild(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
