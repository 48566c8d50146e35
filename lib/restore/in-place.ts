import { type Flavor, fits, leastOf } from '../openstack/flavors.ts';
import type { Image } from '../openstack/images.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { RebuildEvent } from './event.ts';
import { refuse } from './refusal.ts';

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
 * What an in-place restore would do.
 *
 * @throws {Refusal} that names every problem at once.
 */
export function planInPlace(
  { confirm, dryRun }: Pick<RebuildEvent, 'confirm' | 'dryRun'>,
  server: ServerDetail,
  image: Image,
  { flavors, rootVolume, step }: Circumstances,
): Reason[] {
  const { name, volumeBacked, status, taskState, flavorId, addresses, locked } = server;
  const flavor = flavors.find(({ id }) => id === flavorId);
  const states = step === 'rebuild' ? REBUILDS : TAKES_AND_REBUILDS;
  const problems: Reason[] = [
    ...(confirm === name || (dryRun && confirm === undefined)
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
    // While it is waited for, it is the cloud's turn.
    ...(step === 'wait' || states.includes(status)
      ? []
      : [{ code: 'RESTORE_WRONG_STATUS', name, status } as const]),
    ...(step !== 'take' || taskState === null ? [] : [{ code: 'RESTORE_BUSY', name, taskState } as const]),
  ];
  if (problems.length > 0) refuse(...problems);
  return [
    { code: 'RESTORE_SAFETY_FIRST', name, server: server.id },
    { code: 'RESTORE_REPLACES', name, image: image.id, imageName: image.name },
    { code: 'RESTORE_KEEPS', addresses },
    { code: 'RESTORE_PASSWORD' },
    ...(status === 'SHUTOFF' ? [{ code: 'RESTORE_STAYS_SHUTOFF' } as const] : []),
    ...(dryRun && confirm === undefined ? [{ code: 'RESTORE_TO_CONFIRM', name } as const] : []),
  ];
}
