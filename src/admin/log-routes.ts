/**
 * `/v1/logs`: what functions wrote and why they failed, as far as this host remembers; with `follow=1` every line from
 * now on, as server-sent events. A reader that does not keep up is cut off; nothing waits for it.
 */
import { Hono } from 'hono';
import { HostError } from '../contract/errors.ts';
import { type AdminEnv, needs } from './guard.ts';
import type { AdminPorts, LogItem, RecentPort } from './ports.ts';
import { limitField, nameField, oneOf, readQuery } from './query.ts';

const QUERY = { function: nameField, limit: limitField, follow: oneOf(['1']) };
const MAX_FOLLOWERS = 16;
/** Lines that wait for a reader. */
const MAX_WAITING = 10_000;
/** Proxies close what is silent for a minute. */
const PING_MS = 15_000;

export function logRoutes({ recent }: AdminPorts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  let followers = 0;
  app.get('/', needs('read'), (c) => {
    const { function: name, limit, follow } = readQuery(c.req.url, QUERY);
    if (follow === null) return c.json(shown(recent.logs({ function: name, limit })));
    if (followers >= MAX_FOLLOWERS) {
      throw new HostError(
        'UNAVAILABLE',
        `${MAX_FOLLOWERS} clients follow the logs, which is the most; end one of them.`,
      );
    }
    followers++;
    const events = following(recent, name, () => followers--);
    return c.body(events, 200, { 'content-type': 'text/event-stream' });
  });
  return app;
}

function following(recent: RecentPort, name: string | null, ended: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let stop = (): void => undefined;
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        const send = (text: string): void => controller.enqueue(encoder.encode(text));
        const ping = setInterval(() => send(': \n\n'), PING_MS);
        const leave = recent.follow((item) => {
          if (name !== null && item.function !== name) return;
          send(`data: ${JSON.stringify(dated(item))}\n\n`);
          if ((controller.desiredSize ?? 0) > 0) return;
          stop();
          controller.error(new Error('the reader does not keep up'));
        });
        stop = () => {
          clearInterval(ping);
          leave();
          ended();
          stop = () => undefined;
        };
        send(': \n\n');
      },
      cancel: () => stop(),
    },
    { highWaterMark: MAX_WAITING },
  );
}

function shown({ items, nextCursor }: ReturnType<RecentPort['logs']>): object {
  return { items: items.map(dated), nextCursor };
}

function dated({ epochMs, ...rest }: LogItem): object {
  return { at: new Date(epochMs).toISOString(), ...rest };
}
