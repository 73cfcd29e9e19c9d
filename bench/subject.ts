/** What is measured against what: each subject is a fresh process that serves the same greeting on a free port. */
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';
import { startHost } from '../test/support/host.ts';
import { portFrom, stderrOf, stopChild } from './child.ts';
import { Connection, requestBytes, type Target } from './connection.ts';
import { installPeers, missingPeer, PEERS, type PeerName, peerFile, peerVersion } from './peers.ts';

/** `process`: isolane with every function in an engine process; `node` and `hono`: plain servers, without isolates. */
export const SUBJECTS = ['node', 'hono', 'workerd', ...PEERS, 'isolane', 'process'] as const;
export type SubjectName = (typeof SUBJECTS)[number];

export interface Subject extends Target {
  readonly pid: number;
  readonly expectBody: string;
  stop(): Promise<void>;
}

export interface Availability {
  readonly present: readonly SubjectName[];
  /** Who is left out, and why. */
  readonly missing: Readonly<Partial<Record<SubjectName, string>>>;
  readonly versions: Readonly<Partial<Record<SubjectName, string>>>;
}

const ROOT = join(import.meta.dirname, '..');

/** Which of `names` can be run here; `install`: after installing the pinned peers. */
export async function available(
  names: readonly SubjectName[],
  { install, progress }: { readonly install: boolean; readonly progress: (line: string) => void },
): Promise<Availability> {
  const peers = names.filter((name) => isPeer(name));
  const failure = install && peers.length > 0 ? await installPeers(progress) : null;
  const missing: Partial<Record<SubjectName, string>> = {};
  const versions: Partial<Record<SubjectName, string>> = {};
  for (const name of names) {
    if (isPeer(name)) {
      const reason = failure ?? (await missingPeer(name)) ?? (await trial(name));
      if (reason !== null) missing[name] = reason;
      else versions[name] = await peerVersion(name);
    }
    if (name === 'workerd') {
      await workerdBinary().catch((error: Error) => {
        missing[name] = error.message;
      });
    }
  }
  return { present: names.filter((name) => missing[name] === undefined), missing, versions };
}

/** Why a peer does not answer as it should; `null`: it does. */
async function trial(name: PeerName): Promise<string | null> {
  try {
    const subject = await startSubject(name);
    try {
      const { status, body } = await new Connection(subject.port).ask(requestBytes(subject));
      return status === 200 && body === subject.expectBody ? null : `it answers ${status} ${JSON.stringify(body)}`;
    } finally {
      await subject.stop();
    }
  } catch (error) {
    return (error as Error).message;
  }
}

function isPeer(name: SubjectName): name is PeerName {
  return (PEERS as readonly string[]).includes(name);
}

interface Served {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** A command that prints its port; `folder` goes with it. */
async function serve(command: string, words: readonly string[], folder: string | null): Promise<Served> {
  const child = spawn(command, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production', DO_NOT_TRACK: '1', DENO_NO_UPDATE_CHECK: '1' },
  });
  const stderr = stderrOf(child);
  const stop = async (): Promise<void> => {
    await stopChild(child);
    if (folder !== null) await rm(folder, { recursive: true, force: true });
  };
  try {
    return { port: await portFrom(child.stdout, child), pid: child.pid!, stop };
  } catch (error) {
    await stop();
    const said = stderr()
      .split('\n')
      .find((line) => /error/i.test(line));
    throw new Error(`${(error as Error).message}${said === undefined ? '' : `: ${said.trim().slice(0, 200)}`}`);
  }
}

function baseline(file: string): string {
  return join(import.meta.dirname, 'baseline', file);
}

/** The sample as one module, in a folder of its own. */
async function bundledSample(): Promise<{ readonly folder: string; readonly file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'isolane-bench-peer-'));
  const file = join(folder, 'hello.js');
  await build({
    entryPoints: [join(ROOT, 'fixtures/functions/hello/function.ts')],
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
  });
  // Node takes a .js without a package for CommonJS at first.
  await copyFile(baseline('package.json'), join(folder, 'package.json'));
  return { folder, file };
}

async function servePeer(name: PeerName): Promise<Served> {
  const { folder, file } = await bundledSample();
  const program = baseline(`${name}.js`);
  switch (name) {
    case 'deno': {
      const words = ['run', '--quiet', '--no-config', '--no-lock', '--allow-net', '--allow-read', program, file];
      return serve(peerFile(name), words, folder);
    }
    case 'bun':
      return serve(peerFile(name), [program, file], folder);
    case 'miniflare':
    case 'lambda-local':
      return serve(process.execPath, [program, peerFile(name), file], folder);
    default:
      return name satisfies never;
  }
}

/** The platform's own binary: the npm package's `bin/workerd` is a script that starts it as a child. */
export async function workerdBinary(): Promise<string> {
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

async function serveWorkerd(): Promise<Served> {
  const { folder } = await bundledSample();
  const config = join(folder, 'workerd.capnp');
  await copyFile(baseline('workerd.capnp'), config);
  const child = spawn(await workerdBinary(), ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const port = await portFrom(child.stdio[3] as Readable, child);
  return {
    port,
    pid: child.pid!,
    async stop() {
      await stopChild(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function serveIsolane(isolation: 'shared' | 'process'): Promise<Served> {
  const env = { ISOLANE_SERVER_ISOLATION: isolation };
  const host = await startHost({ config: join(ROOT, 'fixtures/isolane.json'), env });
  return {
    port: Number(new URL(host.url).port),
    pid: host.pid,
    async stop() {
      await host.stop();
    },
  };
}

async function serveSubject(name: SubjectName): Promise<Served> {
  switch (name) {
    case 'node':
    case 'hono':
      return serve(process.execPath, [baseline(`${name}.ts`)], null);
    case 'workerd':
      return serveWorkerd();
    case 'isolane':
      return serveIsolane('shared');
    case 'process':
      return serveIsolane('process');
    default:
      return servePeer(name);
  }
}

export async function startSubject(name: SubjectName): Promise<Subject> {
  return { ...(await serveSubject(name)), path: '/hello/world', expectBody: 'Hello, world!\n' };
}

export function startHono(): Promise<Subject> {
  return startSubject('hono');
}
