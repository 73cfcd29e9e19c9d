/** The load generator is trusted with the project's numbers: what it must count, notice and not omit. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { figure, printTable } from '../../../bench/figure.ts';
import { type LoadPlan, runLoad } from '../../../bench/load.ts';
import { Histogram } from '../../../src/load/histogram.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

async function planFor(listener: RequestListener, shape: Partial<LoadPlan> = {}): Promise<LoadPlan> {
  const listening = createServer(listener);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const plan = { connections: 4, warmupMs: 0, durationMs: 200, ratePerSecond: null, expectBody: 'hi' };
  return { port, path: '/', ...plan, ...shape };
}

describe('histogram', () => {
  it('finds quantiles within 1 % of the exact ones', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.01, max: 60_000, noNaN: true }), { minLength: 1 }), (values) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const sorted = values.toSorted((a, b) => a - b);
        for (const q of [0.5, 0.9, 0.99, 1]) {
          const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
          expect(Math.abs(histogram.quantileMs(q) - exact)).toBeLessThanOrEqual(exact * 0.01 + 0.0001);
        }
      }),
    );
  });
});

describe('load', () => {
  it('counts in a closed loop what the server answered', async () => {
    let answered = 0;
    const plan = await planFor((_, response) => {
      answered += 1;
      response.end('hi');
    });
    const result = await runLoad(plan);
    // One check for each connection; what was under way at the end is not in the result.
    expect(answered - plan.connections - result.count).toBeGreaterThanOrEqual(0);
    expect(answered - plan.connections - result.count).toBeLessThanOrEqual(plan.connections);
    expect(result.count).toBeGreaterThan(10);
    expect(result.failures).toBe(0);
  });

  it('keeps the rate of an open loop', async () => {
    const plan = await planFor((_, response) => response.end('hi'), { ratePerSecond: 500, durationMs: 400 });
    const result = await runLoad(plan);
    expect(result.perSecond).toBeGreaterThan(400);
    expect(result.perSecond).toBeLessThan(600);
  });

  it('shows a stall to every request that fell due meanwhile', async () => {
    const held: (() => void)[] = [];
    let requests = 0;
    const plan = await planFor(
      (_, response) => {
        requests += 1;
        const answer = (): void => void response.end('hi');
        if (requests === 30) setTimeout(() => held.splice(0).forEach((each) => void each()), 300);
        if (requests >= 30 && requests < 34) held.push(answer);
        else answer();
      },
      { ratePerSecond: 500, durationMs: 800 },
    );
    const { p50Ms, p90Ms, maxMs } = await runLoad(plan);
    // 300 ms of 800: about 150 requests waited, the last of them least. A closed loop would have seen four.
    expect(maxMs).toBeGreaterThan(280);
    expect(p90Ms).toBeGreaterThan(150);
    expect(p50Ms).toBeLessThan(100);
  });

  it('reads answers that come in pieces', async () => {
    const plan = await planFor((_, response) => {
      response.write('h');
      setImmediate(() => response.end('i'));
    });
    expect((await runLoad(plan)).failures).toBe(0);
  });

  it('refuses to time a wrong answer', async () => {
    await expect(runLoad(await planFor((_, response) => response.end('ho')))).rejects.toThrow('expected 200 "hi"');
  });

  it('counts every answer that is not 200 as a failure', async () => {
    let requests = 0;
    const plan = await planFor((_, response) => {
      requests += 1;
      response.writeHead(requests <= 4 ? 200 : 503).end('hi');
    });
    const result = await runLoad(plan);
    expect(result.failures).toBe(result.count);
  });
});

describe('figures', () => {
  it('are the median with its spread', () => {
    expect(figure('ms', [3, 1, 2])).toEqual({ unit: 'ms', median: 2, min: 1, max: 3, runs: 3, values: [3, 1, 2] });
    expect(figure('ms', [4, 1, 2, 3]).median).toBe(2.5);
    expect(() => figure('ms', [])).toThrow();
  });

  it('print as one column for each subject', () => {
    const rows = [
      { name: 'speed', figures: { a: figure('requests/s', [41234.4]), b: figure('requests/s', [1, 3, 2]) } },
      { name: 'delay', figures: { b: figure('ms', [0.12345]) } },
    ];
    expect(printTable(rows)).toBe(
      '|  | a | b |\n| --- | ---: | ---: |\n| speed | 41,234 | 2.00 (1.00–3.00) |\n| delay |  | 0.123 ms |',
    );
  });
});
