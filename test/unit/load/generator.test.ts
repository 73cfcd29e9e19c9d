/** The load generator is trusted with the project's numbers: what it must count, notice and not omit. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { Generator } from '../../../src/load/generator.ts';
import { Histogram } from '../../../src/load/histogram.ts';
import { addUp, load, share } from '../../../src/load/load.ts';
import { type LoadPlan, type LoadResult, SERIAL } from '../../../src/load/plan.ts';

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
  return {
    origin: { host: '127.0.0.1', port, tls: false, name: '127.0.0.1' },
    requests: [{ path: '/' }],
    ...{ connections: 4, warmupMs: 0, durationMs: 200, ratePerSecond: null, processes: 1, serverTiming: false },
    expect: { status: null, body: 'hi' },
    ...shape,
  };
}

/** In this process, where the test can count along. */
async function run(plan: LoadPlan): Promise<LoadResult> {
  const generator = new Generator(share({ ...plan, processes: 1 })[0]!);
  try {
    await generator.check();
    return addUp([await generator.run()], plan);
  } finally {
    generator.close();
  }
}

function slower(result: LoadResult, than: number): number {
  const histogram = Histogram.from(result.latency);
  let low = 0;
  for (; low < result.count && histogram.quantileMs((low + 1) / result.count) <= than; low++);
  return result.count - low;
}

