import { policy } from '../harness.ts';
import { MIDNIGHT } from '../history.ts';
import type { ApiCall } from './calls.ts';
import { addBackups, addVolumeHistory, allBackedUp, heldParts, setOf, volumesTaken } from './volumes.ts';
import { addHistory, allTaken, rotated, type Scenario, type World } from './world.ts';

const KINDS = [
  { identity: 'password', where: 'Cinder' },
  { identity: 'rackspace', where: 'Cloud Block Storage' },
] as const;

/** The other calls of these jobs are in the tables of the jobs without volumes. */
const ofVolumes = ({ service }: ApiCall) => service === 'volume';

/** Requests for volumes, and those for a server that is made with some. */
const ofDrills = (call: ApiCall) =>
  ofVolumes(call) || (call.service === 'compute' && ['POST', 'DELETE'].includes(call.method));

const HALF_A_DAY_MS = 12 * 3_600_000;

/** The servers and volumes of drills that are left. */
const drilledIn = ({ dfw }: World) =>
  [...dfw.servers, ...dfw.volumes].filter(({ metadata }) => metadata.autosnap_drill);

/**
 * Whether a drill has its result and nothing of it is left. What is left of a request that the
 * cloud has carried out and denied is never deleted, but named in each run.
 */
function isDrilled(world: World): boolean {
  const { dfw, logged } = world;
  const left = drilledIn(world);
  if (left.length === 0) return dfw.images.some(({ properties }) => properties.autosnap_proven);
  return /"DRILL_(VOLUME|SERVER)_ABANDONED"/.test(logged) && left.every(({ id }) => logged.includes(id));
}

/** Every job that asks block storage for something, with each of these requests. */
export const volumeScenarios: Scenario[] = [
  ...KINDS.flatMap(({ identity, where }): Scenario[] => [
    {
      name: `snapshot, ${where}`,
      job: 'snapshot',
      identity,
      concerns: ofVolumes,
      prepare(world) {
        addHistory(world, 1);
        addVolumeHistory(world, 1);
        world.mayGo.clear();
      },
      done: (world) => allTaken(world) && volumesTaken(world),
    },
    {
      name: `cleanup, ${where}`,
      job: 'cleanup',
      identity,
      concerns: ofVolumes,
      prepare: addVolumeHistory,
      done: rotated,
    },
  ]),
  {
    name: 'hold, Cloud Block Storage',
    job: 'hold',
    identity: 'rackspace',
    concerns: ofVolumes,
    prepare(world) {
      const { web } = addHistory(world);
      addVolumeHistory(world);
      world.mayGo.clear();
      // The hold is then in the description.
      world.dfw.keepsVolumeMetadata = false;
      world.event = { hold: web[0]!.id, account: world.account };
    },
    done: (world) => heldParts(world) === setOf(world, MIDNIGHT).length,
  },
  {
    name: 'drill with volumes',
    job: 'drill',
    identity: 'password',
    concerns: ofDrills,
    // Until a drill has its result, a run waits as long as it can.
    lastsMs: 60_000,
    volumeMs: 0,
    // A drill that has failed is repeated in its next slot.
    againAfterMs: HALF_A_DAY_MS,
    clockMoves: true,
    prepare(world) {
      addHistory(world);
      addVolumeHistory(world);
      world.mayGo.clear();
      const drill = { schedule: 'rate(1 day)', volumes: true };
      world.event = policy({ account: world.account, servers: { names: ['web'] }, drill });
    },
    done: isDrilled,
  },
  {
    name: 'backups of volumes',
    job: 'offsite',
    identity: 'password',
    concerns: ofVolumes,
    // A new backup that is finished would replace one more of the old ones.
    volumeMs: 240 * 3_600_000,
    prepare: addBackups,
    done: allBackedUp,
  },
];
