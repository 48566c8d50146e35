import { defineConfig } from 'vitest/config';

/** `npm run test:thorough`: the properties over more than 10,000 random clouds, in a few minutes. */
export default defineConfig({
  test: {
    include: ['test/properties/**/*.test.ts'],
    env: { RUNS: '360' },
    maxWorkers: 2,
  },
});
