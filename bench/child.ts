/** Processes that bench starts: they say their port as JSON, and end when told. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const READY_WITHIN_MS = 30_000;
const STDERR_KEPT = 4096;
const KILL_AFTER_MS = 5000;

/** What a child wrote to stderr, its end. */
export function stderrOf(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-STDERR_KEPT);
  });
  return () => text.trim();
}

/** The first line of `stream` whose JSON has a number `port`; other lines are skipped. */
export async function portFrom(stream: Readable, child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(() => reject(new Error(`no port within ${READY_WITHIN_MS} ms`)), READY_WITHIN_MS);
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`ended with code ${code} before it listened`)));
  createInterface({ input: stream }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    const { port } = JSON.parse(line) as { port?: number };
    if (port !== undefined) resolve(port);
  });
  return promise.finally(() => clearTimeout(timer));
}

export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  await exit;
  clearTimeout(killer);
}
