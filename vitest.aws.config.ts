import { defineConfig } from 'vitest/config';

/** `npm run test:aws`: what `serverless deploy` makes of this project, on an AWS emulator that the tests start. */
export default defineConfig({
  test: {
    include: ['test/aws/**/*.test.ts'],
    globalSetup: 'test/aws/setup.ts',
    // Deployments take both cores, and some tests are about time.
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
