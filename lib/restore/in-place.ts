import { type Flavor, fits, leastOf } from '../openstack/flavors.ts';
import type { Image } from '../openstack/images.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import { Refusal } from '../refusal.ts';
import type { RebuildEvent } from './event.ts';

/** The states in which Nova takes a snapshot and a rebuild. */
const STATUSES = ['ACTIVE', 'SHUTOFF', 'PAUSED'];

/**
 * What an in-place restore would do, a line each.
 *
 * @param resuming whether its safety snapshot has been asked for already: then the server may be busy with it.
 * @throws {Refusal} that names every problem at once.
 */
export function planInPlace(
  { confirm, dryRun }: Pick<RebuildEvent, 'confirm' | 'dryRun'>,
  server: ServerDetail,
  image: Image,
  { flavors, resuming }: { flavors: readonly Flavor[]; resuming: boolean },
): string[] {
  const { name, volumeBacked, status, taskState, flavorId, addresses } = server;
  const flavor = flavors.find(({ id }) => id === flavorId);
  const problems = [
    ...(confirm === name || (dryRun && confirm === undefined)
      ? []
      : [
          confirm === undefined
            ? `confirm: everything on ${name} would be replaced: add "confirm": "${name}"`
            : `confirm: is not the name of the server, which is "${name}"`,
        ]),
    ...(volumeBacked || image.volumeSnapshotIds.length > 0
      ? [`to: ${name} has its disk on a volume, which can't be rebuilt from a snapshot: use "to": "new"`]
      : []),
    ...(flavor && !fits(image, flavor)
      ? [`at: image ${image.id} asks for ${leastOf(image)}, flavor ${flavor.name} has less: use "to": "new"`]
      : []),
    ...(resuming || STATUSES.includes(status)
      ? []
      : [`server: ${name} is ${status}, so no safety snapshot can be taken of it: use "to": "new"`]),
    ...(resuming || taskState === null
      ? []
      : [`server: ${name} is busy (${taskState}): try again when it is not`]),
  ];
  if (problems.length > 0) throw new Refusal('The restore is refused', problems);
  return [
    `a safety snapshot of ${name} (${server.id}) as it is now, kept until you delete it`,
    `when that is good: the disk of ${name} is replaced by image ${image.name} (${image.id})`,
    `it keeps its id, its name, its key and its addresses: ${addresses.join(', ') || 'none'}`,
    'its root password becomes one that nobody is told: log in with a key, or set one',
    ...(dryRun && confirm === undefined ? [`to do it, take "dryRun" out and add "confirm": "${name}"`] : []),
  ];
}
