import { beforeEach, describe, expect, test } from 'vitest';
import { listRestorable } from '../../deploy/commands/restore-list.ts';
import { KINDS } from '../cloud-kinds.ts';
import { deploy, policy, setTime } from '../harness.ts';
import { finishRestore, type TwoVolumes, twoVolumes } from '../restore/two-volumes.ts';

// A restore in place replaces volumes: the snapshots of the old ones can still be restored.

const BEFORE = '2026-11-22T00:00';
const AFTER = '2026-11-23T00:00';

let w: TwoVolumes;

/** What `restore --list` prints. */
async function list(values: Record<string, string>): Promise<string> {
  const { h } = w;
  let printed = '';
  const terminal = {
    columns: undefined,
    style: (_: unknown, text: string) => text,
    note: (text: string) => {
      printed += text;
    },
    print: (text: string) => {
      printed += text;
    },
  };
  const context = { invoke: (job: 'audit', event: object) => h.run(job, event), terminal, isJson: false };
  await listRestorable(values, context as never);
  return printed;
}

const idOf = (name: string) => w.region.volumes.find((one) => one.name === name)!.id;

describe.each(KINDS)('in a cloud by %s', (kind) => {
  beforeEach(async () => {
    w = await twoVolumes({ buildMs: 60_000 });
    const { h } = w;
    h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret(kind));
    deploy([policy()]);
    await h.run('snapshot', { policy: 'daily' });
    setTime('2026-11-22T06:00:00Z');
    const event = { server: 'db', to: 'in-place', confirm: 'db' };
    await finishRestore(h, await h.run('restore', event), 14);
  }, 60_000);

  test('before the new volume has a snapshot, it is restored from those of the old one, by name and id', async () => {
    for (const volume of ['db-data', idOf('db-data'), w.data.id]) {
      const plan = await w.h.run('restore', { volume, dryRun: true });
      expect(plan, volume).toMatchObject({ state: 'planned', name: 'db-data' });
      expect(plan.lines[0]).toContain(BEFORE);
    }
    expect(await list({ volume: 'db-data' })).toContain(BEFORE.replace('T', ' '));
  });

  test('afterwards both are listed and restored, each at its time', async () => {
    setTime('2026-11-23T00:00:10Z');
    await w.h.run('snapshot', { policy: 'daily' });
    setTime('2026-11-23T06:00:00Z');
    for (const volume of ['db-data', idOf('db-data'), w.data.id]) {
      const text = await list({ volume });
      for (const time of [BEFORE, AFTER]) expect(text, volume).toContain(time.replace('T', ' '));
      expect(text).not.toContain('replaced');
    }
    for (const at of [BEFORE, AFTER]) {
      const plan = await w.h.run('restore', {
        volume: 'db-data',
        at: `${at.slice(0, 10)}T03:00:00Z`,
        dryRun: true,
      });
      expect(plan.lines[0]).toContain(at);
    }
    const old = w.region.volumeSnapshots.find(({ volumeId }) => volumeId === w.data.id)!;
    const event = { volume: 'db-data', at: old.id, request: 'mine' };
    expect(await w.h.run('restore', event)).toMatchObject({ state: 'waiting', image: old.id });
    w.h.cloud.advance(300_000);
    expect(await w.h.run('restore', event)).toMatchObject({ state: 'done' });
  });

  test('the sets of the server from before have their volumes in the list', async () => {
    const text = await list({ server: 'db' });
    expect(text).toMatch(new RegExp(`${BEFORE.replace('T', ' ')} .* daily +2 `));
  });
});
