import { describe, expect, test } from 'vitest';
import { KINDS } from '../cloud-kinds.ts';
import { expectCleanAfterKill } from '../drill/killing.ts';
import { volumeWorld } from '../drill/volume-world.ts';

// Drills of whole sets that are killed at any request, before or after the cloud carries it out.
// Each case kills at every third request, and each begins at another one.
const EVERY = 3;

const CASES = KINDS.flatMap((kind) =>
  [true, false].flatMap((root) => [true, false].map((isCarriedOut) => ({ kind, root, isCarriedOut }))),
).map((one, i) => ({ ...one, first: i % EVERY }));

describe.each(CASES)(
  'a drill in a cloud by $kind, from a root volume: $root, killed although the request is carried out: $isCarriedOut',
  ({ kind, root, isCarriedOut, first }) => {
    test('leaves nothing behind, and makes nothing twice', { timeout: 600_000 }, async () => {
      const whole = await volumeWorld(kind, { root });
      const from = whole.cloud.received.length;
      await whole.run('drill', whole.event());
      const requests = whole.cloud.received.length - from;
      expect(requests).toBeGreaterThan(20);
      for (let at = first; at < requests; at += EVERY) {
        const w = await volumeWorld(kind, { root });
        await expectCleanAfterKill(w, at, { isCarriedOut, isCounted: () => true });
      }
    });
  },
);
