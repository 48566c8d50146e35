import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startCloud } from '../../local/cloud/cloud.ts';
import type {
  CloudImage,
  CloudServer,
  CloudVolume,
  CloudVolumeSnapshot,
  Region,
} from '../../local/cloud/state.ts';
import { settingsOf } from '../../local/environment.ts';
import { documentedCommands } from '../docs/commands.ts';
import { programsFor } from './programs.ts';

/** What a command is run on. */
interface World {
  region: Region;
  server: CloudServer;
  image: CloudImage;
  volume: CloudVolume;
  volumeSnapshot: CloudVolumeSnapshot;
}

/** What to write for the placeholders of the commands. */
const MEANT: Record<string, (world: World) => string> = {
  'server id': ({ server }) => server.id,
  'image id': ({ image }) => image.id,
  'volume id': ({ volume }) => volume.id,
  'volume snapshot id': ({ volumeSnapshot }) => volumeSnapshot.id,
  'backup id': ({ region }) => region.volumeBackups[0]!.id,
  container: () => 'backups',
  device: () => '/dev/vdd',
  properties: () => '--property autosnap=daily',
  flavor: () => 'general1-2',
  network: ({ region }) => region.networks[0]!.id,
};

interface Case {
  /** Brings the cloud into the state for which the command is meant. */
  given?(world: World): unknown;
  /** What the command prints. */
  prints?(world: World): RegExp;
  /** What the command must have changed. */
  changes?(world: World): unknown;
}

const MANIFEST = {
  disk_format: 'qcow2',
  container_format: 'bare',
  min_disk: 10,
  min_ram: 512,
};

/** The state into which a command brings the server. */
const ofServer = (before: Partial<CloudServer>, after: Partial<CloudServer>): Case => ({
  given: ({ server }) => Object.assign(server, before),
  changes: ({ server }) => expect(server).toMatchObject(after),
});

