import { setTimeout } from 'node:timers/promises';
import { vi } from 'vitest';

// The functions wait for seconds between retries and between polls. The tests shorten these waits;
// what is retried, and how often, does not change. Waits for rate limits are computed elsewhere,
// and keep their length.
vi.mock(import('../lib/openstack/pause.ts'), () => ({
  pause: async (ms: number) => {
    await setTimeout(ms / 50);
  },
}));
