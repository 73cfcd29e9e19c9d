/** Plain Hono on the server isolane itself uses, without isolates: what the doors alone cost. Prints its port. */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { echo, events, rework } from '../streamed.ts';

const app = new Hono();
app.get('/hello/:name', (c) => c.text(`Hello, ${c.req.param('name')}!\n`));
app.post('/echo', (c) => echo(c.req.raw));
app.post('/rework', (c) => rework(c.req.raw));
app.get('/events', (c) => events(c.req.raw));

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
