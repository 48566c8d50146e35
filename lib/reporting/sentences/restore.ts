import type { Reason } from '../reasons.ts';
import { counted, firstNames, statusText, timeText } from './format.ts';
import type { Sentences } from './makers.ts';
import { shellWord } from './restore-command.ts';
import { inPlaceSentences } from './restore-in-place.ts';
import type { Words } from './words.ts';

/** Where a part of a new server comes from. */
const FROM = { event: '', original: ', as the original has', record: ', as the original had' };

/** What a new server gets where nobody knows what the original had. */
const INSTEAD = {
  networks: "the cloud's default",
  keyName: 'none, but the keys on the disk are still there',
  securityGroups: "the cloud's default",
  metadata: `none, so no policy takes it by a tag; once it exists, set one: ${tagCommand('<server id>')}`,
};

const QUOTA = 'if a quota is used up, free some of it, or have it raised';
const QUOTA_REMEDIES: Record<string, string> = { FORBIDDEN: QUOTA, OVER_QUOTA: QUOTA };

/**
 * What to do when the cloud refuses a new server, or the safety snapshot or the rebuild of one, by
 * the kind of the refusal.
 */
const REFUSAL_REMEDIES: Record<'new' | 'in-place', Record<string, (words: Words) => string>> = {
  new: {
    BAD_REQUEST: ({ named }) =>
      `if it is the flavor, give another ${named('flavor')}; a network, ${named('networks')}: the ids of existing networks; the key pair, the ${named('keyName')} of one that the user in the secret has, or null for none; a security group, ${named('securityGroups')}: the names of existing groups, or []; the image, another ${named('at')}`,
    CONFLICT: ({ named }) =>
      `if there are several networks, give ${named('networks')}: the ids of the networks of the new server`,
  },
  'in-place': {
    CONFLICT: ({ given }) =>
      `if it is busy, try again when it is not; if it is locked, unlock it (openstack server unlock <server id>); or use ${given('to', 'new')}`,
    BAD_REQUEST: ({ named, given }) => `give another ${named('at')}, or use ${given('to', 'new')}`,
  },
};

