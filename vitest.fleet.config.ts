import { defineConfig } from 'vitest/config';

/** `npm run test:fleet`: 10,000 servers in one region and 200 accounts in one deployment, with all that goes wrong. */
export default defineConfig({
  test: {
    include: ['test/fleet/**/*.test.ts'],
    env: { FLEET: 'whole' },
    testTimeout: 120_000,
  },
});
