import { expect, test } from 'vitest';
import { policy, setTime } from '../harness.ts';
import { finishRestore, twoVolumes } from '../restore/two-volumes.ts';

// A server on volumes in OpenStack whose images are gone, and whose volumes have backups.

test('the refusal says how to restore each volume, and that works', async () => {
  const { h, region, data } = await twoVolumes();
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  await h.run('snapshot', policy());
  setTime('2026-11-22T06:00:00Z');
  const {
    id,
    name,
    description = null,
    metadata = {},
    createdAt,
  } = region.volumeSnapshots.find(({ volumeId }) => volumeId === data.id)!;
  const backup = region.addVolumeBackup({
    ...{ volumeId: data.id, name, description, metadata, size: data.size, snapshotId: id },
    ...{ dataAt: createdAt!, createdAt: new Date('2026-11-22T03:00:00Z') },
  });
  region.volumeSnapshots.length = 0;
  for (const image of [...region.images]) region.removeImage(image.id);
  const made = region.volumes.length;
  for (const to of ['new', 'in-place'] as const) {
    const confirm = to === 'in-place' ? { confirm: 'db' } : {};
    const { error } = await h.fail('restore', { server: 'db', to, ...confirm });
    expect(error.message).toContain('there is no good snapshot of db');
    expect(error.message).toMatch(
      new RegExp(`db-data: invoke restore with .*"volume": ?"${data.id}", ?"at": ?"${backup.id}"`),
    );
  }
  expect(region.volumes).toHaveLength(made);
  const first = await h.run('restore', { volume: data.id, at: backup.id });
  expect((await finishRestore(h, first, 9)).at(-1)).toMatchObject({ state: 'done' });
});