/** What a restore does, how far it is, and why it is refused. */
export const restoreSentences = {
  // Which image is restored, and why.
  RESTORE_SNAPSHOT: ({ image, slot, made, hours, policy, drill }) =>
    `the snapshot of ${slot} (${image}), made at ${made}, ${ageText(hours)} old, policy "${policy}"; ${drillText(drill)}`,
  RESTORE_IMAGE: ({ image, name, hours }) =>
    `image "${name}" (${image}), ${ageText(hours)} old, which is not one of our snapshots`,
  RESTORE_UTC_DAY: ({ date, until }, _, { given }) =>
    `${given('at', date)} is a day in UTC, up to ${until}; give a time with it for another moment`,
  RESTORE_PASSED_OVER: ({ image, slot, status }) =>
    `passed over: the snapshot of ${slot} (${image}): it is ${statusText(status)}`,
  RESTORE_PASSED_OVER_FAILED: ({ image, slot, drilled }, _, { given }) =>
    `passed over: the snapshot of ${slot} (${image}): its last drill, at ${drilled}, failed; to restore it anyway, give ${given('at', image)}`,
  RESTORE_PASSED_OVER_MORE: ({ count }) => `passed over: ${count} more`,
  RESTORE_NOT_COUNTED: ({ image, problem, isOnVolumes }, say, { given }) =>
    `passed over: ${say(problem)}${isOnVolumes ? '' : `; to restore it anyway, give ${given('at', image)}`}`,
  RESTORE_NAMESAKE: ({ name, server }) =>
    `there are snapshots of another "${name}" as well, which is gone: name it by its id, ${server}`,
  RESTORE_SOURCE: ({ image, slot, at }, _, { named }) =>
    `from ${slot === undefined ? `image ${image}` : `the snapshot of ${slot} (${image})`}, chosen by the call of ${at}; to start another restore, omit ${named('request')}`,

  // What a restore to a new server does.
  RESTORE_NEW: ({ name, image, isVolumeSnapshot, imageName, flavor, from }) =>
    `a new server "${name}" from ${isVolumeSnapshot ? 'volume snapshot' : 'image'} ${imageName} (${image}), flavor ${flavor}${FROM[from]}`,
  RESTORE_NETWORKS: ({ networks, from }) =>
    `networks: ${networks.join(', ') || 'none'}${FROM[from]}; its addresses are new`,
  RESTORE_NETWORKS_UNKNOWN: (_, __, { label, named }) =>
    `${label('networks')}: the original's networks are unknown, so the cloud's default is used; set ${named('networks')} to choose`,
  RESTORE_KEY_PAIR: ({ keyName = 'none', from }) => `key pair: ${keyName}${FROM[from]}`,
  RESTORE_SECURITY_GROUPS: ({ groups, from }) =>
    `security groups: ${groups.join(', ') || "the cloud's default"}${FROM[from]}`,
  RESTORE_METADATA: ({ metadata, from }) =>
    `metadata: ${
      Object.entries(metadata)
        .map((pair) => pair.join('='))
        .join(', ') || 'none'
    }${FROM[from]}${Object.keys(metadata).length > 0 ? '; a policy that selects servers by this metadata takes snapshots of the new one, too' : ''}; to set a tag: ${tagCommand('<server id>')}`,
  RESTORE_NAME_TAKEN: ({ name, server }, _, { named }) =>
    `there is a server "${name}" already (${server}), so two servers will have this name: ${named('name')} gives another`,
  RESTORE_PART_UNCHECKED: ({ field, message }, _, { label }) =>
    `${label(field)}: not checked whether the cloud has what is given: ${message}`,
  RESTORE_FIELD_UNKNOWN: ({ field }, _, { label, named }) =>
    `${label(field)}: the original is gone, so they are not known: ${INSTEAD[field]}; ${named(field)} gives others`,
  RESTORE_LEFT_OUT: () => 'not restored: other volumes, user data, floating addresses, DNS, load balancers',
  RESTORE_ESTIMATE: ({ seconds, isAtMost, drilled }) =>
    `a new server took ${isAtMost ? 'at most' : 'about'} ${timeText(seconds)} in the last drill, at ${drilled}; a restore in place takes a safety snapshot in addition`,
  RESTORE_REQUESTED: ({ server }) => `the cloud is creating the server ${server}`,

  RESTORE_REQUESTED_BEFORE: ({ byRequest }) =>
    `an earlier call${byRequest ? ' of this request' : ''} has requested a server${byRequest ? ', or is doing so now' : ''}`,
  RESTORE_NOT_LISTED: ({ request }) =>
    `no server of the request "${request}" is listed. A listing can lack a server that exists, so this call requests no other one`,
  RESTORE_CHECK_AGAIN: (_, __, { named }) =>
    `resume the restore to read the listing again; once you are sure that there is no such server, start a new restore, without ${named('request')} and ${named('asked')}`,

  // The volumes of a restore.
  RESTORE_VOLUME: ({ name, snapshot, sizeGb, isRoot, isBackup }) =>
    `a new volume "${name}"${sizeGb === undefined ? '' : ` (${sizeGb} GB)`} from ${isBackup ? 'backup' : 'volume snapshot'} ${snapshot}${isRoot ? ', which the server boots from' : ''}`,
  RESTORE_VOLUME_SNAPSHOT: ({ snapshot, slot, made, policy }) =>
    `the volume snapshot of ${slot} (${snapshot}), made at ${made}, policy "${policy}"`,
  RESTORE_VOLUME_BACKUP: ({ backup, slot, made, policy }) =>
    `the backup of ${slot} (${backup}), made at ${made}, policy "${policy}"`,
  RESTORE_BACKUPS_UNREAD: ({ where, problem }, say) =>
    `the backups of volumes in ${where} can't be listed, so none of them is restored: ${say(problem)}`,
  RESTORE_WITHOUT_VOLUME: (reason, _, { run }) =>
    `without ${reason.name} (${withoutVolumeText(reason, run)})`,
  RESTORE_VOLUME_REQUESTED: ({ volume, name }) => `the cloud is creating the volume "${name}" (${volume})`,
  RESTORE_VOLUME_STATUS: ({ volume, name, status }) =>
    `the new volume "${name}" (${volume}) is ${statusText(status)}`,
  RESTORE_VOLUME_FAILED: ({ volume, name, status }) =>
    `the new volume "${name}" (${volume}) is ${statusText(status)}: delete it (openstack volume delete ${volume}), and go on with the restore, which makes another one`,
  RESTORE_VOLUME_REFUSED: ({ name, error, message }, _, { given }) => {
    const remedy = QUOTA_REMEDIES[error];
    return `the volume "${name}" was not made: ${message}${remedy ? `: ${remedy}` : ''}. Go on with the restore once the cause is gone, or restore without volumes: ${given('volumes', 'none')}`;
  },
  RESTORE_VOLUME_TWIN: ({ volume, name, snapshot }) =>
    `another volume "${name}" (${volume}) was made from volume snapshot ${snapshot} for this restore, and is not used: delete it if it is not attached`,
  RESTORE_VOLUME_GONE: ({ volume }, _, { named }) =>
    `the new volume ${volume} has been deleted since: restore it alone with ${named('volume')}, and attach it`,
  RESTORE_VOLUME_ELSEWHERE: ({ volume, name, servers }) =>
    `the new volume "${name}" (${volume}) is attached to ${servers.join(', ')}: detach it, and go on with the restore`,
  RESTORE_VOLUME_ATTACHING: ({ volume, name }) => `the cloud is attaching the volume "${name}" (${volume})`,
  RESTORE_VOLUME_ATTACHED: ({ volume, name }) => `the volume "${name}" (${volume}) is attached`,
  RESTORE_VOLUME_NOT_ATTACHED: ({ volume, name, message }) =>
    `the volume "${name}" (${volume}) is not attached yet: ${message}. Once the cause is gone, go on with the restore`,
  RESTORE_VOLUMES_BY_OTHER_CALL: () => 'another call of this request is making volumes',
  RESTORED_VOLUME: ({ volume, name }) =>
    `the volume "${name}" (${volume}) is ready: attach it with openstack server add volume <server id> ${volume}`,

  ...inPlaceSentences,

  // How far a restore is.
  RESTORE_RUNNING: ({ name, server, status }) => `${name} (${server}) is in ${status}`,
  RESTORE_STATE_UNKNOWN: ({ name, server }) => `the cloud does not say how far ${name} (${server}) is`,
  RESTORED: ({ name, server, status, addresses }) =>
    `${name} (${server}) is ${status}, at ${addresses.join(', ') || 'no address'}`,
  RESTORED_SHUTOFF: ({ name, server }) =>
    `${name} (${server}) is SHUTOFF, as it was before: start it (openstack server start ${server})`,
  RESTORED_IN_POLICIES: ({ policies }) => `these policies take snapshots of it: ${policies.join(', ')}`,
  RESTORED_IN_NO_POLICY: ({ name, server, tagged }) =>
    `no policy takes snapshots of ${name} (${server}): ${
      tagged
        ? `put it into the policy ${tagged.policy} with: ${tagCommand(server, tagged.metadata)}`
        : 'add its name or its id to a policy'
    }`,
  RESTORE_IN_ERROR: ({ name, server, fault = 'the cloud does not say why' }) =>
    `${name} (${server}) is in ERROR: ${fault}`,
  RESTORE_AFTER_ERROR: ({ server, to }, _, { named, given }) =>
    to === 'new'
      ? `delete it (openstack server delete ${server}), and start a new restore, without ${named('request')}`
      : `its snapshots are all there: restore one with ${given('to', 'new')}, or this one again, without ${named('request')}`,
  RESTORE_DELETED_SINCE: (_, __, { named }) =>
    `the server has been deleted since: start a new restore, without ${named('request')}`,
  RESTORE_REBUILT_SINCE: ({ name, server, image }, _, { named }) =>
    `${name} (${server}) has been rebuilt since, from image ${image}: to restore it once more, start a new restore, without ${named('request')}`,
  RESTORE_TWIN: ({ server }) =>
    `server ${server} carries the same request, too: a second one, if two calls came at the same moment; compare the two servers, then delete the one that you do not use`,
  RESTORE_UNCERTAIN: ({ message }) => `${message}. The result is not visible yet`,
  RESTORE_CALL_AGAIN: () =>
    'go on with the restore: the next call first checks whether the request was carried out',
  RESTORE_STEP_BY_OTHER_CALL: () => 'another call of this restore is taking its next step',
  RESTORE_BEGIN_ANEW: (_, __, { named }) => `start a new restore, without ${named('request')}`,
  RESTORE_GIVEN_UP: ({ hours }) => `given up: the restore has not ended within ${hours} hours`,
  RESTORE_NOT_RECORDED: ({ message }) =>
    `the record of the restore could not be read or written, so its steps can't be watched: ${message}`,
  RESTORE_END_NOT_SENT: ({ message }) => `the e-mail about the end of the restore was not sent: ${message}`,

  // Why a restore is refused.
  RESTORE_PART_MISSING: ({ field, where, missing, known }, _, { label }) =>
    `${label(field)}: ${where} has no ${missing.join(', ')}: ${
      known
        ? `it has ${firstNames(known) || 'none'}`
        : `give the name of a key pair of the secret's user, or null for none`
    }`,
  RESTORE_REFUSED_BY_CLOUD: ({ error, message, to, hasVolumes }, _, words) => {
    const { named } = words;
    const remedy = REFUSAL_REMEDIES[to][error]?.(words) ?? QUOTA_REMEDIES[error];
    const left = hasVolumes
      ? `The new volumes stay: correct what is wrong, and restore again with the same ${named('request')}`
      : 'Nothing was made or changed';
    return `${message}${remedy ? `: ${remedy}` : ''}. ${left}`;
  },
  RESTORE_UNDER_WAY: ({ name, request }, _, { label }) =>
    `${label('to')}: ${request === undefined ? `another restore of ${name} in place begins at this moment` : `the restore "${request}" of ${name} in place is under way`}, so this one makes and changes nothing: wait until the other one has ended`,
  RESTORE_NO_SERVER: ({ server, regions }, _, { label }) =>
    `${label('server')}: there is no "${server}" in ${regions.join(', ')}, nor a snapshot of one: give its id`,
  RESTORE_SEVERAL_SERVERS: ({ server, found }, _, { label, named }) =>
    `${label('server')}: ${found.length} servers are called "${server}": ${found.map(whichText).join('; ')}: give the id of one of them as ${named('server')}`,
  RESTORE_REGION_UNKNOWN: ({ where, known }, _, { label }) =>
    `${label('region')}: the account has no region "${where}": it has ${known.join(', ')}`,
  RESTORE_REGION_UNREADABLE: ({ where, problem }, say) => `region ${where} can't be read: ${say(problem)}`,
  RESTORE_SERVER_UNCERTAIN: (_, __, { label, named }) =>
    `${label('server')}: give the id of the server, or its ${named('region')}`,
  RESTORE_VOLUME_UNCERTAIN: (_, __, { label, named }) =>
    `${label('volume')}: give the id of the volume, or its ${named('region')}`,
  RESTORE_VOLUMES_UNREAD: ({ where, problem }, say, { label, given }) =>
    `${label('volumes')}: those of ${where} can't be read: ${say(problem)}: try again, or restore without volumes: ${given('volumes', 'none')}`,
  RESTORE_VOLUME_UNFINISHED: ({ name, snapshot, status }, _, { label, named, given }) =>
    `${label('at')}: the snapshot ${snapshot} of the volume ${name} is still ${statusText(status)}: try again when it is available, give an earlier ${named('at')}, or restore without volumes: ${given('volumes', 'none')}`,
  RESTORE_VOLUME_OF_OTHER: ({ volume, request }, _, { label }) =>
    `${label('made')}: the volume ${volume} was not made by the restore "${request}": use the "next" of the last answer`,
  RESTORE_VOLUME_SHARED_SINCE: ({ volume, name, servers }, _, { label }) =>
    `${label('volumes')}: the volume "${name}" (${volume}), which is to be replaced, may be attached to several servers by now (${servers.join(', ')}), so it is not detached: detach it from the others, and go on with the restore`,
  RESTORE_VOLUME_UNPLACED: ({ volume, name, snapshot }, _, { label, named }) =>
    `${label('volumes')}: the new volume "${name}" (${volume}) was made from volume snapshot ${snapshot}, which is not listed as a good one of this set any more, so it is unknown which volume it replaces: go on with the restore; if the snapshot is deleted, start a new restore, without ${named('request')}`,
  RESTORE_SWAP_BEGUN: ({ request }, _, { label, named }) =>
    `${label('volumes')}: the restore "${request}" has begun to replace the volumes: go on with it without ${named('volumes')}`,
  RESTORE_NO_VOLUME: ({ volume, regions }, _, { label }) =>
    `${label('volume')}: there is no snapshot of a volume "${volume}" in ${regions.join(', ')}: give its id`,
  RESTORE_SEVERAL_VOLUMES: ({ volume, found }, _, { label, named }) =>
    `${label('volume')}: ${found.length} volumes are called "${volume}": ${found.map(whichText).join('; ')}: give the id of one of them as ${named('volume')}`,
  RESTORE_NO_VOLUME_SNAPSHOT: ({ name, at, others }, _, { label, named }) => {
    const list = others.map(({ snapshot, status }) => `${snapshot} is ${statusText(status)}`).join(', ');
    return `${label('at')}: there is no good snapshot of the volume ${name}${at === 'latest' ? '' : ` for ${at}`}${list ? `: ${list}` : ''}: give another ${named('at')}`;
  },
  RESTORE_NO_GOOD_SNAPSHOT: (facts, say, { label, run }) => {
    const { server, policy, until, others, oldest, uncounted, earlier, backups } = facts;
    const scope = `of ${server}${policy === undefined ? '' : ` by the policy "${policy}"`}`;
    const when = until === undefined ? '' : ` at or before ${until}`;
    const isElsewhere = uncounted.length + earlier.length + backups.length > 0;
    const without = isElsewhere ? '' : ': take one, or give the id of an image';
    return [
      `${label('at')}: there is no good snapshot ${scope}${when}${insteadText(others, oldest) || without}`,
      ...uncounted.map((one) => say(one)),
      ...earlier.map(
        (gone) =>
          `an earlier server of this name, ${gone.server}, which is gone, has ${counted(gone.snapshots, 'good snapshot')}: to restore it, ${run('restore', { server: gone.server, to: 'new' })}`,
      ),
      ...(backups.length > 0 ? [backupsText(backups, run)] : []),
    ].join('; ');
  },
  RESTORE_NO_IMAGE: ({ image, where, server }, _, { label }) =>
    `${label('at')}: this project has no image ${image} in ${where}, where ${server} is`,
  RESTORE_OTHER_SERVERS_IMAGE: ({ image, server, of }, _, { label, given }) =>
    of === undefined
      ? `${label('at')}: image ${image} was not made from ${server}: give another image`
      : `${label('at')}: image ${image} was made from the server ${of}, and not from ${server}: give ${given('server', of)}, or another image`,
  RESTORE_IMAGE_UNFINISHED: ({ image, status }, _, { label }) =>
    `${label('at')}: image ${image} is still ${statusText(status)}: wait until it is active`,
  RESTORE_IMAGE_UNUSABLE: ({ image, status, hasData }, _, { label }) =>
    `${label('at')}: image ${image} can't be restored: it is ${statusText(status)}${hasData ? '' : ' and has no data'}: give another`,
  RESTORE_IMAGE_DELETED: ({ image, server }, _, { label, named }) =>
    `${label('at')}: image ${image} has been deleted since: start a new restore, without ${named('request')}; the disk of ${server} is as it was`,
  RESTORE_DIFFERS: ({ field, was, slot, request }, _, { label, named }) =>
    `${label(field)}: the restore "${request}" has begun with ${was}${slot === undefined ? '' : `, the snapshot of ${slot}`}: go on with that, or omit ${named('request')} to start another restore`,
  RESTORE_REQUEST_UNREADABLE: ({ server, request }, _, { label }) =>
    `${label('request')}: the metadata of server ${server} name request "${request}" but are unreadable: give another one`,
  RESTORE_OF_OTHER_REQUEST: ({ server, request }, _, { label }) =>
    `${label('restored')}: server ${server} was not made or rebuilt by the restore "${request}"`,
  RESTORE_NOT_FOUND: ({ server, regions }, _, { label, named }) =>
    `${label('restored')}: there is no server ${server} in ${regions.join(', ')}: it has been deleted since, or another one was meant: start a new restore, without ${named('request')} and ${named('restored')}`,
  RESTORE_ORIGINAL_GONE: ({ name }, _, { label, given }) =>
    `${label('server')}: ${name} is gone: use ${given('to', 'new')}`,
  RESTORE_UNCONFIRMED: ({ name }, _, { label, given }) =>
    `${label('confirm')}: everything on ${name} would be replaced: add ${given('confirm', name)}`,
  RESTORE_CONFIRMS_OTHER: ({ name }, _, { label }) =>
    `${label('confirm')}: is not the name of the server, which is "${name}"`,
  RESTORE_ON_VOLUME: ({ name }, _, { label, given }) =>
    `${label('to')}: ${name} has its disk on a volume, which can't be rebuilt from a snapshot: use ${given('to', 'new')}`,
  RESTORE_TOO_LARGE: ({ image, least, flavor }, _, { label, given }) =>
    `${label('at')}: image ${image} needs ${least}, flavor ${flavor} has less: use ${given('to', 'new')}`,
  RESTORE_LOCKED: ({ name }, _, { label, given }) =>
    `${label('server')}: ${name} is locked, so the cloud does not rebuild it: unlock it, or use ${given('to', 'new')}`,
  RESTORE_WRONG_STATUS: ({ name, status }, _, { label, given }) =>
    `${label('server')}: ${name} is ${status}; a restore in place needs it ACTIVE or SHUTOFF, for the safety snapshot and for the rebuild: bring it there, or use ${given('to', 'new')}`,
  RESTORE_BUSY: ({ name, taskState }, _, { label }) =>
    `${label('server')}: ${name} is busy (${taskState}): try again when it is not`,
  RESTORE_FLAVOR_TOO_SMALL: ({ flavor, diskGb, ramMb, image, least, fitting }, _, { label }) =>
    `${label('flavor')}: ${flavor} (${diskGb} GB, ${ramMb} MB) is too small: image ${image} needs ${least}: ${fittingText(fitting)}`,
  RESTORE_FLAVOR_UNKNOWN: ({ flavor, isOriginal, fitting }, _, { label }) =>
    `${label('flavor')}: there is no ${isOriginal ? `${flavor} any more, which the original had` : `flavor "${flavor}"`}: ${fittingText(fitting)}`,
  RESTORE_FLAVOR_MISSING: ({ fitting }, _, { label }) =>
    `${label('flavor')}: the original is gone and the snapshot does not say which it had: ${fittingText(fitting)}`,
} satisfies Partial<Sentences>;

