import { type Flavor, fits, leastOf } from '../openstack/flavors.ts';
import type { Image } from '../openstack/images.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Reason } from '../reporting/reasons.ts';
import { canonical } from '../snapshots/selector.ts';
import type { RebuildEvent } from './event.ts';
import { refuse } from './refusal.ts';

/**
 * The statuses in which Nova rebuilds a server, and those in which Nova takes a snapshot of it: no
 * snapshot in ERROR.
 */
const REBUILD_STATUSES = ['ACTIVE', 'SHUTOFF', 'ERROR'];
const SNAPSHOT_STATUSES = ['ACTIVE', 'SHUTOFF'];

/**
 * The next step: `take` a safety snapshot, `wait` for new volumes or for a safety snapshot, or
 * `rebuild` the server.
 */
export type InPlaceStep = 'take' | 'wait' | 'rebuild';

interface ServerFacts {
  flavors: readonly Flavor[];
  /** The id of the server's root volume; undefined when the root disk is local. */
  rootVolume: string | undefined;
  step: InPlaceStep;
  /** Whether the server stays off, because it was off before the restore. */
  staysOff: boolean;
  /** What earlier calls have left, for the text of a refusal. */
  left: readonly Reason[];
}

/**
 * Checks an in-place restore.
 *
 * @returns the description of what the restore would do.
 * @throws {ValidationError} that names every problem at once.
 */
export function planInPlace(
  { confirm, dryRun }: Pick<RebuildEvent, 'confirm' | 'dryRun'>,
  server: ServerDetail,
  image: Image,
  { flavors, rootVolume, step, staysOff, left }: ServerFacts,
): Reason[] {
  const { name, volumeBacked, status, taskState, flavorId, addresses, locked } = server;
  const flavor = flavors.find(({ id }) => id === flavorId);
  const statuses = step === 'rebuild' ? REBUILD_STATUSES : SNAPSHOT_STATUSES;
  const problems: Reason[] = [
    ...((confirm !== undefined && canonical(confirm) === canonical(name)) || (dryRun && confirm === undefined)
      ? []
      : [
          {
            code: confirm === undefined ? 'RESTORE_UNCONFIRMED' : 'RESTORE_CONFIRMS_OTHER',
            name,
          } as const,
        ]),
    ...(volumeBacked || rootVolume !== undefined || image.volumeSnapshotIds.length > 0
      ? [{ code: 'RESTORE_ON_VOLUME', name } as const]
      : []),
    ...(flavor && !fits(image, flavor)
      ? [
          {
            code: 'RESTORE_TOO_LARGE',
            image: image.id,
            least: leastOf(image),
            flavor: flavor.name,
          } as const,
        ]
      : []),
    ...(locked ? [{ code: 'RESTORE_LOCKED', name } as const] : []),
    // While the cloud makes volumes or the safety snapshot, the status does not matter.
    ...(step === 'wait' || statuses.includes(status)
      ? []
      : [{ code: 'RESTORE_WRONG_STATUS', name, status } as const]),
    ...(step !== 'take' || taskState === null ? [] : [{ code: 'RESTORE_BUSY', name, taskState } as const]),
  ];
  if (problems.length > 0) refuse(...problems, ...left);
  return [
    { code: 'RESTORE_SAFETY_FIRST', name, server: server.id },
    { code: 'RESTORE_REPLACES', name, image: image.id, imageName: image.name },
    { code: 'RESTORE_KEEPS', addresses },
    { code: 'RESTORE_PASSWORD' },
    ...(staysOff ? [{ code: 'RESTORE_STAYS_SHUTOFF' } as const] : []),
    ...(dryRun && confirm === undefined ? [{ code: 'RESTORE_TO_CONFIRM', name } as const] : []),
  ];
}
