import { statusText } from './format.ts';
import type { Sentences } from './makers.ts';

/** What a restore in place does, and why its safety snapshots can or can't be used. */
export const inPlaceSentences = {
  // What a restore in place does.
  RESTORE_SAFETY_FIRST: ({ name, server }) =>
    `a safety snapshot of ${name} (${server}) as it is now, kept until you delete it`,
  RESTORE_REPLACES: ({ name, image, imageName }) =>
    `once the safety snapshot is good, and within an hour of its start, the disk of ${name} is replaced by image ${imageName} (${image})`,
  RESTORE_KEEPS: ({ addresses }) =>
    `the server keeps its id, name, key pair and addresses: ${addresses.join(', ') || 'none'}`,
  RESTORE_PASSWORD: () =>
    'the cloud sets a random root password that is not shown: log in with a key, or set a password',
  RESTORE_STAYS_SHUTOFF: () => 'the server stays SHUTOFF: start it after the restore',
  RESTORE_TO_CONFIRM: ({ name }, _, { given }) =>
    `to do it, add ${given('confirm', name)} to the event in "apply"`,
  RESTORE_REBUILDING: ({ name, image, imageName }) =>
    `${name} is being rebuilt from image ${imageName} (${image})`,
  RESTORE_WAY_BACK: ({ event }, _, { run }) => `to put the old disk back, ${run('restore', event)}`,
  RESTORE_POSTPONED: ({ reason }, say) => `${say(reason)}`,
  RESTORE_SERVER_GONE: ({ name }) => `${name} is gone`,
  RESTORE_BY_OTHER_CALL: ({ name }) => `another call is rebuilding ${name} already`,
  RESTORE_SERVER_RENAMED: ({ was, name }) => `${was} has been renamed to ${name}`,
  RESTORE_SERVER_BUSY: ({ name, taskState }) => `${name} is busy (${taskState})`,

  // The volumes of a restore in place.
  RESTORE_VOLUME_SWAP: ({ name, old, device }) => {
    const where = device === undefined ? '' : ` at ${device}`;
    return old === undefined
      ? `the new volume "${name}" is attached${where}: the server does not have the original`
      : `the new volume "${name}" takes the place of "${old.name}" (${old.id})${where} while the server is off; the old one stays, detached, with a name that says so`;
  },
  RESTORE_VOLUMES_STAY: ({ volumes }) =>
    `these volumes stay attached, with their current data: ${volumes.map(({ id, name }) => (name ? `${name} (${id})` : id)).join(', ')}`,
  RESTORE_VOLUME_SHARED: ({ volume, name, servers }, _, { run }) =>
    `without ${name || volume}: several servers may have it, and it is attached to ${servers.join(', ')}, so it is not replaced; restore it alone: ${run('restore', { volume })}`,
  RESTORE_STOPPING: ({ name, server }) => `the cloud is stopping ${name} (${server}), to replace its volumes`,
  RESTORE_NOT_STOPPED: ({ name, server, message }) =>
    `${name} (${server}) is not stopped yet: ${message}. Stop it (openstack server stop ${server}), and go on with the restore`,
  RESTORE_VOLUME_DETACHING: ({ volume, name }) =>
    `the cloud is detaching the old volume ${volume}, which is now called "${name}"`,
  RESTORE_VOLUME_NOT_DETACHED: ({ volume, name, message }) =>
    `the old volume "${name}" (${volume}) is not detached yet: ${message}. Once the cause is gone, go on with the restore`,
  RESTORE_VOLUME_BUSY: ({ volume, name, status }) =>
    `the old volume "${name}" (${volume}) is ${statusText(status)}, so it can't be detached yet`,
  RESTORE_OLD_VOLUME: ({ volume, name, servers }) =>
    servers.length > 0
      ? `the old volume "${name}" (${volume}) is attached to ${servers.join(', ')}`
      : `the old volume "${name}" (${volume}) stays, with its data: when you no longer need it, delete it (openstack volume delete ${volume})`,
  RESTORE_VOLUMES_BACK: ({ server, detach, attach }) => {
    const detached = detach.map((volume) => `(openstack server remove volume ${server} ${volume})`);
    const attached = attach.map(
      ({ volume, device }) =>
        `(openstack server add volume${device === undefined ? '' : ` --device ${device}`} ${server} ${volume})`,
    );
    return [
      `to put the old volumes back, stop the server (openstack server stop ${server})`,
      ...(detach.length > 0 ? [`once it is SHUTOFF, detach the new ones ${detached.join(' ')}`] : []),
      `${detach.length > 0 ? 'once these are available' : 'once it is SHUTOFF'}, attach the old ones ${attached.join(' ')}`,
      `and start it (openstack server start ${server}); to put the old disk back as well, do that before the start`,
    ].join(', ');
  },
  RESTORE_NEW_VOLUME_GONE: ({ volume }) =>
    `the new volume ${volume} has been deleted since, and the volumes of the server are being replaced: go on with the restore, which makes another one`,
  RESTORE_STARTING: ({ name, server }) => `the cloud is starting ${name} (${server})`,
  RESTORE_NOT_STARTED: ({ name, server, message }) =>
    `${name} (${server}) is restored, and not started yet: ${message}. Start it (openstack server start ${server}), and go on with the restore`,

  // Safety snapshots of a restore in place.
  SAFETY_WITHOUT_VOLUMES: ({ names }) =>
    `the safety snapshot has the system disk alone, and no data of ${names.join(', ')}`,
  SAFETY_REQUESTED: ({ name }) => `the safety snapshot is requested: ${name}`,
  SAFETY_GOOD: ({ image }) => `the safety snapshot ${image} is good`,
  SAFETY_PENDING: ({ image, status }) => `the safety snapshot ${image} is still ${statusText(status)}`,
  SAFETY_SLOW: ({ since, most }, _, { given }) =>
    `it was begun at ${since}, an hour ago or more, so when it is good, another one will be taken, ${most} at most: if this server always takes so long, use ${given('to', 'new')}`,
  SAFETY_FAILED: ({ image, status, name }) =>
    `the safety snapshot ${image} has failed (${statusText(status)}), so the disk of ${name} is not replaced`,
  SAFETY_OVERTAKEN: ({ image, name }) =>
    `the safety snapshot ${image} can't be used: ${name} was rebuilt after it`,
  SAFETY_OLD: ({ image, since }) =>
    `the safety snapshot ${image} was begun at ${since}, an hour ago or more: what was written since would be lost`,
  SAFETY_GONE: ({ image }) => `the safety snapshot ${image} is gone: it failed, or somebody deleted it`,
  SAFETY_ANOTHER: ({ number, most }) => `so another one is taken: number ${number} of at most ${most}`,
  SAFETY_LOST: () => 'the safety snapshot is gone, or is not ours any more',
  SAFETY_OF_OTHER_RESTORE: () => 'the safety snapshot is of another restore',
  SAFETY_CHANGED: ({ state }) => `the safety snapshot is ${state} by now`,
  SAFETIES_USED_UP: ({ count, name, reasons }, say, { label, named, given }) =>
    [
      `${label('to')}: ${count} safety snapshots were taken, and none was good within an hour of its start. The disk of ${name} was not replaced. Use ${given('to', 'new')}, or start a new restore without ${named('request')}`,
      say(...reasons),
    ].join('; '),
  SAFETY_UNKNOWN: ({ image, request }) =>
    `safetySnapshots: image ${image} is not a safety snapshot of the restore "${request}"`,
} satisfies Partial<Sentences>;
