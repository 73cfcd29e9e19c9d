// The sample on Deno's own server: `deno run --allow-net --allow-read deno.js <bundled function>`. Prints its port.
const { default: handler } = await import(`file://${Deno.args[0]}`);
const env = { GREETING: 'Hello' };
Deno.serve(
  { port: 0, hostname: '127.0.0.1', onListen: ({ port }) => console.log(JSON.stringify({ port })) },
  (request) => handler.fetch(request, env, {}),
);
