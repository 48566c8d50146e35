import { defineConfig } from 'vitest/config';

/** `npm run test:chaos`: a real OpenStack whose services are frozen, stopped and started again meanwhile. */
export default defineConfig({
  test: {
    include: ['test/chaos/**/*.test.ts'],
    globalSetup: 'test/chaos/setup.ts',
    testTimeout: 900_000,
    hookTimeout: 120_000,
  },
});
