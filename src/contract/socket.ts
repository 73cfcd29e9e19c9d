/**
 * WebSockets between the stages: messages and an end, no frames. A line is a connection in the host's hands, a listener
 * whoever it was made for. A line hands over a few messages ahead and reads on as they are taken.
 */
import type { HeaderList } from './invocation.ts';

/** A text or a binary message. */
export type SocketData = string | Uint8Array;

/** How long a socket may be open, as long as the largest wall limit; then the host closes it with 1001. */
export const SOCKET_MS = 900_000;
/** How long the other side may take to answer a close. */
export const SOCKET_CLOSE_MS = 5_000;
/** The host pings this often; a ping that the next one overtakes was not answered. */
export const SOCKET_PING_MS = 30_000;
/** Most bytes that wait for a slow reader, of one socket. */
export const SOCKET_HELD_BYTES: number = 16 * 1024 * 1024;
/** Longest message that comes in, whatever limits.requestBytes allows. */
export const SOCKET_MESSAGE_BYTES: number = 32 * 1024 * 1024;

export interface SocketEnd {
  /** RFC 6455 §7.4; 1005: none was given, 1006: it broke off. */
  readonly code: number;
  readonly reason: string;
  /** Both sides have said so. */
  readonly clean: boolean;
  /** Why it broke off or never began, for the guest to read; `null`: it ended as sockets do. */
  readonly error: string | null;
}

export interface SocketLine {
  /** Nothing once it is closing. */
  send(data: SocketData): void;
  /** `null`: no code is given. */
  close(code: number | null, reason: string): void;
  /** The listener has dealt with one message. */
  taken(): void;
  /** The listener hears nothing more; the line is closed. */
  leave(code: number): void;
}

/** What it hears, in this order; `ended` comes last and always, also where `opened` never did. */
export interface SocketListener {
  /** `headers`: of the response, where it was the host that asked. */
  opened(line: SocketLine, protocol: string, headers: HeaderList): void;
  message(data: SocketData): void;
  /** So many bytes wait for a slow reader. Told when they become many, and when they are gone. */
  held(bytes: number): void;
  ended(end: SocketEnd): void;
}

/** A guest's end of the socket that answers its request. */
export interface AnswerSocket extends SocketListener {
  /** Resolves when the guest has been told of the end, or is gone. */
  readonly over: Promise<void>;
}
