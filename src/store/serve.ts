/**
 * Worker half of a store thread: opens the files, then hands over whatever messages wait, all at once, so that one
 * transaction (and one fsync) serves every caller that came meanwhile.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { HostError } from '../contract/errors.ts';
import type { FromThread, ToThread, WireError } from './thread.ts';

export interface Call {
  readonly id: number;
  readonly op: string;
  readonly args: unknown;
}

export interface Service<Message> {
  /** Everything that waited: one-way messages and calls, each in order of arrival. */
  handle(messages: readonly Message[], calls: readonly Call[]): void;
  close(): void;
}

export interface Port<Event> {
  event(event: Event): void;
  answer(id: number, value: unknown): void;
  error(id: number, error: unknown): void;
}

export function serveThread<Data, Message, Event>(open: (data: Data, port: Port<Event>) => Service<Message>): void {
  const channel = parentPort;
  if (channel === null) throw new Error('a store thread was started as a program');
  const say = (message: FromThread<Event>): void => channel.postMessage(message);
  const port: Port<Event> = {
    event: (event) => say({ kind: 'event', event }),
    answer: (id, value) => say({ kind: 'answer', id, value }),
    error: (id, error) => say({ kind: 'error', id, error: wire(error) }),
  };
  let service: Service<Message>;
  try {
    service = open(workerData as Data, port);
  } catch (error) {
    say({ kind: 'refused', error: wire(error) });
    return;
  }
  const receive = (first: ToThread<Message>): void => {
    const messages: Message[] = [];
    const calls: Call[] = [];
    let closing = false;
    let next: ToThread<Message> | undefined = first;
    while (next !== undefined) {
      if (next.kind === 'post') messages.push(next.message);
      else if (next.kind === 'call') calls.push(next);
      else closing = true;
      next = receiveMessageOnPort(channel)?.message as ToThread<Message> | undefined;
    }
    if (messages.length + calls.length > 0) service.handle(messages, calls);
    if (!closing) return;
    service.close();
    say({ kind: 'closed' });
    channel.close();
  };
  channel.on('message', receive);
  say({ kind: 'ready' });
}

function wire(error: unknown): WireError {
  if (error instanceof HostError) return { code: error.code, message: error.message };
  return { code: null, message: error instanceof Error ? error.message : String(error) };
}
