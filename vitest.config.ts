import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Much of their time is waiting: for pauses between tries, and for other processes.
    maxWorkers: 2 * availableParallelism(),
    // Nothing is tested by its speed: this is for what hangs.
    testTimeout: 180_000,
    // Neither UTC nor the zone of anybody's machine: what should not depend on it, does not.
    env: { TZ: 'Asia/Kathmandu' },
    exclude: ['real', 'chaos', 'cli', 'aws', 'browser', 'faults'].map((folder) => `test/${folder}/**`),
  },
});
