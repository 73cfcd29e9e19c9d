/**
 * What single calls of the platform cost inside an isolate, against the same loop on plain Node: the text of each loop runs on
 * both sides of one fresh process. The isolate's clock stands still within a turn, so the turn is timed from outside.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { NODE_FLAGS } from '../src/engine/flags.ts';
import { openGuest } from '../test/support/isolate.ts';
import { figure, type Row } from './figure.ts';

export interface GuestRuntimeOptions {
  /** Calls of each loop. */
  readonly calls: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

type Loop = (calls: number) => number | Promise<number>;

/** Each counts something of every call, so that the answer can be checked and nothing is optimised away. */
const LOOPS: Readonly<Record<string, Loop>> = {
  'new URL(), its path read': (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) sum += new URL(`https://example.com/path/to/thing?id=${i}#top`).pathname.length;
    return sum;
  },
  'new URL() with a base': (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) sum += new URL(`/path/to/thing?id=${i}`, 'https://example.com/').href.length;
    return sum;
  },
  'new URL() that needs a parser': (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) sum += new URL(`https://ex\u00e4mple.com/a b/../c?id=${i}`).href.length;
    return sum;
  },
  'new URL(), a parameter read': (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) sum += new URL(`https://example.com/a?id=${i}&x=y`).searchParams.get('id')!.length;
    return sum;
  },
  'Response.json()': (calls) => {
    let sum = 0;
    const data = { id: 7, name: 'a name', tags: ['a', 'b', 'c'], nested: { yes: true, ratio: 0.5 } };
    for (let i = 0; i < calls; i++) sum += Response.json(data).status;
    return sum;
  },
  'response.json()': async (calls) => {
    let sum = 0;
    const text = '{"id":7,"name":"a name","tags":["a","b","c"],"nested":{"yes":true,"ratio":0.5}}';
    for (let i = 0; i < calls; i++) sum += ((await new Response(text).json()) as { id: number }).id;
    return sum;
  },
  'request.json()': async (calls) => {
    let sum = 0;
    const body = '{"id":7,"name":"a name","tags":["a","b","c"],"nested":{"yes":true,"ratio":0.5}}';
    for (let i = 0; i < calls; i++) {
      const request = new Request('https://example.com/', { method: 'POST', body });
      sum += ((await request.json()) as { id: number }).id;
    }
    return sum;
  },
};
const SUBJECTS = ['node', 'isolane'] as const;
/** µs a call. */
type Measured = Readonly<Record<string, Readonly<Record<(typeof SUBJECTS)[number], number>>>>;
const ROUNDS = 5;

/** The quickest of some rounds: what is slower was disturbed. */
async function usPerCall(calls: number, round: () => Promise<void>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const startedAt = performance.now();
    await round();
    best = Math.min(best, performance.now() - startedAt);
  }
  return (best * 1000) / calls;
}

async function measureHere(calls: number): Promise<Measured> {
  const measured: Record<string, { node: number; isolane: number }> = {};
  for (const [name, loop] of Object.entries(LOOPS)) {
    const expected = await loop(calls);
    const node = await usPerCall(calls, async () => void (await loop(calls)));
    const guest = await openGuest(
      `const loop = ${loop}; export default { async fetch() { return Response.json(await loop(${calls})); } }`,
      { memoryMiB: 512 },
    );
    const ask = (): unknown => JSON.parse((guest.fetch().get('head').body as { text: string }).text);
    if (ask() !== expected) throw new Error(`${name}: the isolate counted ${ask()}, Node ${expected}`);
    const isolane = await usPerCall(calls, async () => void ask());
    guest.close();
    measured[name] = { node, isolane };
  }
  return measured;
}

export async function benchGuestRuntime(options: GuestRuntimeOptions): Promise<readonly Row[]> {
  const all: Measured[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    const arguments_ = [...NODE_FLAGS, import.meta.filename, String(options.calls)];
    const { stdout } = await promisify(execFile)(process.execPath, arguments_);
    const measured = JSON.parse(stdout) as Measured;
    all.push(measured);
    for (const [name, { node, isolane }] of Object.entries(measured)) {
      const ratio = (isolane / node).toFixed(2);
      options.progress(`${name}: node ${node.toFixed(2)} µs, isolane ${isolane.toFixed(2)} µs, ${ratio} ×`);
    }
  }
  return Object.keys(LOOPS).map((name) => ({
    name,
    figures: Object.fromEntries(
      SUBJECTS.map((subject) => [
        subject,
        figure(
          'µs',
          all.map((measured) => measured[name]![subject]),
        ),
      ]),
    ),
  }));
}

if (import.meta.main) process.stdout.write(JSON.stringify(await measureHere(Number(process.argv[2]))));
