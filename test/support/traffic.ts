/**
 * A steady mixture of requests and webhooks against a host, and what a client may hold it to afterwards: every answer
 * that arrived whole, every webhook that was accepted. Open loop: it goes on at its rate whatever the host does.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { COLD, HOOK_SECRET } from './traffic-functions.ts';

export interface Answer {
  readonly id: string;
  readonly status: number;
  /** Of the failure body; empty for the function's own answers. */
  readonly code: string;
}

interface Shape {
  readonly name: string;
  readonly body?: string;
  /** The client goes away after so many ms. */
  readonly leavesMs?: number;
  readonly status: number;
  readonly text?: string;
}

const JSON_BODY = JSON.stringify({ list: Array.from({ length: 50 }, (_, index) => index) });
/** One round; kinds that cost the host most come once. */
const ROUND: readonly (Shape | 'cold' | 'hook')[] = [
  { name: 'hello', status: 200, text: 'hello' },
  { name: 'json', body: JSON_BODY, status: 200 },
  'hook',
  { name: 'stream', status: 200 },
  'cold',
  { name: 'timers', status: 200, text: 'timers' },
  { name: 'hello', status: 200, text: 'hello' },
  { name: 'fetcher', status: 200, text: 'upstream' },
  { name: 'slow', status: 200, leavesMs: 30 },
  { name: 'calls', status: 200, text: 'hello' },
  { name: 'logs', status: 200, text: 'logs' },
  'cold',
  { name: 'throws', status: 500 },
  { name: 'slow', status: 200, text: 'slow' },
  { name: 'json', body: JSON_BODY, status: 200 },
  { name: 'hello', status: 200, text: 'hello' },
];
/** Every so many rounds one of these: a kill, and an isolate lost. */
const KILLS: readonly Shape[] = [
  { name: 'burn', status: 503 },
  { name: 'hog', status: 503 },
];
const ROUNDS_PER_KILL = 10;
const PATIENCE_MS = 40_000;
const SOCKETS = 24;

export class Traffic {
  /** Complete answers of functions: those that carry an invocation id. */
  readonly answers: Answer[] = [];
  /** Delivery ids that were answered 202. */
  readonly accepted: string[] = [];
  /** What did not come out as it should have, by what it was. */
  readonly surprises: Map<string, number> = new Map();
  sent = 0;
  #url: string;
  #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  #timer: NodeJS.Timeout | null = null;
  readonly #open: Set<Promise<void>> = new Set();
  #turn = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** The host is back under another address. */
  retarget(url: string): void {
    this.#url = url;
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  }

  start(perSecond: number): void {
    const begun = performance.now();
    const first = this.sent;
    this.#timer = setInterval(() => {
      const due = first + ((performance.now() - begun) / 1000) * perSecond;
      for (let burst = 0; this.sent < due && burst < 100; burst++) this.#next();
    }, 10);
  }

  /** Failures are always kept among the recent traces: so many fill that store up, and it stays as large. */
  async fill(count: number): Promise<void> {
    let left = count;
    const client = async (): Promise<void> => {
      while (left-- > 0) await this.send('/fn/throws/');
    };
    await Promise.all(Array.from({ length: 8 }, client));
  }

  /** Sends nothing more and waits for what is under way. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await Promise.all(this.#open);
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  }

  #next(): void {
    this.sent += 1;
    const turn = this.#turn++;
    const at = turn % ROUND.length;
    const round = Math.floor(turn / ROUND.length);
    const kills = at === 0 && round % ROUNDS_PER_KILL === ROUNDS_PER_KILL - 1;
    const what = kills ? KILLS[Math.floor(round / ROUNDS_PER_KILL) % KILLS.length]! : ROUND[at]!;
    const work =
      what === 'hook' ? this.#hook() : this.#ask(what === 'cold' ? cold(round * 2 + (at > 5 ? 1 : 0)) : what);
    this.#open.add(work);
    void work.finally(() => this.#open.delete(work));
  }

  async #ask(shape: Shape): Promise<void> {
    const { name, body, leavesMs } = shape;
    const answer = await this.send(`/fn/${name}/`, { body, leavesMs });
    if (leavesMs !== undefined) return;
    if (typeof answer === 'string') this.#surprise(`${name}: ${answer}`);
    else if (answer.status !== shape.status) this.#surprise(`${name}: ${answer.status} ${codeIn(answer.text)}`);
    else if (shape.text !== undefined && answer.text !== shape.text)
      this.#surprise(`${name}: other text, ${answer.text.slice(0, 60)}`);
  }

  async #hook(): Promise<void> {
    const body = JSON.stringify({ at: this.sent });
    const signature = `sha256=${createHmac('sha256', HOOK_SECRET).update(body).digest('hex')}`;
    const headers = { 'x-hub-signature-256': signature, 'x-github-delivery': randomUUID() };
    const answer = await this.send('/hooks/hook', { body, headers });
    if (typeof answer === 'string') this.#surprise(`hook: ${answer}`);
    else if (answer.status !== 202) this.#surprise(`hook: ${answer.status}`);
    else this.accepted.push((JSON.parse(answer.text) as { id: string }).id);
  }

  #surprise(what: string): void {
    this.surprises.set(what, (this.surprises.get(what) ?? 0) + 1);
  }

  /** One request; a text says why there is no complete answer. */
  send(
    path: string,
    init: {
      readonly body?: string | undefined;
      readonly headers?: Record<string, string>;
      readonly leavesMs?: number | undefined;
    } = {},
  ): Promise<{ status: number; text: string } | string> {
    const { body, headers = {}, leavesMs } = init;
    return new Promise((resolve) => {
      const sent = request(
        new URL(path, this.#url),
        { agent: this.#agent, method: body === undefined ? 'GET' : 'POST', headers, timeout: PATIENCE_MS },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('error', (error) => resolve(codeOf(error)));
          response.on('end', () => {
            const id = response.headers['x-invocation-id'];
            const status = response.statusCode ?? 0;
            if (!response.complete) return resolve('cut');
            if (typeof id === 'string') this.answers.push({ id, status, code: codeIn(text) });
            resolve({ status, text });
          });
        },
      );
      sent.on('error', (error) => resolve(codeOf(error)));
      sent.on('timeout', () => sent.destroy(new Error('no answer')));
      sent.end(body);
      if (leavesMs !== undefined) setTimeout(() => sent.destroy(), leavesMs);
    });
  }
}

/** What the `fetcher` function asks. */
export async function openUpstream(): Promise<{ readonly server: Server; readonly address: string }> {
  const server = createServer((_, response) => response.end('upstream'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function cold(turn: number): Shape {
  const number = turn % COLD;
  return { name: `cold-${number}`, status: 200, text: `cold ${number}` };
}

/** The code of a failure body. */
function codeIn(text: string): string {
  return /"code":"(\w+)"/.exec(text)?.[1] ?? '';
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
