import type { AuditSummary } from '../../lib/audit/summary.ts';
import type { Diagnosis } from '../../lib/doctor/diagnosis.ts';
import type { Restoration } from '../../lib/restore/restoration.ts';
import { policy } from '../harness.ts';
import { addCopies, addExport, allCopied, exported } from './copies.ts';
import {
  addDataVolumes,
  addHistory,
  addVolumeBacked,
  allTaken,
  later,
  rotated,
  runBefore,
  type Scenario,
  type World,
} from './world.ts';

const HOUR_MS = 3_600_000;
const QUARTER_OF_AN_HOUR_MS = HOUR_MS / 4;

const restoredIn = ({ dfw }: World) => dfw.servers.filter(({ metadata }) => metadata.autosnap_restore);
const newVolumesIn = ({ dfw }: World) => dfw.volumes.filter(({ metadata }) => metadata.autosnap_restore);
const stateOf = (result: unknown) => (result as Restoration | undefined)?.state;

/** Only cleanup may delete images. */
const nothingGoes = ({ mayGo }: World) => mayGo.clear();

const toNew = { server: 'web', to: 'new' };
const inPlace = { server: 'web', to: 'in-place', confirm: 'web' };

async function restoreBefore(world: World, event = world.event): Promise<void> {
  world.event = event;
  const { next } = (await runBefore({ job: 'restore' }, world)) as Restoration;
  world.event = next as Record<string, unknown>;
  // A safety snapshot is valid for less than an hour.
  world.cloud.advance(QUARTER_OF_AN_HOUR_MS);
}

