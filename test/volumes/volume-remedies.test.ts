import { beforeEach, describe, expect, test } from 'vitest';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { KINDS } from '../cloud-kinds.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, policy, setTime } from '../harness.ts';
import { dbWorld } from './db-world.ts';

// What the texts about volumes say, and which remedy they name.

const SECRET = 'autosnap/test/rackspace';

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;
let logs: CloudVolume;

beforeEach(async () => {
  ({ h, region, db, data } = await dbWorld({
    others: [{ name: 'db-logs', size: 5 }],
    devices: { 'db-data': '/dev/vdb', 'db-logs': '/dev/vdc' },
  }));
  logs = region.volumes.at(-1)!;
});

describe.each(KINDS)('in a cloud by %s', (kind) => {
  beforeEach(() => void h.cloud.secrets.set(SECRET, h.cloud.secret(kind)));

  test('a volume that a restore leaves out, because another one has its device, has a snapshot', async () => {
    db.devices = { [data.id]: '/dev/vdb', [logs.id]: '/dev/vdb' };
    await h.run('snapshot', policy());
    setTime('2026-11-23T06:00:00Z');
    const { lines } = await h.run('restore', { server: 'db', to: 'new', dryRun: true });
    const said = lines.find((line) => line.startsWith('without'))!;
    expect(said).toContain('another volume of the set has its place');
    const [, volume, at] = /restore it alone: invoke restore with \{"volume":"(.+)","at":"(.+)"\}/.exec(
      said,
    )!;
    const alone = await h.run('restore', { volume, at, dryRun: true });
    expect(alone.lines.join()).toContain(region.volumeSnapshots.find(({ id }) => id === at)!.id);
  });

  test('a volume snapshot that is never finished is reset by an administrator, and then deleted', async () => {
    deploy([policy()]);
    await h.run('snapshot', { policy: 'daily' });
    const stuck = region.volumeSnapshots.find(({ volumeId }) => volumeId === data.id)!;
    Object.assign(stuck, { status: 'creating', availableAt: undefined });
    setTime('2026-11-25T06:00:00Z');
    const { report } = await h.fail('cleanup', { policy: 'daily' });
    const reset = 'have an administrator reset it to "error"';
    expect(textsOf((report as { warnings: Parameters<typeof textsOf>[0] }).warnings).join()).toContain(reset);
  });

  test('a volume that the cloud makes no snapshot of can be named in volumes.except', async () => {
    const message = 'Invalid volume: Snapshots of this volume type are not supported.';
    const answer = { status: 400, body: { badRequest: { code: 400, message } } };
    h.cloud.faults.push({ service: 'volume', method: 'POST', times: 9, answer });
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toContain('name the volume in volumes.except');
  });
});