describe('load', () => {
  it('puts a serial of its own into every request that asks for one', async () => {
    const seen = new Set<string>();
    let answered = 0;
    const requests = [{ path: '/', headers: { 'x-id': `id-${SERIAL}` } }];
    const plan = await planFor(
      (request, response) => {
        answered += 1;
        seen.add(String(request.headers['x-id']));
        response.end('hi');
      },
      { requests },
    );
    await run(plan);
    expect(answered).toBeGreaterThan(10);
    expect(seen.size).toBe(answered);
    expect([...seen].every((id) => /^id-[0-9a-f]{6}\d{10}$/.test(id))).toBe(true);
  });

  it('counts in a closed loop what the server answered', async () => {
    let answered = 0;
    const plan = await planFor((_, response) => {
      answered += 1;
      response.end('hi');
    });
    const result = await run(plan);
    // One check for each connection; what was under way at the end is not in the result.
    expect(answered - plan.connections - result.count).toBeGreaterThanOrEqual(0);
    expect(answered - plan.connections - result.count).toBeLessThanOrEqual(plan.connections);
    expect(result.count).toBeGreaterThan(10);
    expect(result.failures).toBe(0);
    expect(result.statuses).toEqual({ 200: result.count });
  });

  it('sends in an open loop what falls due, no more and no less', async () => {
    let answered = 0;
    const plan = await planFor(
      (_, response) => {
        answered += 1;
        response.end('hi');
      },
      { ratePerSecond: 500, durationMs: 400, warmupMs: 100 },
    );
    const result = await run(plan);
    expect(result.count).toBeGreaterThanOrEqual(199);
    expect(result.count).toBeLessThanOrEqual(201);
    expect(answered).toBeGreaterThanOrEqual(249 + plan.connections);
    expect(answered).toBeLessThanOrEqual(251 + plan.connections);
  });

  it('shows a stall to every request that fell due meanwhile, though few were sent', async () => {
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
    const result = await run(plan);
    expect(result.maxMs).toBeGreaterThan(280);
    // 300 ms at 500 a second: about 150 waited, half of them longer than 150 ms. The server held up four.
    expect(slower(result, 100)).toBeGreaterThan(80);
    expect(Histogram.from(result.sinceDue!).quantileMs(1)).toBeGreaterThan(280);
  });

  it('waits for what is under way at the end, and counts it', async () => {
    const plan = await planFor((_, response) => void setTimeout(() => response.end('hi'), 150), {
      ratePerSecond: 50,
      durationMs: 200,
      connections: 2,
    });
    const result = await run(plan);
    // The last one fell due at 180 ms, behind eight others on two connections.
    expect(result.count).toBe(10);
    expect(result.maxMs).toBeGreaterThan(300);
  });

  it('counts who has no answer at all, and takes none that comes late for the next one', async () => {
    let requests = 0;
    const late: (() => void)[] = [];
    const plan = await planFor(
      (_, response) => {
        requests += 1;
        if (requests <= 6) response.end('hi');
        else if (requests <= 9) late.push(() => response.end('late'));
        else response.end('hi');
      },
      { ratePerSecond: 100, durationMs: 200, connections: 4 },
    );
    const generator = new Generator(share(plan)[0]!, 50);
    try {
      await generator.check();
      const result = addUp([await generator.run()], plan);
      expect(result.errors).toEqual({ 'no answer': 3 });
      expect(result.count).toBe(20);
      for (const answer of late) answer();
      await generator.check();
    } finally {
      generator.close();
    }
  });

  it('reads answers that come in pieces', async () => {
    const plan = await planFor((_, response) => {
      response.write('h');
      setImmediate(() => response.end('i'));
    });
    expect((await run(plan)).failures).toBe(0);
  });

  it('opens a connection again that the server closes', async () => {
    const plan = await planFor((_, response) => response.writeHead(200, { connection: 'close' }).end('hi'));
    const result = await run(plan);
    expect(result.failures).toBe(0);
    expect(result.count).toBeGreaterThan(4);
  });

  it('sends bodies, headers and several requests in turn', async () => {
    const seen = new Set<string>();
    const listener = async (request: IncomingMessage): Promise<void> => {
      seen.add(`${request.method} ${request.url} ${request.headers['x-a']} ${await text(request)}`);
    };
    const requests = [
      { path: '/one', headers: { 'x-a': '1' }, body: 'é' },
      { path: '/two', method: 'PUT', body: new Uint8Array([65]) },
      { path: '/three' },
    ];
    const plan = await planFor((request, response) => void listener(request).then(() => response.end('hi')), {
      requests,
    });
    expect((await run(plan)).failures).toBe(0);
    expect([...seen].sort()).toEqual(['GET /three undefined ', 'POST /one 1 é', 'PUT /two undefined A']);
  });

  it('refuses to time a wrong answer', async () => {
    const plan = await planFor((_, response) => response.end('ho'));
    await expect(run(plan)).rejects.toThrow('GET /: expected 2xx "hi", got 200 "ho"');
  });

  it.each([
    ['another status', (response: Parameters<RequestListener>[1]) => response.writeHead(503).end('hi')],
    ['another body of the same length', (response: Parameters<RequestListener>[1]) => response.end('ho')],
    ['a longer body', (response: Parameters<RequestListener>[1]) => response.end('hi!')],
  ])('counts %s as a failure', async (_, answer) => {
    let requests = 0;
    const plan = await planFor((_, response) => {
      requests += 1;
      if (requests <= 4) response.end('hi');
      else answer(response);
    });
    const result = await run(plan);
    expect(result.count).toBeGreaterThan(4);
    expect(result.failures).toBe(result.count);
  });

  it('counts requests whose connection broke, by what broke it', async () => {
    let requests = 0;
    const plan = await planFor((request, response) => {
      requests += 1;
      if (requests % 2 === 0 && requests > 4) request.socket.destroy();
      else response.end('hi');
    });
    const result = await run(plan);
    expect(result.failures).toBe(Object.values(result.errors).reduce((sum, each) => sum + each, 0));
    expect(result.failures).toBeGreaterThan(0);
    expect(Object.keys(result.errors).join()).toMatch(/closed|ECONNRESET/);
  });

  it('reads server-timing of every answer when asked to', async () => {
    const timing = 'queue;dur=0.5, init;dur=3, x;desc="a";dur=1';
    const plan = await planFor((_, response) => response.writeHead(200, { 'server-timing': timing }).end('hi'), {
      serverTiming: true,
    });
    const result = await run(plan);
    expect(Object.keys(result.serverTiming)).toEqual(['queue', 'init', 'x']);
    const init = Histogram.from(result.serverTiming['init']!);
    expect(init.quantileMs(0.5)).toBeCloseTo(3, 1);
    expect(init.count).toBe(result.count);
  });

  it('shares connections and rate among processes, and adds up what they found', async () => {
    let answered = 0;
    const plan = await planFor(
      (_, response) => {
        answered += 1;
        response.end('hi');
      },
      { ratePerSecond: 300, processes: 3, durationMs: 500 },
    );
    expect(share(plan).map((each) => [each.connections, each.ratePerSecond])).toEqual([
      [2, 100],
      [1, 100],
      [1, 100],
    ]);
    const result = await load(plan);
    expect(result.count).toBeGreaterThanOrEqual(147);
    expect(result.count).toBeLessThanOrEqual(153);
    // Checked on every connection, and after the load again.
    expect(answered).toBe(result.count + 2 * plan.connections);
    expect(result.failures).toBe(0);
  });
});
