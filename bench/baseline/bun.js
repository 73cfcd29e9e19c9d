// The sample on Bun's own server: `bun bun.js <bundled function>`. Prints its port.
const { default: handler } = await import(process.argv[2]);
const env = { GREETING: 'Hello' };
const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => handler.fetch(request, env, {}) });
console.log(JSON.stringify({ port: server.port }));
