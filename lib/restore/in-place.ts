import { Refusal } from '../config/validation-error.ts';
import { type Flavor, fits, leastOf } from '../openstack/flavors.ts';
import type { Image } from '../openstack/images.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { RebuildEvent } from './event.ts';

/** The states in which Nova rebuilds; of a server in ERROR it takes no snapshot. */
const REBUILDS = ['ACTIVE', 'SHUTOFF', 'ERROR'];
const TAKES_AND_REBUILDS = ['ACTIVE', 'SHUTOFF'];

/** What comes next: a safety snapshot is taken, one is waited for, or the disk is replaced. */
export type Step = 'take' | 'wait' | 'rebuild';

interface Circumstances {
  flavors: readonly Flavor[];
  /** The volume that is the server's root, if it is one. */
  rootVolume: string | undefined;
  step: Step;
}

/**
 * What an in-place restore would do, a line each.
 *
 * @throws {Refusal} that names every problem at once.
 */
export function planInPlace(
  { confirm, dryRun }: Pick<RebuildEvent, 'confirm' | 'dryRun'>,
  server: ServerDetail,
  image: Image,
  { flavors, rootVolume, step }: Circumstances,
): string[] {
  const { name, volumeBacked, status, taskState, flavorId, addresses, locked } = server;
  const flavor = flavors.find(({ id }) => id === flavorId);
  const states = step === 'rebuild' ? REBUILDS : TAKES_AND_REBUILDS;
  const problems = [
    ...(confirm === name || (dryRun && confirm === undefined)
      ? []
      : [
          confirm === undefined
            ? `confirm: everything on ${name} would be replaced: add "confirm": "${name}"`
            : `confirm: is not the name of the server, which is "${name}"`,
        ]),
    ...(volumeBacked || rootVolume !== undefined || image.volumeSnapshotIds.length > 0
      ? [`to: ${name} has its disk on a volume, which can't be rebuilt from a snapshot: use "to": "new"`]
      : []),
    ...(flavor && !fits(image, flavor)
      ? [`at: image ${image.id} asks for ${leastOf(image)}, flavor ${flavor.name} has less: use "to": "new"`]
      : []),
    ...(locked
      ? [`server: ${name} is locked, so the cloud rebuilds it not: unlock it, or use "to": "new"`]
      : []),
    // While it is waited for, it is the cloud's turn.
    ...(step === 'wait' || states.includes(status)
      ? []
      : [
          `server: ${name} is ${status}; a restore in place needs it ACTIVE or SHUTOFF, for the safety snapshot and for the rebuild: bring it there, or use "to": "new"`,
        ]),
    ...(step !== 'take' || taskState === null
      ? []
      : [`server: ${name} is busy (${taskState}): try again when it is not`]),
  ];
  if (problems.length > 0) throw new Refusal('The restore is refused', problems);
  return [
    `a safety snapshot of ${name} (${server.id}) as it is now, kept until you delete it`,
    `within an hour of that, when it is good: the disk of ${name} is replaced by image ${image.name} (${image.id})`,
    `it keeps its id, its name, its key and its addresses: ${addresses.join(', ') || 'none'}`,
    'its root password becomes one that nobody is told: log in with a key, or set one',
    ...(status === 'SHUTOFF' ? ['it stays SHUTOFF: start it when it is done'] : []),
    ...(dryRun && confirm === undefined ? [`to do it, take "dryRun" out and add "confirm": "${name}"`] : []),
  ];
}
