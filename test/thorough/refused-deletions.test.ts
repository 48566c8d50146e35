import { expect, test } from 'vitest';
import { policy } from '../harness.ts';
import { history, idsIn, idsOf } from '../history.ts';

// test/losses/turns.test.ts has one status of each code.

test.each([405, 410, 412, 422, 423, 500])(
  'ten images whose deletion answers %i do not prevent the deletion of the others',
  async (status) => {
    const h = await history(16);
    const stuck = h.images.slice(6);
    for (const { id } of stuck) {
      const path = new RegExp(`/images/${id}`);
      const answer = { status, body: { message: 'no' } };
      h.cloud.faults.push({ service: 'image', method: 'DELETE', path, times: Infinity, answer });
    }
    for (let run = 0; run < 2; run++) await h.run('cleanup', policy({ keep: { last: 2 } })).catch(() => {});
    expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 2), ...stuck]));
  },
);
