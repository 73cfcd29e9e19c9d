import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    execArgv: ['--no-node-snapshot', '--no-turboshaft-loop-unrolling'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
