import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Nothing is tested by its speed: this is for what hangs.
    testTimeout: 180_000,
    // Neither UTC nor the zone of anybody's machine: what should not depend on it, does not.
    env: { TZ: 'Asia/Kathmandu' },
    exclude: ['real', 'chaos', 'cli', 'aws', 'browser', 'faults'].map((folder) => `test/${folder}/**`),
  },
});
