// The sample in miniflare: `node miniflare.js <package> <bundled function>`. Prints its port.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { Miniflare } = createRequire(import.meta.url)(process.argv[2]);
const miniflare = new Miniflare({
  modules: true,
  script: readFileSync(process.argv[3], 'utf8'),
  bindings: { GREETING: 'Hello' },
  compatibilityDate: '2026-07-01',
  host: '127.0.0.1',
  port: 0,
});
const url = await miniflare.ready;
console.log(JSON.stringify({ port: Number(url.port) }));
process.on('SIGTERM', () => miniflare.dispose().finally(() => process.exit(0)));
