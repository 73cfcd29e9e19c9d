/**
 * Memory of an idle warm function: by how much a process that serves many, each of which has answered some requests, is larger
 * than one that serves a single one. isolane against workerd with as many workers in one process, each its own isolate, which
 * workerd makes when it starts. What is resident counts, all of it.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHost } from '../test/support/host.ts';
import { alternate } from './benchmark.ts';
import { stopChild } from './child.ts';
import { Connection, requestBytes } from './connection.ts';
import { figure, type Row } from './figure.ts';
import { generateProject } from './generated.ts';
import { workerdBinary } from './subject.ts';

export interface MemoryOptions {
  readonly functions: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

const SUBJECTS = ['isolane', 'workerd'] as const;
type SubjectName = (typeof SUBJECTS)[number];

/** One process that serves function n at a port and path of its own. */
interface Served {
  readonly pid: number;
  target(n: number): { readonly port: number; readonly path: string };
  stop(): Promise<void>;
}

const CALLS = 6;
const SETTLE_MS = 1500;
const KIB_PER_MIB = 1024;

const source = (n: number): string => `export default { fetch: () => new Response('function ${n}') };\n`;

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`no VmRSS of process ${pid}`);
  return Number(kib) / KIB_PER_MIB;
}

async function serveIsolane(count: number): Promise<Served> {
  const project = await generateProject({ count, source, limits: () => ({}) });
  const host = await startHost({ config: project.config });
  const port = Number(new URL(host.url).port);
  return {
    pid: host.pid,
    target: (n) => ({ port, path: `/fn/${project.names[n]}/` }),
    stop: async () => {
      await host.stop();
      await project.remove();
    },
  };
}

/** A socket for each worker: workerd routes by nothing else. */
async function serveWorkerd(count: number): Promise<Served> {
  const directory = await mkdtemp(join(tmpdir(), 'isolane-bench-memory-'));
  const numbers = Array.from({ length: count }, (_, n) => n);
  for (const n of numbers) await writeFile(join(directory, `f${n}.js`), source(n));
  const services = numbers.map((n) => `(name = "f${n}", worker = .f${n})`).join(', ');
  const sockets = numbers.map((n) => `(name = "s${n}", address = "127.0.0.1:0", http = (), service = "f${n}")`);
  const workers = numbers.map(
    (n) =>
      `const f${n} :Workerd.Worker = (modules = [(name = "f${n}.js", esModule = embed "f${n}.js")], compatibilityDate = "2026-10-01");`,
  );
  const config = join(directory, 'workerd.capnp');
  await writeFile(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${services}], sockets = [${sockets.join(', ')}]);
${workers.join('\n')}
`,
  );
  const child = spawn(await workerdBinary(), ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const ports = new Map<string, number>();
  for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
    const { socket, port } = JSON.parse(line) as { socket?: string; port?: number };
    if (socket !== undefined && port !== undefined) ports.set(socket, port);
    if (ports.size === count) break;
  }
  if (ports.size < count) throw new Error('workerd ended before all of its sockets listened');
  return {
    pid: child.pid!,
    target: (n) => ({ port: ports.get(`s${n}`)!, path: '/' }),
    stop: async () => {
      await stopChild(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Of a process that serves so many, MiB, once each of them has answered. */
async function residentWith(subject: SubjectName, count: number): Promise<number> {
  const served = subject === 'isolane' ? await serveIsolane(count) : await serveWorkerd(count);
  try {
    for (let n = 0; n < count; n++) {
      const target = served.target(n);
      const connection = new Connection(target.port);
      for (let call = 0; call < CALLS; call++) {
        const { status, body } = await connection.ask(requestBytes(target));
        if (status !== 200 || body !== `function ${n}`) throw new Error(`function ${n} answered ${status} ${body}`);
      }
      connection.close();
    }
    await sleep(SETTLE_MS);
    return await residentMib(served.pid);
  } finally {
    await served.stop();
  }
}

export async function benchMemory(options: MemoryOptions): Promise<readonly Row[]> {
  const measured = await alternate(SUBJECTS, options, async (subject) => {
    const one = await residentWith(subject, 1);
    const mib = ((await residentWith(subject, 1 + options.functions)) - one) / options.functions;
    options.progress(`${subject}: ${mib.toFixed(2)} MiB per warm function`);
    return mib;
  });
  const figures = Object.fromEntries([...measured].map(([name, values]) => [name, figure('MiB', values)]));
  return [{ name: 'memory per idle warm function', figures }];
}
