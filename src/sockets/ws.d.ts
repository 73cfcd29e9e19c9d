/** The part of ws 8 that is used here; the package ships no types. */
declare module 'ws' {
  import type { EventEmitter } from 'node:events';
  import type { IncomingMessage } from 'node:http';
  import type { Duplex } from 'node:stream';

  export interface FrameRules {
    readonly maxPayload: number;
    readonly maxFragments: number;
    readonly perMessageDeflate: false;
    readonly autoPong: false;
    readonly closeTimeout: number;
  }

  export interface ClientOptions extends FrameRules {
    readonly headers: Readonly<Record<string, string>>;
    readonly handshakeTimeout: number;
    createConnection(): Duplex;
  }

  export interface ServerOptions extends FrameRules {
    readonly noServer: true;
    readonly clientTracking: false;
    handleProtocols(): string | false;
  }

  export class WebSocket extends EventEmitter {
    constructor(url: string, protocols?: readonly string[], options?: ClientOptions);
    readonly extensions: string;
    readonly bufferedAmount: number;
    readonly protocol: string;
    /** 1 while it is open. */
    readonly readyState: number;
    readonly isPaused: boolean;
    send(data: string | Uint8Array, sent?: (error?: Error) => void): void;
    ping(): void;
    pong(data: Uint8Array): void;
    pause(): void;
    resume(): void;
    close(code?: number, reason?: string): void;
    terminate(): void;
  }

  export class WebSocketServer extends EventEmitter {
    constructor(options: ServerOptions);
    close(): void;
    handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array, done: (ws: WebSocket) => void): void;
  }
}
