/** node:https: the client on `fetch`; servers throw by name. */
import { missing } from './absent.ts';
import { client, Agent as PlainAgent } from './http/client.ts';

const REMEDY = 'export default { fetch(request, env, ctx) { … } }; TLS ends before the function';

export class Agent extends PlainAgent {
  override readonly defaultPort: number = 443;
  override readonly protocol: string = 'https:';
}
export const globalAgent = new Agent();
export const { request, get } = client('https:');
export const Server = missing('node:https.Server', REMEDY);
export const createServer = missing('node:https.createServer', REMEDY);

export default { Agent, Server, createServer, get, globalAgent, request };
