/** The samples on a real host: sends examples through its doors and reads back, over the admin plane, what came of them. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import type { RunningHost } from '../support/host.ts';
import { bodyOf, type Example, expectLogs, expectResponse, expectText, type Sample } from './example.ts';
import { readSampleConfig, type SampleConfig } from './sample-config.ts';
import { signedHeaders } from './signature.ts';

const SETTLED_WITHIN_MS = 20_000;
const POLL_MS = 20;

export interface DeliveryView {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastOutcome: string | null;
}

interface InvocationView {
  readonly record: { readonly invocationId: string; readonly requestId: string; readonly outcome: string } | null;
  readonly logs: readonly { readonly text: string }[];
}

export class SampleHost {
  readonly #host: RunningHost;
  readonly #config: SampleConfig = readSampleConfig();
  /** Invocations made so far, by function: what the ledger must show. */
  readonly made: Map<string, number> = new Map();

  constructor(host: RunningHost) {
    this.#host = host;
  }

  count(name: string): void {
    this.made.set(name, (this.made.get(name) ?? 0) + 1);
  }

  async run(sample: Sample, example: Example): Promise<void> {
    if (example.request) return this.#request(sample, example, example.request);
    if (example.webhook) return this.#webhook(sample, example, example.webhook);
    if (example.websocket) return this.#socket(sample, example, example.websocket);
    return this.#scheduled(sample, example);
  }

  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await this.#host.admin(path, init);
    const text = await response.text();
    expect(response.status, `${path} answered ${text.slice(0, 300)}\n${this.#host.stderr()}`).toBe(200);
    return JSON.parse(text) as T;
  }

  /** Posts a signed event and returns the door's own answer. */
  send(endpoint: string, body: Uint8Array, options: { event?: string | undefined; id?: string }): Promise<Response> {
    const provider = endpoint === 'github' ? 'github' : 'standard';
    const secret = this.#config.webhooks[endpoint]!.secrets[0]!;
    return fetch(`${this.#host.url}/hooks/${endpoint}`, {
      method: 'POST',
      headers: signedHeaders(body, { provider, secret, ...options }),
      body: new Uint8Array(body),
    });
  }

  /** Waits until a delivery is final. */
  async settled(id: string): Promise<DeliveryView> {
    return this.#until(`delivery ${id} to settle`, async () => {
      const delivery = await this.json<DeliveryView>(`/v1/deliveries/${id}`);
      return delivery.state === 'succeeded' || delivery.state === 'dead' ? delivery : null;
    });
  }

  async #request(sample: Sample, example: Example, request: NonNullable<Example['request']>): Promise<void> {
    const body = bodyOf(sample, request);
    const response = await fetch(this.#host.url + request.path, {
      method: request.method,
      headers: request.headers,
      ...(body && { body: new Uint8Array(body) }),
    });
    const id = response.headers.get('x-invocation-id');
    if (id) this.count(sample.name);
    await expectResponse(response, example.expect);
    if (example.expect.logs.length > 0) await this.expectLogsOf(id ?? '', example);
  }

  /** Sends everything at once, and closes when the function does not. */
  async #socket(sample: Sample, example: Example, socket: NonNullable<Example['websocket']>): Promise<void> {
    const { status, headers, messages, closed, logs } = example.expect;
    const ws = new WebSocket(this.#host.url.replace('http', 'ws') + socket.path, socket.protocols);
    const heard: string[] = [];
    ws.on('message', (data: Buffer) => heard.push(data.toString()));
    const end = once(ws, 'close');
    const [answer] = (await once(ws, 'upgrade')) as [IncomingMessage];
    this.count(sample.name);
    expect(answer.statusCode).toBe(status);
    for (const [name, value] of Object.entries(headers)) {
      expectText(String(answer.headers[name] ?? ''), value, `header ${name}`);
    }
    for (const text of socket.send) ws.send(text);
    if (closed === undefined) ws.close(1000);
    const [code, reason] = (await end) as [number, Buffer];
    if (messages.length > 0) expect(heard).toEqual(messages);
    if (closed !== undefined) expect({ code, reason: reason.toString() }).toMatchObject(closed);
    if (logs.length > 0) await this.expectLogsOf(String(answer.headers['x-invocation-id']), example);
  }

  async #webhook(sample: Sample, example: Example, webhook: NonNullable<Example['webhook']>): Promise<void> {
    const response = await this.send(webhook.endpoint, bodyOf(sample, webhook)!, { event: webhook.event });
    this.count(sample.name);
    const copy = response.clone();
    await expectResponse(response, example.expect);
    const { id } = (await copy.json()) as { id: string };
    const delivery = await this.settled(id);
    expect(delivery).toMatchObject({ state: 'succeeded', attempts: 1 });
    await this.expectLogsOf(await this.#invocationOf(sample.name, id), example);
  }

  async #scheduled(sample: Sample, example: Example): Promise<void> {
    this.count(sample.name);
    const response = await this.#host.admin(`/v1/functions/${sample.name}/invoke`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'scheduled' }),
    });
    // The admin plane's own 200 only says that it ran; how it went is inside.
    expect(response.status).toBe(200);
    const answer = (await response.json()) as { invocationId: string; outcome: string; status: number; body: string };
    expect(answer).toMatchObject({ outcome: 'ok', body: '' });
    expect(answer.status, 'no HTTP answer was made, so none may look like a failure').toBeLessThan(400);
    const id = answer.invocationId;
    await this.expectLogsOf(id, example);
  }

  /** The invocation of a delivery's attempt: records link to the delivery by `requestId`. */
  async #invocationOf(name: string, requestId: string): Promise<string> {
    return this.#until(`a record of request ${requestId}`, async () => {
      const { items } = await this.json<{ items: { invocationId: string; requestId: string }[] }>(
        `/v1/usage/records?function=${name}&limit=1000`,
      );
      return items.find((record) => record.requestId === requestId)?.invocationId ?? null;
    });
  }

  /** Waits until the invocation has its record. */
  async expectLogsOf(invocationId: string, example: Example): Promise<void> {
    const { logs } = await this.#until(`invocation ${invocationId} to have its record`, async () => {
      const response = await this.#host.admin(`/v1/invocations/${invocationId}`);
      return response.ok ? ((await response.json()) as InvocationView) : null;
    });
    expectLogs(
      logs.map((line) => line.text),
      example.expect,
    );
  }

  async #until<T>(what: string, probe: () => Promise<T | null>): Promise<T> {
    const deadline = performance.now() + SETTLED_WITHIN_MS;
    for (;;) {
      const found = await probe();
      if (found !== null) return found;
      if (performance.now() > deadline) throw new Error(`waited in vain for ${what}\n${this.#host.stderr()}`);
      await sleep(POLL_MS);
    }
  }
}
