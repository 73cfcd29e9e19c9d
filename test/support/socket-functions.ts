/** Functions that accept WebSockets, open them, or fail to. */

export const ECHO: string = `
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname === '/plain') return new Response('plain');
    if (url.pathname === '/forbidden') return new Response('no', { status: 403 });
    if (url.pathname === '/throws') throw new Error('thrown');
    if (url.pathname === '/never') await new Promise(() => setTimeout(() => undefined, 1e6));
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.send('hello');
    server.addEventListener('message', (event) => {
      const { data } = event;
      if (data === 'burn a little') { burn(30); server.send('burnt'); }
      else if (data === 'burn') burn(60_000);
      else if (data === 'throw') throw new Error('thrown');
      else if (data === 'flood') { const chunk = new Uint8Array(1 << 20); for (let i = 0; i < 12; i++) server.send(chunk); }
      else if (data === 'close') server.close(3001, 'as you wish');
      else server.send(data);
    });
    server.addEventListener('close', (event) => console.log('closed', event.code, event.reason, event.wasClean));
    return new Response(null, { status: 101, webSocket: client });
  },
};
function burn(ms) { for (let i = 0; i < ms * 20_000; i++) Math.sqrt(i) ** 3.3; }
`;

export const CLIENT: string = `
export default {
  async fetch(request, env) {
    const { searchParams } = new URL(request.url);
    const count = Number(searchParams.get('count') ?? 1);
    const log = [];
    for (let i = 0; i < count; i++) {
      const ws = new WebSocket(searchParams.get('to'), searchParams.getAll('protocol'));
      await new Promise((done) => {
        ws.onopen = () => ws.send(new Uint8Array([i, 255]));
        ws.onmessage = async (event) => { log.push([...new Uint8Array(await event.data.arrayBuffer())], ws.protocol); ws.close(3000, 'done'); };
        ws.onerror = (event) => log.push(event.message);
        ws.onclose = (event) => { log.push(event.code); done(); };
      });
    }
    if (searchParams.has('leave')) { const ws = new WebSocket(searchParams.get('to')); await new Promise((open) => { ws.onopen = open; }); }
    return Response.json(log);
  },
};`;

export const SERVICE: string = `
export default { async fetch(request, env) {
  const headers = { upgrade: 'websocket' };
  const first = await env.ECHO.fetch('http://h/', { headers }).catch((error) => error.message);
  const second = await env.ECHO.fetch('http://h/').then((response) => response.status);
  return Response.json([first, second]);
} };`;
