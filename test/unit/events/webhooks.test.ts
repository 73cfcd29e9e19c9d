import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { WebhookSpec } from '../../../src/contract/config.ts';
import { type DeliveryAttempt, type InvokeAnswer, Webhooks } from '../../../src/events/events.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { MemoryInbox } from '../../support/memory-inbox.ts';

const SECRET = 'github secret';
const OK: InvokeAnswer = { outcome: 'ok', status: 200, retryAfterMs: null, response: null };
const FAILED: InvokeAnswer = { outcome: 'function_error', status: 500, retryAfterMs: null, response: null };

const SPEC: WebhookSpec = {
  name: 'github',
  provider: 'github',
  secrets: [{ id: 'key-0', value: SECRET }],
  function: 'on-push',
  mode: 'async',
  dedupHours: 72,
  attempts: 3,
  maxBodyBytes: 100,
};

const request = (deliveryId: string, text = '{"a":1}') => {
  const body = new TextEncoder().encode(text);
  const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
  const headers = ['x-github-delivery', deliveryId, 'x-hub-signature-256', signature];
  return { method: 'POST', target: '/hooks/github', headers, body, traceparent: '00-a-b-01' };
};

function scene(
  answer: (attempt: DeliveryAttempt) => Promise<InvokeAnswer>,
  over: Partial<WebhookSpec> = {},
  concurrency = 16,
) {
  const clock = new FakeClock();
  const inbox = new MemoryInbox();
  const attempts: DeliveryAttempt[] = [];
  const receipts: string[] = [];
  let specs: readonly WebhookSpec[] = [{ ...SPEC, ...over }];
  const webhooks = new Webhooks({
    inbox,
    clock,
    specs: () => specs,
    invoke: (attempt) => {
      attempts.push(attempt);
      return answer(attempt);
    },
    random: () => 0.5,
    concurrency,
    onReceipt: (endpoint, receipt) => receipts.push(`${endpoint} ${receipt}`),
  });
  const states = async () =>
    (await inbox.list({ endpoint: null, state: null, cursor: null, limit: 100 })).items.map((row) => row.state).sort();
  return {
    clock,
    inbox,
    attempts,
    receipts,
    webhooks,
    states,
    configure: (next: readonly WebhookSpec[]) => (specs = next),
  };
}

const bodyOf = (answer: { readonly body: Uint8Array }): unknown => JSON.parse(new TextDecoder().decode(answer.body));

describe('receiving', () => {
  it('answers 202 with the id and begins the first attempt without a timer', async () => {
    const { webhooks, attempts, states, clock } = scene(async () => OK);
    webhooks.start();
    await settle();
    const answer = await webhooks.receive('github', request('d-1'));
    expect(answer.status).toBe(202);
    const { id } = bodyOf(answer) as { id: string };
    await settle();
    expect(attempts).toHaveLength(1);
    expect(attempts[0]!.function).toBe('on-push');
    expect(attempts[0]!.context).toEqual({
      ...{ endpoint: 'github', provider: 'github', deliveryId: id, dedupKey: 'd-1', attempt: 1 },
      ...{ receivedAt: '2026-11-30T12:00:00.000Z', keyId: 'key-0' },
    });
    expect(new TextDecoder().decode(attempts[0]!.delivery.body)).toBe('{"a":1}');
    expect(await states()).toEqual(['succeeded']);
    // It looks again in a minute: another host may have left work behind.
    expect(clock.pending).toBe(1);
  });

  it('answers a repeated event with the first one’s id and does not run it again', async () => {
    const { webhooks, attempts } = scene(async () => OK);
    webhooks.start();
    const { id } = bodyOf(await webhooks.receive('github', request('d-1'))) as { id: string };
    const again = await webhooks.receive('github', request('d-1'));
    await settle();
    expect(again.status).toBe(200);
    expect(bodyOf(again)).toEqual({ duplicate: true, id });
    expect(attempts).toHaveLength(1);
  });

  it.each([
    ['unknown', 404, 'github', { ...request('d') }, { name: 'other' }, []],
    ['method', 405, 'github', { ...request('d'), method: 'GET' }, {}, ['allow', 'POST']],
    ['size', 413, 'github', request('d', 'x'.repeat(101)), {}, ['connection', 'close']],
    ['signature', 401, 'github', { ...request('d'), body: new Uint8Array(3) }, {}, []],
    ['header', 401, 'github', { ...request('d'), headers: [] }, {}, []],
    ['secret', 503, 'github', request('d'), { secrets: [] }, ['retry-after', '60']],
  ] as const)(
    'refuses (%s) with %i, stores and runs nothing',
    async (receipt, status, endpoint, event, over, headers) => {
      const { webhooks, attempts, states, receipts } = scene(async () => OK, over);
      webhooks.start();
      const answer = await webhooks.receive(endpoint, event);
      expect(answer.status).toBe(status);
      expect(answer.headers.slice(2)).toEqual(headers);
      await settle();
      expect(receipts).toEqual([`github ${receipt}`]);
      expect(attempts).toEqual([]);
      expect(await states()).toEqual([]);
    },
  );

  it('answers every bad signature alike', async () => {
    const { webhooks } = scene(async () => OK);
    const bodies = [];
    for (const headers of [
      [],
      ['x-github-delivery', 'd'],
      ['x-github-delivery', 'd', 'x-hub-signature-256', 'sha256=00'],
    ]) {
      bodies.push(bodyOf(await webhooks.receive('github', { ...request('d'), headers })));
    }
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  });

  it('refuses by the content length before a body is read', () => {
    const { webhooks } = scene(async () => OK);
    expect(webhooks.refuse('github', 'POST', 101)?.status).toBe(413);
    expect(webhooks.refuse('github', 'POST', 100)).toBeNull();
    expect(webhooks.refuse('github', 'POST', null)).toBeNull();
    expect(webhooks.limitBytes('github')).toBe(100);
    expect(webhooks.limitBytes('nobody')).toBeNull();
    expect(webhooks.tooLarge('github').status).toBe(413);
  });

  it('never answers 2xx for what could not be stored', async () => {
    const { webhooks, inbox, attempts } = scene(async () => OK);
    webhooks.start();
    await settle();
    inbox.broken = true;
    const answer = await webhooks.receive('github', request('d-1'));
    expect([answer.status, ...answer.headers.slice(2)]).toEqual([503, 'retry-after', '5']);
    inbox.broken = false;
    await settle();
    expect(attempts).toEqual([]);
    expect((await webhooks.receive('github', request('d-1'))).status).toBe(202);
  });
});

