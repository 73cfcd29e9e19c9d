/** `isolane bench URL`: loads a server, isolane or any other, and tells what came back. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { HostError } from '../contract/errors.ts';
import { takeAim } from '../load/aim.ts';
import { load, WrongAnswer } from '../load/load.ts';
import { loadPage } from '../load/load-page.ts';
import { loadText } from '../load/load-text.ts';
import type { LoadPlan, LoadRequest, LoadResult } from '../load/plan.ts';
import type { Command, Input, Terminal } from './command.ts';

const DEFAULT_RATE = 100;
const TOKEN = 'ISOLANE_DEBUG_TOKEN';

export const bench: Command = {
  name: 'bench',
  usage: 'URL… [--rate N | --max] [--duration SECONDS]',
  about: 'load a server and report its latencies',
  words: { min: 1, max: 100 },
  options: {
    rate: {
      ...{ kind: 'count', range: { min: 1, max: 99_999 }, value: 'N' },
      about: `requests a second, answered or not (open loop; default ${DEFAULT_RATE})`,
    },
    max: { kind: 'flag', about: 'as many as it answers: connections wait (closed loop)' },
    connections: { kind: 'count', range: { min: 1, max: 10_000 }, value: 'N', about: 'kept open (default 64)' },
    duration: { kind: 'count', range: { min: 1, max: 86_400 }, value: 'SECONDS', about: 'measured time (default 10)' },
    warmup: { kind: 'count', range: { min: 0, max: 3600 }, value: 'SECONDS', about: 'before that (default 2)' },
    processes: { kind: 'count', range: { min: 1, max: 64 }, value: 'N', about: 'that make the load (default 1)' },
    method: { kind: 'text', value: 'METHOD', about: 'GET, or POST with --data, unless given' },
    header: { kind: 'texts', value: '"NAME: VALUE"', about: 'of every request; may be given several times' },
    data: { kind: 'text', value: 'TEXT|@FILE', about: 'the body of every request' },
    expect: { kind: 'text', value: 'TEXT', about: 'the body that every answer must have' },
    'expect-status': { kind: 'count', range: { min: 100, max: 599 }, value: 'N', about: 'instead of any 2xx' },
    cold: { kind: 'flag', about: `isolane: new isolates; a token of scope debug in ${TOKEN}` },
    warm: { kind: 'flag', about: 'isolane: loaded isolates; the same token' },
    html: { kind: 'text', value: 'FILE', about: 'write a page with plots' },
    'yes-this-is-mine': { kind: 'flag', about: 'allow a server that is not on this machine or a private network' },
  },
  run: async (input, terminal) => {
    const plan = await planOf(input, terminal);
    const [url = ''] = input.words;
    terminal.err(opening(url, plan));
    const result = await measure(plan);
    if (plan.serverTiming && Object.keys(result.serverTiming).length === 0) {
      throw new HostError('FORBIDDEN', `${url} sent no server-timing; ${TOKEN} must be a token of scope debug there.`);
    }
    const report = { url, mode: plan.ratePerSecond === null ? 'closed' : 'open', ...shapeOf(plan), ...result };
    const file = input.text('html');
    if (file !== undefined) writeFileSync(resolve(terminal.workingDirectory, file), loadPage(url, plan, result));
    terminal.out(input.json ? JSON.stringify(report) : loadText(plan, result));
    return result.failures === 0 ? 0 : 1;
  },
};

async function planOf(input: Input, terminal: Terminal): Promise<LoadPlan> {
  for (const [one, other] of [
    ['rate', 'max'],
    ['cold', 'warm'],
  ] as const) {
    if (input.flag(one) && input.flag(other)) {
      throw new HostError('USAGE', `--${one} and --${other} exclude each other; leave one of them out.`);
    }
  }
  const headers = { ...headersOf(input.texts('header')), ...debugHeaders(input, terminal) };
  const { origin, paths } = await takeAim(input.words, input.flag('yes-this-is-mine'));
  const data = input.text('data');
  const request: Omit<LoadRequest, 'path'> = {
    ...(input.text('method') === undefined ? {} : { method: methodOf(input.text('method')!) }),
    headers,
    ...(data === undefined ? {} : { body: bodyOf(data, terminal) }),
  };
  return {
    origin,
    requests: paths.map((path) => ({ ...request, path })),
    connections: input.number('connections') ?? 64,
    warmupMs: (input.number('warmup') ?? 2) * 1000,
    durationMs: (input.number('duration') ?? 10) * 1000,
    ratePerSecond: input.flag('max') ? null : (input.number('rate') ?? DEFAULT_RATE),
    expect: { status: input.number('expect-status') ?? null, body: input.text('expect') ?? null },
    processes: input.number('processes') ?? 1,
    serverTiming: input.flag('cold') || input.flag('warm'),
  };
}

async function measure(plan: LoadPlan): Promise<LoadResult> {
  try {
    return await load(plan);
  } catch (error) {
    if (!(error instanceof WrongAnswer)) throw error;
    throw new HostError('BAD_REQUEST', `Nothing was measured: ${error.message}.`, { cause: error });
  }
}

/** Never on the command line, where other users of the machine could read it. */
function debugHeaders(input: Input, { env }: Terminal): Record<string, string> {
  const start = input.flag('cold') ? 'cold' : input.flag('warm') ? 'warm' : null;
  if (start === null) return {};
  const token = env[TOKEN];
  if (token === undefined || token === '') {
    throw new HostError('USAGE', `--${start} needs a token of scope debug in the environment variable ${TOKEN}.`);
  }
  return { 'x-isolane-debug': token, 'x-isolane-start': start };
}

function headersOf(texts: readonly string[]): Record<string, string> {
  const pairs = texts.map((text): [string, string] => {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): *([^\r\n\0]*)$/.exec(text) ?? [];
    if (name !== undefined && value !== undefined) return [name, value];
    throw new HostError('USAGE', `--header is "${text}", but must be "NAME: VALUE".`);
  });
  return Object.fromEntries(pairs);
}

function methodOf(text: string): string {
  if (/^[A-Z]{1,20}$/.test(text)) return text;
  throw new HostError('USAGE', `--method is "${text}", but must be a method in capitals such as PUT.`);
}

function bodyOf(data: string, terminal: Terminal): string | Uint8Array {
  if (!data.startsWith('@')) return data;
  const file = resolve(terminal.workingDirectory, data.slice(1));
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new HostError('USAGE', `--data names ${file}, which cannot be read; name a file that can.`, { cause });
  }
}

function opening(url: string, plan: LoadPlan): string {
  const { ratePerSecond, connections, warmupMs, durationMs } = plan;
  const how = ratePerSecond === null ? 'as many requests as it answers' : `${ratePerSecond} requests/s`;
  return `${url}: ${how} over ${connections} connections, ${(warmupMs + durationMs) / 1000} s`;
}

function shapeOf(plan: LoadPlan): Omit<LoadPlan, 'origin' | 'requests' | 'expect' | 'serverTiming'> {
  const { connections, warmupMs, durationMs, ratePerSecond, processes } = plan;
  return { connections, warmupMs, durationMs, ratePerSecond, processes };
}