const CASES: Record<string, Case> = {
  'openstack server list': { prints: ({ server }) => new RegExp(`${server.id} \\| web-1 +\\| ACTIVE`) },
  'openstack server show <server id>': { prints: () => /\| status +\| ACTIVE/ },
  'openstack server set --property autosnap=daily web-9': {
    given: ({ region }) => region.addServer({ name: 'web-9' }),
    changes: ({ region }) => expect(region.servers.at(-1)).toMatchObject({ metadata: { autosnap: 'daily' } }),
  },
  'openstack server set <properties> <server id>': {
    changes: ({ server }) => expect(server.metadata).toEqual({ autosnap: 'daily' }),
  },
  'openstack server unlock <server id>': ofServer({ locked: true }, { locked: false }),
  'openstack server stop <server id>': ofServer({ vmState: 'active' }, { vmState: 'stopped' }),
  'openstack server start <server id>': ofServer({ vmState: 'stopped' }, { vmState: 'active' }),
  'openstack server unrescue <server id>': ofServer({ vmState: 'rescued' }, { vmState: 'active' }),
  'openstack server restore <server id>': ofServer({ vmState: 'soft-delete' }, { vmState: 'active' }),
  'openstack server resize confirm <server id>': ofServer({ vmState: 'resized' }, { vmState: 'active' }),
  'openstack server unshelve <server id>': {
    given: ({ region, server }) => {
      server.vmState = 'shelved_offloaded';
      region.addImage({ name: 'web-1-shelved', properties: { instance_uuid: server.id } });
    },
    changes: ({ server }) => expect(server.vmState).toBe('active'),
  },
  'openstack server delete <server id>': {
    changes: ({ region }) => expect(region.servers).toEqual([]),
  },
  'openstack server add volume <server id> <volume id>': {
    changes: ({ server, volume }) => expect(server.volumeIds).toEqual([volume.id]),
  },
  'openstack server add volume --device <device> <server id> <volume id>': {
    changes: ({ server, volume }) => expect(server.volumeIds).toEqual([volume.id]),
  },
  'openstack server remove volume <server id> <volume id>': {
    given: ({ server, volume }) => server.volumeIds.push(volume.id),
    // The cloud detaches a volume asynchronously.
    changes: ({ volume }) => expect(volume.status).not.toBe('in-use'),
  },
  'openstack server create --image restored-web-1 --flavor <flavor> --network <network> web-1': {
    given: ({ image }) => Object.assign(image, { name: 'restored-web-1' }),
    changes: ({ region, image }) =>
      expect(region.servers.at(-1)).toMatchObject({ name: 'web-1', image: image.id }),
  },
  'openstack console log show <server id>': { prints: () => /^web-1 login: / },
  'openstack flavor list': { prints: () => /\| 1 GB General Purpose v1 +\|/ },
  'openstack limits show --absolute': { prints: () => /\| max_total_snapshots +\| 100 / },
  'openstack image show <image id>': { prints: ({ server }) => new RegExp(`instance_uuid='${server.id}'`) },
  'openstack image delete <image id>': { changes: ({ region }) => expect(region.images).toEqual([]) },
  'openstack image set --protected <image id>': {
    changes: ({ image }) => expect(image.protected).toBe(true),
  },
  'openstack image set --activate <image id>': {
    given: ({ image }) => Object.assign(image, { status: 'deactivated' }),
    changes: ({ image }) => expect(image.status).toBe('active'),
  },
  'openstack image create --file disk --disk-format "$(jq -r .disk_format manifest.json)" --container-format "$(jq -r .container_format manifest.json)" --min-disk "$(jq -r .min_disk manifest.json)" --min-ram "$(jq -r .min_ram manifest.json)" restored-web-1':
    {
      changes: ({ region }) =>
        expect(region.images[0]).toMatchObject({
          name: 'restored-web-1',
          status: 'active',
          diskFormat: 'qcow2',
          containerFormat: 'bare',
          minDisk: 10,
          minRam: 512,
          data: Buffer.from('a disk'),
        }),
    },
  'swift upload --use-slo --segment-size 1048576000 <container> disk': {
    changes: ({ region }) =>
      expect(region.files.containers.get('backups')?.get('disk')).toMatchObject({ bytes: 'a disk'.length }),
  },
  'openstack volume show <volume id>': {
    given: ({ volume }) => Object.assign(volume, { status: 'error' }),
    prints: () => /\| status +\| error /,
  },
  'openstack volume delete <volume id>': { changes: ({ region }) => expect(region.volumes).toEqual([]) },
  'openstack volume backup delete <backup id>': {
    given: ({ region, volume }) => region.addVolumeBackup({ volumeId: volume.id, status: 'available' }),
    changes: ({ region }) => expect(region.volumeBackups).toEqual([]),
  },
  'openstack volume snapshot show <volume snapshot id>': {
    prints: ({ volumeSnapshot }) => new RegExp(volumeSnapshot.volumeId),
  },
};

const commands = documentedCommands(/^(openstack|swift) /);

test('each openstack and swift command of the docs and of the texts for people has a case in this file', () => {
  expect(commands.toSorted()).toEqual(Object.keys(CASES).sort());
});

test.each(Object.entries(CASES))(
  'the embedded cloud carries out: %s',
  async (command, { given, prints, changes }) => {
    const cloud = await startCloud({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0, buildMs: 0 } });
    const folder = mkdtempSync(join(tmpdir(), 'autosnap-commands-'));
    onTestFinished(async () => {
      rmSync(folder, { recursive: true });
      await cloud.close();
    });
    writeFileSync(join(folder, 'disk'), 'a disk');
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(MANIFEST));
    const region = cloud.region('DFW');
    const server = region.addServer({ name: 'web-1' });
    const properties = { image_type: 'snapshot', instance_uuid: server.id };
    const image = region.addImage({ name: 'web-1-daily', owner: cloud.account.projectId, properties });
    const volume = region.addVolume({ name: 'data' });
    const volumeSnapshot = region.addVolumeSnapshot({ volumeId: randomUUID() });
    const world = { region, server, image, volume, volumeSnapshot };
    given?.(world);
    const filled = command.replaceAll(/<([a-z ]+)>/g, (_, name: string) => MEANT[name]!(world));
    const { shell } = programsFor(settingsOf(cloud, { stage: 'local' }));
    const printed = await shell(filled, folder);
    if (prints) expect(printed).toMatch(prints(world));
    changes?.(world);
  },
);