/** Every job with each of its steps. */
export const scenarios: Scenario[] = [
  {
    name: 'snapshot',
    job: 'snapshot',
    identity: 'rackspace',
    prepare(world) {
      addHistory(world, 1);
      nothingGoes(world);
    },
    done: allTaken,
  },
  {
    name: 'snapshot, with a server on a volume',
    job: 'snapshot',
    identity: 'password',
    prepare(world) {
      addHistory(world, 1);
      addVolumeBacked(world, 1);
      nothingGoes(world);
    },
    done: allTaken,
  },
  { name: 'cleanup', job: 'cleanup', identity: 'rackspace', prepare: addHistory, done: rotated },
  {
    name: 'cleanup, with a server on a volume',
    job: 'cleanup',
    identity: 'password',
    prepare(world) {
      addHistory(world);
      addVolumeBacked(world);
    },
    done: rotated,
  },
  {
    name: 'hold',
    job: 'hold',
    identity: 'rackspace',
    prepare(world) {
      const { web } = addHistory(world);
      nothingGoes(world);
      world.event = { hold: web[5]!.id, account: world.account };
    },
    done: ({ dfw, event }) =>
      dfw.images.find(({ id }) => id === event.hold)?.properties.autosnap_hold === 'forever',
  },
  {
    name: 'release',
    job: 'hold',
    identity: 'rackspace',
    prepare(world) {
      const { held } = addHistory(world);
      nothingGoes(world);
      world.event = { release: held.id, account: world.account };
    },
    done: ({ dfw, event }) =>
      dfw.images.find(({ id }) => id === event.release)?.properties.autosnap_hold === 'none',
  },
  {
    name: 'offsite',
    job: 'offsite',
    identity: 'password',
    prepare: addCopies,
    done: allCopied,
  },
  {
    name: 'offsite at Rackspace, the export',
    job: 'offsite',
    identity: 'rackspace',
    prepare: addExport,
    done: ({ dfw }) => dfw.tasks.all.length === 1,
    // An export whose request had no answer may take an hour to appear.
    againAfterMs: 2 * HOUR_MS,
  },
  {
    name: 'offsite at Rackspace, its end',
    job: 'offsite',
    identity: 'rackspace',
    async prepare(world) {
      addExport(world);
      await runBefore({ job: 'offsite' }, world);
      later(world);
    },
    done: exported,
  },
  {
    name: 'restore to a new server',
    job: 'restore',
    identity: 'rackspace',
    prepare(world) {
      addHistory(world);
      nothingGoes(world);
      world.event = { ...toNew, account: world.account };
    },
    done: (world) => restoredIn(world).length === 1,
  },
  {
    name: 'restore to a new server, on an OpenStack',
    job: 'restore',
    identity: 'password',
    prepare(world) {
      addHistory(world);
      addVolumeBacked(world);
      nothingGoes(world);
      world.event = { ...toNew, account: world.account };
    },
    done: (world) => restoredIn(world).length === 1,
  },
  {
    name: 'restore to a new server, its end',
    job: 'restore',
    identity: 'rackspace',
    async prepare(world) {
      addHistory(world);
      nothingGoes(world);
      await restoreBefore(world, { ...toNew, account: world.account });
    },
    done: (_, result) => stateOf(result) === 'done',
  },
  {
    name: 'restore to a new server, its volumes',
    job: 'restore',
    identity: 'rackspace',
    prepare(world) {
      addHistory(world);
      addDataVolumes(world);
      nothingGoes(world);
      world.event = { ...toNew, account: world.account };
    },
    done: (world) => newVolumesIn(world).length === 2,
  },
  {
    name: 'restore to a new server, the attachments',
    job: 'restore',
    identity: 'password',
    async prepare(world) {
      addHistory(world);
      addDataVolumes(world);
      nothingGoes(world);
      await restoreBefore(world, { ...toNew, account: world.account });
      await restoreBefore(world);
    },
    done: (world) => restoredIn(world).every(({ volumeIds }) => volumeIds.length === 2),
  },
  {
    name: 'restore of a volume',
    job: 'restore',
    identity: 'password',
    prepare(world) {
      addHistory(world);
      addDataVolumes(world);
      nothingGoes(world);
      world.event = { volume: 'data', account: world.account };
    },
    done: (world) => newVolumesIn(world).length === 1,
  },
  {
    name: 'restore in place, the safety snapshot',
    job: 'restore',
    identity: 'rackspace',
    prepare(world) {
      addHistory(world);
      nothingGoes(world);
      world.event = { ...inPlace, account: world.account };
    },
    done: ({ dfw }) => dfw.images.some(({ name }) => name.startsWith('web-before-restore')),
  },
  {
    name: 'restore in place, the rebuild',
    job: 'restore',
    againAfterMs: QUARTER_OF_AN_HOUR_MS,
    identity: 'rackspace',
    async prepare(world) {
      addHistory(world);
      nothingGoes(world);
      await restoreBefore(world, { ...inPlace, account: world.account });
    },
    done: (world) => world.builds.length === 1,
  },
  {
    name: 'restore in place, its end',
    job: 'restore',
    identity: 'rackspace',
    async prepare(world) {
      addHistory(world);
      nothingGoes(world);
      await restoreBefore(world, { ...inPlace, account: world.account });
      await restoreBefore(world);
    },
    done: (_, result) => stateOf(result) === 'done',
  },
  {
    name: 'drill',
    job: 'drill',
    // The job waits for its servers as long as it can.
    lastsMs: 60_000,
    identity: 'password',
    prepare(world) {
      addHistory(world);
      nothingGoes(world);
      world.event = policy({ account: world.account, drill: { schedule: 'rate(1 day)' } });
    },
    done: ({ dfw }) =>
      dfw.images.some(({ properties }) => properties.autosnap_proven) &&
      dfw.servers.every(({ metadata }) => !metadata.autosnap_drill),
  },
  {
    name: 'audit',
    job: 'audit',
    identity: 'password',
    prepare(world) {
      addHistory(world);
      addVolumeBacked(world);
      nothingGoes(world);
      world.event = {};
    },
    done(_, result) {
      const { policies, bytes } = (result ?? { policies: [] }) as AuditSummary;
      return bytes > 0 && policies.every(({ readable, problems }) => readable && problems.length === 0);
    },
  },
  {
    name: 'doctor',
    job: 'doctor',
    identity: 'password',
    prepare(world) {
      const { event } = world;
      addHistory(world);
      addVolumeBacked(world);
      nothingGoes(world);
      world.event = { policies: [event] };
    },
    done(_, result) {
      const { checks } = (result ?? { checks: [] }) as Diagnosis;
      const subjects = new Set(checks.map(({ check }) => check));
      return subjects.has('volumes') && subjects.has('servers');
    },
  },
];
