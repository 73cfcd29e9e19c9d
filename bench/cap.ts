/**
 * How long a function that never yields runs past its CPU limit on an otherwise idle host, seen by the client: from
 * request to refusal, less the limit, the isolate being warm. Every kill takes a function of its own, so that neither a
 * new isolate nor a quarantine is part of the figure.
 */

import { Histogram } from '../src/load/histogram.ts';
import { startHost } from '../test/support/host.ts';
import { Connection, requestBytes } from './connection.ts';
import { figure, type Row } from './figure.ts';
import { generateProject } from './generated.ts';

export interface CapOptions {
  readonly kills: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

const CPU_MS = 100;

const SOURCE = `export default {
  fetch(request) {
    if (request.headers.has('x-spin')) for (;;) {}
    return new Response('warm');
  },
};
`;

async function measure(kills: number): Promise<Histogram> {
  const project = await generateProject({
    count: kills,
    source: (n) => `// ${n}\nexport const n = ${n};\n${SOURCE}`,
    limits: () => ({ cpuMs: CPU_MS }),
  });
  const host = await startHost({ config: project.config });
  const port = Number(new URL(host.url).port);
  const over = new Histogram();
  try {
    for (const name of project.names) {
      const path = `/fn/${name}/`;
      const connection = new Connection(port);
      await connection.ask(requestBytes({ port, path }));
      await connection.ask(requestBytes({ port, path }));
      const startedAt = performance.now();
      const { status, body } = await connection.ask(requestBytes({ port, path, headers: { 'x-spin': '1' } }));
      const tookMs = performance.now() - startedAt;
      if (status !== 503 || !body.includes('cpu_exceeded'))
        throw new Error(`expected cpu_exceeded, got ${status} ${body}`);
      over.record(Math.max(0, tookMs - CPU_MS));
      connection.close();
    }
    return over;
  } finally {
    await host.stop();
    await project.remove();
  }
}

export async function benchCap(options: CapOptions): Promise<readonly Row[]> {
  const all: Histogram[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    const over = await measure(options.kills);
    all.push(over);
    options.progress(`isolane: ${over.quantileMs(0.5).toFixed(2)} ms past a CPU limit of ${CPU_MS} ms`);
  }
  const row = (name: string, q: number): Row => ({
    name,
    figures: {
      isolane: figure(
        'ms',
        all.map((each) => each.quantileMs(q)),
      ),
    },
  });
  return [row(`past a CPU limit of ${CPU_MS} ms, p50`, 0.5), row(`past a CPU limit of ${CPU_MS} ms, worst`, 1)];
}