describe('running', () => {
  it('retries with backoff until the attempts are used up, then takes a redelivery as new', async () => {
    const { webhooks, attempts, states, clock } = scene(async () => FAILED);
    webhooks.start();
    await webhooks.receive('github', request('d-1'));
    await settle();
    expect(attempts.map((one) => one.context.attempt)).toEqual([1]);
    await clock.advance(4_999);
    expect(attempts).toHaveLength(1);
    await clock.advance(1);
    expect(attempts).toHaveLength(2);
    await clock.advance(30_000);
    expect(attempts.map((one) => one.context.attempt)).toEqual([1, 2, 3]);
    expect(await states()).toEqual(['dead']);
    await clock.advance(86_400_000);
    expect(attempts).toHaveLength(3);
    expect((await webhooks.receive('github', request('d-1'))).status).toBe(202);
    await settle();
    expect(attempts).toHaveLength(4);
  });

  it('a quarantined function keeps its events, with all their attempts, for when it is let in again', async () => {
    let closed = true;
    const quarantined = { outcome: 'quarantined', status: 503, retryAfterMs: 60_000, response: null } as const;
    const { webhooks, attempts, states, clock } = scene(async () => (closed ? quarantined : FAILED), { attempts: 2 });
    webhooks.start();
    await webhooks.receive('github', request('d-1'));
    await clock.advance(600_000);
    expect(attempts.length).toBe(10);
    expect(await states()).toEqual(['ready']);
    closed = false;
    attempts.length = 0;
    await clock.advance(3_600_000);
    expect(attempts.map(({ context }) => context.attempt)).toEqual([1, 2]);
    expect(await states()).toEqual(['dead']);
  });

  it('obeys a function’s retry-after', async () => {
    const { webhooks, attempts, clock } = scene(async () => ({ ...FAILED, retryAfterMs: 200_000 }));
    webhooks.start();
    await webhooks.receive('github', request('d-1'));
    await clock.advance(199_999);
    expect(attempts).toHaveLength(1);
    await clock.advance(1);
    expect(attempts).toHaveLength(2);
  });

  it('treats an attempt the host could not make as not made by the function', async () => {
    const { webhooks, states } = scene(() => Promise.reject(new Error('no engine')), { attempts: 1 });
    webhooks.start();
    await webhooks.receive('github', request('d-1'));
    await settle();
    expect(await states()).toEqual(['ready']);
  });

  it('runs what waits in the inbox when it starts', async () => {
    const { webhooks, attempts } = scene(async () => OK);
    await webhooks.receive('github', request('d-1'));
    await settle();
    expect(attempts).toEqual([]);
    webhooks.start();
    await settle();
    expect(attempts).toHaveLength(1);
  });

  it('keeps an event of an endpoint that was taken out of the configuration', async () => {
    const { webhooks, attempts, states, clock, configure } = scene(async () => OK);
    await webhooks.receive('github', request('d-1'));
    configure([]);
    webhooks.start();
    await settle();
    expect(await states()).toEqual(['ready']);
    configure([SPEC]);
    await clock.advance(60_000);
    expect(attempts).toHaveLength(1);
    expect(await states()).toEqual(['succeeded']);
  });

  it('runs no more at once than allowed, and all in the end', async () => {
    const open: (() => void)[] = [];
    const { webhooks, attempts, states } = scene(() => new Promise((resolve) => open.push(() => resolve(OK))), {}, 2);
    webhooks.start();
    await Promise.all([1, 2, 3, 4, 5].map((n) => webhooks.receive('github', request(`d-${n}`))));
    await settle();
    expect(attempts).toHaveLength(2);
    for (let finished = 1; finished <= 5; finished++) {
      open.shift()!();
      await settle();
      expect(attempts).toHaveLength(Math.min(5, finished + 2));
    }
    expect(await states()).toEqual(Array(5).fill('succeeded'));
  });

  it('looks for more only while something may wait', async () => {
    const { webhooks, inbox } = scene(async () => OK, {}, 2);
    let claims = 0;
    const { claim } = inbox;
    inbox.claim = (nowMs, limit) => {
      claims += 1;
      return claim.call(inbox, nowMs, limit);
    };
    webhooks.start();
    await settle();
    claims = 0;
    for (const id of ['d-1', 'd-2', 'd-3']) {
      await webhooks.receive('github', request(id));
      await settle();
    }
    expect(claims).toBe(0);
  });

  it('runs an event that was still being stored when the last slot became free', async () => {
    const open: (() => void)[] = [];
    const { webhooks, inbox, attempts } = scene(() => new Promise((resolve) => open.push(() => resolve(OK))), {}, 1);
    webhooks.start();
    await webhooks.receive('github', request('d-1'));
    await settle();
    let stored = (): void => undefined;
    const disk = new Promise<void>((resolve) => (stored = resolve));
    const accept = inbox.accept.bind(inbox);
    inbox.accept = (...args) => disk.then(() => accept(...args));
    const second = webhooks.receive('github', request('d-2'));
    open[0]!();
    await settle();
    stored();
    await second;
    await settle();
    expect(attempts).toHaveLength(2);
  });

  it('goes on when the inbox works again', async () => {
    const { webhooks, inbox, attempts, clock } = scene(async () => OK);
    await webhooks.receive('github', request('d-1'));
    inbox.broken = true;
    webhooks.start();
    await clock.advance(5_000);
    expect(attempts).toEqual([]);
    inbox.broken = false;
    await clock.advance(1_000);
    expect(attempts).toHaveLength(1);
  });

  it('writes the end of an attempt when the inbox works again, without a second attempt', async () => {
    const { webhooks, inbox, attempts, states, clock } = scene(async () => {
      inbox.broken = true;
      return OK;
    });
    webhooks.start();
    await settle();
    await webhooks.receive('github', request('d-1'));
    await clock.advance(10_000);
    inbox.broken = false;
    await clock.advance(1_000);
    expect(await states()).toEqual(['succeeded']);
    expect(attempts).toHaveLength(1);
  });

  it('stops: finishes what runs, keeps the rest, accepts nothing', async () => {
    const open: (() => void)[] = [];
    const { webhooks, attempts, states, clock } = scene(
      () => new Promise((resolve) => open.push(() => resolve(OK))),
      {},
      1,
    );
    webhooks.start();
    await webhooks.receive('github', request('d-1'));
    await webhooks.receive('github', request('d-2'));
    await settle();
    let stopped = false;
    const stop = webhooks.stop().then(() => (stopped = true));
    await settle();
    expect(stopped).toBe(false);
    expect((await webhooks.receive('github', request('d-3'))).status).toBe(503);
    open[0]!();
    await stop;
    expect(attempts).toHaveLength(1);
    expect(await states()).toEqual(['ready', 'succeeded']);
    expect(clock.pending).toBe(0);
  });
});

