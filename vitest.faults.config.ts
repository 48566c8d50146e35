import { defineConfig } from 'vitest/config';

/** `npm run test:faults`: each call of each job, with all that can go wrong with a call. */
export default defineConfig({
  test: { include: ['test/faults/**/*.test.ts'], maxWorkers: 2, hookTimeout: 1_800_000 },
});
