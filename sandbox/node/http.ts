/** node:http: the client on `fetch`; servers throw by name. */
import { missing } from './absent.ts';
import { Agent, ClientRequest, client, type Options } from './http/client.ts';
import { IncomingMessage, OutgoingMessage, validateHeaderName, validateHeaderValue } from './http/messages.ts';
import { METHODS, STATUS_CODES } from './http/tables.ts';

const REMEDY = 'export default { fetch(request, env, ctx) { … } }';
const web = globalThis as Record<string, unknown>;
const { request, get } = client('http:');

class Request extends ClientRequest {
  constructor(options: Options, callback?: (response: IncomingMessage) => void) {
    super('http:', options, callback);
  }
}

export {
  Agent,
  get,
  IncomingMessage,
  METHODS,
  OutgoingMessage,
  Request as ClientRequest,
  request,
  STATUS_CODES,
  validateHeaderName,
  validateHeaderValue,
};
export const globalAgent = new Agent();
export const maxHeaderSize = 16_384;
export const Server = missing('node:http.Server', REMEDY);
export const ServerResponse = missing('node:http.ServerResponse', REMEDY);
export const createServer = missing('node:http.createServer', REMEDY);
export const _connectionListener = missing('node:http._connectionListener', REMEDY);
export const setMaxIdleHTTPParsers = (): void => {};
export const setGlobalProxyFromEnv = missing('node:http.setGlobalProxyFromEnv');
export const WebSocket = web['WebSocket'];
export const CloseEvent = web['CloseEvent'];
export const MessageEvent = web['MessageEvent'];

export default {
  ...{
    Agent,
    ClientRequest: Request,
    CloseEvent,
    IncomingMessage,
    METHODS,
    MessageEvent,
    OutgoingMessage,
    STATUS_CODES,
    Server,
  },
  ...{ ServerResponse, WebSocket, _connectionListener, createServer, get, globalAgent, maxHeaderSize, request },
  ...{ setGlobalProxyFromEnv, setMaxIdleHTTPParsers, validateHeaderName, validateHeaderValue },
};
