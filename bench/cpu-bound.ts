/**
 * Functions that only compute, against the same code on plain Node, with the V8 flags a host needs and without: CPU of the
 * thread that runs them, an isolate's as its billing record says. Rounds alternate, so a drift of the machine hits all alike.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { NODE_FLAGS } from '../src/engine/flags.ts';
import { startHost } from '../test/support/host.ts';
import { WORK } from './cpu-work.ts';
import { figure, median, type Row } from './figure.ts';
import { writeProject } from './project.ts';

export interface CpuBoundOptions {
  /** Of each kind of work, after as many again that are not counted. */
  readonly rounds: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

interface Round {
  readonly answer: number;
  readonly cpuNs: number;
}

interface Worker {
  run(kind: string, seed: number): Promise<Round>;
  stop(): Promise<void>;
}

const NODE = 'node';
const SAME_FLAGS = 'node, same flags';
const ISOLANE = 'isolane';
type SubjectName = typeof NODE | typeof SAME_FLAGS | typeof ISOLANE;

const START: Readonly<Record<SubjectName, () => Promise<Worker>>> = {
  [NODE]: async () => new PlainNode([]),
  [SAME_FLAGS]: async () => new PlainNode(NODE_FLAGS),
  [ISOLANE]: startFunction,
};
const NS_PER_MS = 1e6;

class PlainNode implements Worker {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  constructor(flags: readonly string[]) {
    const program = join(import.meta.dirname, 'baseline/cpu.ts');
    this.#child = spawn(process.execPath, [...flags, program], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout! });
  }

  async run(kind: string, seed: number): Promise<Round> {
    this.#child.stdin!.write(`${kind} ${seed}\n`);
    const [line] = (await once(this.#lines, 'line')) as [string];
    return JSON.parse(line) as Round;
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.stdin!.end();
    await exit;
  }
}

async function startFunction(): Promise<Worker> {
  const project = await writeProject({ functions: { cpu: { url: true, limits: { cpuMs: 10_000 } } } });
  const host = await startHost({ config: project.config });
  return {
    async run(kind, seed) {
      const response = await fetch(`${host.url}/fn/cpu/?kind=${kind}&seed=${seed}`);
      const answer = await response.text();
      if (response.status !== 200) throw new Error(`${kind}: ${response.status} ${answer}`);
      const told = await host.admin(`/v1/invocations/${response.headers.get('x-invocation-id')}`);
      const { record } = (await told.json()) as { record: { cpuNs: number } };
      return { answer: Number(answer), cpuNs: record.cpuNs };
    },
    async stop() {
      await host.stop();
      await project.remove();
    },
  };
}

/** Median CPU of each kind of work on each subject, ms. */
type Measured = Readonly<Record<string, Readonly<Record<SubjectName, number>>>>;

async function measure(rounds: number): Promise<Measured> {
  const workers = new Map<SubjectName, Worker>();
  const measured: Record<string, Record<SubjectName, number>> = {};
  try {
    for (const name of Object.keys(START) as SubjectName[]) workers.set(name, await START[name]());
    for (const kind of Object.keys(WORK)) measured[kind] = await measureKind(kind, workers, rounds);
  } finally {
    for (const worker of workers.values()) await worker.stop();
  }
  return measured;
}

async function measureKind(
  kind: string,
  workers: ReadonlyMap<SubjectName, Worker>,
  rounds: number,
): Promise<Record<SubjectName, number>> {
  const cpuMs: Record<SubjectName, number[]> = { [NODE]: [], [SAME_FLAGS]: [], [ISOLANE]: [] };
  for (let round = 0; round < 2 * rounds; round++) {
    const answers = new Set<number>();
    for (const [name, worker] of workers) {
      const { answer, cpuNs } = await worker.run(kind, round);
      answers.add(answer);
      if (round >= rounds) cpuMs[name].push(cpuNs / NS_PER_MS);
    }
    if (answers.size > 1) throw new Error(`${kind} ${round} has different answers: ${[...answers].join(', ')}`);
  }
  return { [NODE]: median(cpuMs[NODE]), [SAME_FLAGS]: median(cpuMs[SAME_FLAGS]), [ISOLANE]: median(cpuMs[ISOLANE]) };
}

export async function benchCpuBound(options: CpuBoundOptions): Promise<readonly Row[]> {
  const all: Measured[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    const measured = await measure(options.rounds);
    all.push(measured);
    for (const [kind, ms] of Object.entries(measured)) {
      const cells = Object.entries(ms).map(([name, value]) => `${name} ${value.toFixed(1)} ms`);
      options.progress(
        `${kind}: ${cells.join(', ')}: ${percent(ms, SAME_FLAGS).toFixed(1)} % and ${percent(ms, NODE).toFixed(1)} %`,
      );
    }
  }
  const names = Object.keys(START) as SubjectName[];
  return Object.keys(WORK).flatMap((kind) => [
    row(
      `${kind}: CPU`,
      names.map((name) => [
        name,
        figure(
          'ms',
          all.map((each) => each[kind]![name]),
        ),
      ]),
    ),
    row(`${kind}: speed of plain Node with the same flags`, [
      [
        ISOLANE,
        figure(
          '%',
          all.map((each) => percent(each[kind]!, SAME_FLAGS)),
        ),
      ],
    ]),
    row(`${kind}: speed of plain Node`, [
      [
        ISOLANE,
        figure(
          '%',
          all.map((each) => percent(each[kind]!, NODE)),
        ),
      ],
    ]),
  ]);
}

function percent(ms: Readonly<Record<SubjectName, number>>, of: SubjectName): number {
  return (100 * ms[of]) / ms[ISOLANE];
}

function row(name: string, figures: readonly (readonly [string, Row['figures'][string]])[]): Row {
  return { name, figures: Object.fromEntries(figures) };
}
