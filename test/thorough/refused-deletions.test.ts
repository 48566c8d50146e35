import { expect, test } from 'vitest';
import { policy } from '../harness.ts';
import { idsIn, idsOf, tenUndeletable } from '../history.ts';

// test/thorough/failing-items.test.ts has one status of each code.

test.each([405, 410, 412, 422, 423, 500])(
  'ten images whose deletion answers %i do not prevent the deletion of the others',
  async (status) => {
    const { h, stuck } = await tenUndeletable(status);
    for (let run = 0; run < 2; run++) await h.run('cleanup', policy({ keep: { last: 2 } })).catch(() => {});
    expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 2), ...stuck]));
  },
);
