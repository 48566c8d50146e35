import { expect, test } from 'vitest';
import { restorationProgress } from '../../lib/reporting/sentences/restoration.ts';
import { TO_NEW, world } from './world.ts';

// How long a restore takes, by the last drill of the server.

test('the plan, and each answer, have the time of the last drill that passed', async () => {
  const h = await world();
  const [newest, older] = h.images as [(typeof h.images)[0], (typeof h.images)[0]];
  const prove = (image: typeof newest, at: string, seconds: string) =>
    Object.assign(image.properties, {
      autosnap_proven: `${image.id} ${at}`,
      autosnap_drilled: `${image.id} ${at}`,
      autosnap_recovery: `${image.id} ${at} ${seconds}`,
    });
  expect((await h.run('restore', { ...TO_NEW, dryRun: true })).codes).not.toContain('RESTORE_ESTIMATE');
  prove(older, '2026-11-21T09:00:00Z', '60 500');
  prove(newest, '2026-11-22T09:00:00Z', '60 240');
  const plan = await h.run('restore', { ...TO_NEW, dryRun: true });
  expect(plan.lines).toContain(
    'a new server took about 4 minutes in the last drill, at 2026-11-22T09:00:00Z; a restore in place takes a safety snapshot in addition',
  );
  const first = await h.run('restore', TO_NEW);
  expect(first).toMatchObject({ state: 'building', estimateSeconds: 240 });
  expect(first.codes).not.toContain('RESTORE_ESTIMATE');
  expect(restorationProgress(first)).toBe('web in DFW is being restored (its last drill took 4 minutes)');
  prove(newest, '2026-11-22T09:00:00Z', '60 240 at-most');
  const limit = await h.run('restore', { ...TO_NEW, dryRun: true });
  expect(limit.lines.join()).toContain('took at most 4 minutes in the last drill');
});
