import { defineConfig } from 'vitest/config';

/** `npm run test:openstack`: the real handlers on a real OpenStack, which the environment names. */
export default defineConfig({
  test: {
    include: ['test/real/**/*.test.ts'],
    globalSetup: 'test/real/environment.ts',
    // One cloud and its servers, for one test at a time.
    fileParallelism: false,
    testTimeout: 400_000,
    hookTimeout: 300_000,
  },
});