/** The command that sets the metadata by which a policy selects servers with `tagged`. */
function tagCommand(server: string, metadata: Record<string, string> = { autosnap: 'daily' }): string {
  const properties = Object.entries(metadata)
    .map(([key, value]) => `--property ${shellWord(`${key}=${value}`)}`)
    .join(' ');
  return `openstack server set ${properties} ${server}`;
}

function whichText({
  id,
  region,
  isGone,
  created,
}: Reason<'RESTORE_SEVERAL_SERVERS'>['found'][number]): string {
  const state = isGone ? ', which is gone' : created === undefined ? '' : `, created at ${created}`;
  return `${id} in ${region}${state}`;
}

function ageText(hours: number): string {
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

function drillText(drill: { at: string; passed: boolean } | undefined): string {
  if (!drill) return 'never tried by a drill';
  return drill.passed ? `proven by a drill at ${drill.at}` : `its last drill, at ${drill.at}, failed`;
}

function insteadText(
  others: readonly { image: string; slot: string; status: string }[],
  oldest: { slot: string; made: string } | undefined,
): string {
  if (others.length > 0) {
    const list = others
      .map(({ image, slot, status }) => `${image} of ${slot} is ${statusText(status)}`)
      .join(', ');
    return `: ${list}. One that is still being made can be restored when it is active`;
  }
  return oldest ? `: the oldest good one, of ${oldest.slot}, was made at ${oldest.made}` : '';
}

/** How to restore a server of which there are only backups of its volumes. */
function backupsText(backups: Reason<'RESTORE_NO_GOOD_SNAPSHOT'>['backups'], run: Words['run']): string {
  const each = backups.map(
    ({ backup, volume, name }) => `${name}: ${run('restore', { volume, at: backup })}`,
  );
  return `its volumes have backups, of which the cloud makes no server: restore each volume alone, and boot a server from its system volume; ${each.join('; ')}`;
}

function fittingText(flavors: readonly string[]): string {
  return flavors.length > 0 ? `give one that fits: ${flavors.join(', ')}` : 'no flavor of this region fits';
}

/** Why a restore is without a volume. */
function withoutVolumeText(
  { name, snapshot, status }: Reason<'RESTORE_WITHOUT_VOLUME'>,
  run: Words['run'],
): string {
  if (snapshot === undefined) return 'it has no snapshot of this slot';
  if (status !== undefined) return `its snapshot ${snapshot} is ${statusText(status)}`;
  return `another volume of the set has its place, so its snapshot ${snapshot} is left out: restore it alone: ${run('restore', { volume: name, at: snapshot })}`;
}