describe('sync mode', () => {
  const response = { headers: ['content-type', 'text/plain'], body: new TextEncoder().encode('hi') };

  it('answers with the function’s response after the event was stored', async () => {
    const { webhooks, inbox, states } = scene(
      async ({ delivery }) => {
        expect((await inbox.get(delivery.id))?.state).toBe('running');
        return { ...OK, status: 201, response };
      },
      { mode: 'sync' },
    );
    webhooks.start();
    expect(await webhooks.receive('github', request('d-1'))).toEqual({ status: 201, ...response });
    await settle();
    expect(await states()).toEqual(['succeeded']);
    expect((await webhooks.receive('github', request('d-1'))).status).toBe(200);
  });

  it('leaves retries to the sender', async () => {
    const { webhooks, attempts, states, clock } = scene(async () => FAILED, { mode: 'sync' });
    webhooks.start();
    expect((await webhooks.receive('github', request('d-1'))).status).toBe(500);
    await clock.advance(86_400_000);
    expect(await states()).toEqual(['dead']);
    expect(attempts).toHaveLength(1);
    expect((await webhooks.receive('github', request('d-1'))).status).toBe(500);
    expect(attempts).toHaveLength(2);
  });

  it('is waited for when stopping', async () => {
    let finish = (): void => undefined;
    const { webhooks, states } = scene(() => new Promise((resolve) => (finish = () => resolve(OK))), { mode: 'sync' });
    const answer = webhooks.receive('github', request('d-1'));
    await settle();
    let stopped = false;
    const stop = webhooks.stop().then(() => (stopped = true));
    await settle();
    expect(stopped).toBe(false);
    finish();
    await stop;
    expect((await answer).status).toBe(200);
    expect(await states()).toEqual(['succeeded']);
  });
});
