import { defineConfig } from 'vitest/config';
import { NODE_FLAGS } from '../src/engine/flags.ts';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    // `make test-all` asks for the slow ones too.
    exclude: process.env['ISOLANE_TEST_ALL'] === '1' ? [] : ['test/{bench,chaos,soak}/**'],
    // Worker threads refuse the engine's flags.
    pool: 'forks',
    execArgv: [...NODE_FLAGS],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
