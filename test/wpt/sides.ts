/**
 * The two sides a case runs on: an isolate of its own in a real host, and plain Node in a process of its own. Whatever a
 * case does to its side, an answer comes: its results, or that it crashed or hung.
 */
import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type RunningHost, startHost } from '../support/host.ts';
import type { PageResult } from './page.ts';
import type { Program } from './program.ts';

export type Ending =
  | { readonly kind: 'ended'; readonly page: PageResult }
  | { readonly kind: 'crash' | 'hang'; readonly why: string };

/** What a case gets beyond its own deadline, for a busy machine. */
const GRACE_MS = 30_000;
const LIMITS = {
  memoryMiB: 512,
  cpuMs: 300_000,
  wallMs: 300_000,
  initMs: 10_000,
  queueMs: 600_000,
  subrequests: 10_000,
  requestBytes: 64 * 1024 * 1024,
  responseBytes: 64 * 1024 * 1024,
  timers: 100_000,
};

export async function runOnNode(program: Program): Promise<Ending> {
  const directory = await mkdtemp(join(tmpdir(), 'isolane-wpt-'));
  try {
    const file = join(directory, 'program.js');
    await writeFile(file, program.text);
    const child = spawn(
      process.execPath,
      ['--no-warnings', '--max-old-space-size=1024', join(import.meta.dirname, 'node-page.ts'), file],
      { cwd: directory, env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
    );
    const { promise: exit, resolve } = Promise.withResolvers<string>();
    child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}`));
    const killer = setTimeout(() => child.kill('SIGKILL'), program.deadlineMs + GRACE_MS);
    let out = '';
    const results = (child.stdio[3] as Readable).setEncoding('utf8');
    for await (const text of results) out += text;
    const why = await exit;
    const hung = child.signalCode === 'SIGKILL';
    clearTimeout(killer);
    if (out !== '') return { kind: 'ended', page: JSON.parse(out) as PageResult };
    return { kind: hung ? 'hang' : 'crash', why };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A host with one function for each case, so that every case has a fresh isolate and falls alone. */
export class IsolaneSide {
  readonly #directory: string;
  #host: RunningHost | null;
  #starting: Promise<RunningHost> | null = null;

  private constructor(directory: string, host: RunningHost) {
    this.#directory = directory;
    this.#host = host;
  }

  static async open(count: number): Promise<IsolaneSide> {
    const directory = await mkdtemp(join(tmpdir(), 'isolane-wpt-'));
    await mkdir(join(directory, 'functions'));
    await copyFile(join(import.meta.dirname, 'function.ts'), join(directory, 'functions/function.ts'));
    const entry = 'functions/function.ts';
    const functions = Object.fromEntries(
      Array.from({ length: count }, (_, n) => [`case-${n}`, { entry, url: true, limits: LIMITS }]),
    );
    await writeFile(join(directory, 'isolane.json'), JSON.stringify({ functions }));
    try {
      return new IsolaneSide(directory, await IsolaneSide.#serve(directory));
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  static #serve(directory: string): Promise<RunningHost> {
    return startHost({ config: join(directory, 'isolane.json') });
  }

  async #alive(): Promise<RunningHost> {
    const host = this.#host;
    if (host !== null && host.child.exitCode === null && host.child.signalCode === null) return host;
    this.#starting ??= (async () => {
      await this.#host?.stop('SIGKILL');
      this.#host = await IsolaneSide.#serve(this.#directory);
      this.#starting = null;
      return this.#host;
    })();
    return this.#starting;
  }

  async run(n: number, program: Program): Promise<Ending> {
    const host = await this.#alive();
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${host.url}/fn/case-${n}/`, {
        method: 'POST',
        body: program.text,
        signal: AbortSignal.timeout(program.deadlineMs + GRACE_MS),
      });
      text = await response.text();
    } catch (error) {
      const hung = error instanceof Error && error.name === 'TimeoutError';
      return hung
        ? { kind: 'hang', why: 'no answer in time' }
        : { kind: 'crash', why: `the host cut the connection\n${host.stderr().slice(-2000)}` };
    }
    if (response.status === 200) return { kind: 'ended', page: JSON.parse(text) as PageResult };
    const why = `${response.status} ${text}\n${await this.#problem(host, response)}`;
    return { kind: response.status === 504 ? 'hang' : 'crash', why };
  }

  /** What the host knows of an invocation that failed. */
  async #problem(host: RunningHost, response: Response): Promise<string> {
    const id = response.headers.get('x-invocation-id');
    if (id === null) return '';
    const view = (await (await host.admin(`/v1/invocations/${id}`)).json()) as {
      problem?: { message?: string; stack?: string } | null;
    };
    return `${view.problem?.message ?? ''}\n${view.problem?.stack ?? ''}`;
  }

  async close(): Promise<void> {
    await this.#host?.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
