import { defineConfig } from 'vitest/config';

/** `npm run test:browser`: the report page in a real browser, for which Chromium has to be installed. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
