/**
 * The survey of sizes: every built-in once with receivers and arguments out of all proportion. Each call must come to an
 * end by itself, by its limit or by an error; those that do not are listed with their reason in `wedges.ts`, and only a
 * kill of the process contains them. Runs in child processes. A sample; ISOLANE_SURVEY_CALLS and ISOLANE_SEED draw another.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { NODE_FLAGS } from '../../src/engine/flags.ts';
import { Guest } from '../support/isolate.ts';
import { type BuiltIn, call, ENDLESS, ENUMERATE, HOSTILE, receivers, surveyed } from './catalogue.ts';
import { seeded } from './seeded.ts';
import { WEDGES } from './wedges.ts';

const SAMPLE = process.env['ISOLANE_TEST_ALL'] === '1' ? 12_000 : 400;
/** CPU one call may use in the child. Its timeout is 100 ms; collecting what it made takes the rest, near the memory limit long. */
const MOST_NS = 8e9;
const LOOK_MS = 100;

it('every call with a hostile size ends, or is listed', async () => {
  const found = JSON.parse((await Guest.eval(`return (0, eval)(${JSON.stringify(ENUMERATE)})`)) as string) as BuiltIn[];
  const all = callsOf(found.filter(surveyed)).filter((one) => !WEDGES.some(({ calls }) => calls.test(one)));
  const calls = seeded(all, Number(process.env['ISOLANE_SURVEY_CALLS'] ?? SAMPLE));
  const wedged: string[] = [];
  for (let at = 0; at < calls.length; ) {
    const stuck = await survey(calls.slice(at));
    if (stuck === null) break;
    wedged.push(calls[at + stuck] ?? '');
    at += stuck + 1;
  }
  expect(wedged).toEqual([]);
}, 10_800_000);

/** The index of the call at which the child had to be killed; `null`: it came to the end. */
async function survey(calls: readonly string[]): Promise<number | null> {
  const script = fileURLToPath(new URL('./sizes-child.ts', import.meta.url));
  const child = spawn(process.execPath, [...NODE_FLAGS, script], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => undefined).end(JSON.stringify(calls));
  let running = -1;
  let ended = -1;
  let sinceNs = 0;
  let rest = '';
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const index = Number(line.split(' ')[1]);
      if (line.startsWith('begin')) [running, sinceNs] = [index, cpuNs(child.pid)];
      else ended = index;
    }
  });
  const watch = setInterval(() => {
    if (running > ended && cpuNs(child.pid) - sinceNs > MOST_NS) child.kill('SIGKILL');
  }, LOOK_MS);
  await new Promise((resolve) => child.once('close', resolve));
  clearInterval(watch);
  if (running < 0) throw new Error('the child did not begin');
  return ended === calls.length - 1 ? null : running;
}

/** CPU of the child's main thread, where its isolates run. */
function cpuNs(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ', 1)[0]);
  } catch {
    return process.hrtime()[0] * 1e9;
  }
}

function callsOf(found: readonly BuiltIn[]): readonly string[] {
  const all = found.flatMap((each) => {
    const isMethod = each.kind === 'method' && (each.owner.endsWith('.prototype') || each.owner.startsWith('Object.'));
    const asReceiver = isMethod
      ? HOSTILE.flatMap((size) => ['', '(x) => x', '1', "'y'"].map((args) => call(each, size, args)))
      : [];
    const [receiver = 'undefined'] = receivers(each.owner);
    const asArgument = [...HOSTILE, ...ENDLESS].flatMap((size) =>
      [size, `1, ${size}`, `'a', ${size}`, `(x) => x, ${size}`, `${size}, ${size}`].map((args) =>
        call(each, receiver, args),
      ),
    );
    return [...asReceiver, ...asArgument];
  });
  return [...new Set(all)];
}
