/** The same CPU-bound work on plain Node: each line `<kind> <seed>` is answered by `{ answer, cpuNs }` of this thread. */
import { createInterface } from 'node:readline';
import { threadCpuClock } from '../../src/engine/thread-cpu.ts';
import { WORK } from '../cpu-work.ts';

const cpuNs = threadCpuClock();

createInterface({ input: process.stdin }).on('line', (line) => {
  const [kind = '', seed] = line.split(' ');
  const startedNs = cpuNs();
  const answer = WORK[kind]!(Number(seed));
  process.stdout.write(`${JSON.stringify({ answer, cpuNs: cpuNs() - startedNs })}\n`);
});
