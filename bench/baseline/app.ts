/** One of the functions in `functions/` on plain Node, by the server isolane itself uses. Arguments: its file, `env` as JSON. */
import { serve } from '@hono/node-server';

const [file = '', env = '{}'] = process.argv.slice(2);
const { default: app } = (await import(file)) as {
  default: { fetch(request: Request, env: unknown): Response | Promise<Response> };
};
const bindings: unknown = JSON.parse(env);

serve({ fetch: (request) => app.fetch(request, bindings), hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
