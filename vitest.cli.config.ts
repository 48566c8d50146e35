import { defineConfig } from 'vitest/config';

// The Serverless commands themselves, as the README has them. They share .build, so one at a time.
export default defineConfig({
  test: {
    include: ['test/cli/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
