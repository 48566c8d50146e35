import { setTimeout } from 'node:timers/promises';
import { vi } from 'vitest';

// The functions wait seconds between two tries and between two looks. A test need not: what is
// tried, and how often, stays the same. The waits that a rate limit asks for are not made by this,
// and keep their length.
vi.mock(import('../lib/openstack/pause.ts'), () => ({
  pause: async (ms: number) => {
    await setTimeout(ms / 50);
  },
}));
