import { busyText, counted, firstNames, quotaRoom, resetText, sizeText, statusText } from './format.ts';
import type { Sentences } from './makers.ts';
import { idText } from './snapshot.ts';

/** What a job does not do in a region that can't be read. */
const UNDONE = {
  snapshot: 'no snapshot is taken there',
  cleanup: 'nothing is deleted there',
  offsite: 'nothing is copied there',
  drill: 'no drill is begun there',
};

/** How much of a quota is used. */
const QUOTAS = {
  images: (used: number, limit: number) => `${used} of ${limit} images`,
  imageBytes: (used: number, limit: number) => `${sizeText(used)} of ${sizeText(limit)} for images`,
  volumeSnapshots: (used: number, limit: number) => `${used} of ${limit} volume snapshots`,
  volumeGigabytes: (used: number, limit: number) => `${used} of ${limit} GB for volumes and volume snapshots`,
};

/** What is wrong, or odd, in a run beyond single entries. */
export const runSentences = {
  // What is wrong, or odd, beyond single entries.
  VOLUMES_UNREADABLE: ({ where, problem }, say) =>
    `${where}: the volumes can't be listed, so none of them gets a snapshot: ${say(problem)}; give the user a role for block storage, or set volumes: none in the policy`,
  VOLUMES_UNSERVED: ({ where, count, problem }, say) =>
    `${where}: the volumes of ${counted(count, 'server')} get no snapshots, and those that exist can't be verified or deleted: ${say(problem)}`,
  REGION_UNREADABLE: ({ where, job, problem }, say) =>
    `${where} can't be read, so ${UNDONE[job]}: ${say(problem)}`,
  REGION_NOT_IN_CATALOGUE: ({ known }) =>
    `the account has no such region: its catalogue names ${known.join(', ') || 'none'}: correct \`regions\`, or ask the cloud's support`,
  SELECTOR_UNMATCHED: ({ selector, isPart }, _, { label }) =>
    `${label(`servers.${selector}`)} matches no server${isPart ? ' of this policy' : ''}`,
  IDS_EXCEPTED: ({ ids }) =>
    `servers.ids: ${ids.join(', ')}: servers.except excludes these servers: remove them from ids or from except`,
  NOT_OF_POLICY: ({ what, policy }, _, { label }) =>
    `${label(`servers.${what}`)}: the policy ${policy} selects no such server, so nothing is deleted for it`,
  SERVERS_DOUBTFUL: ({ problem }, say) => say(problem),
  SERVER_DOUBTFUL: ({ problem }, say) =>
    `it is not certain that a server is gone, so its snapshots stay: ${say(problem)}`,
  EXPIRY_WITHOUT_CLEANUP: ({ where }, _, { label }) =>
    `${label('expires')}: no policy covers ${where} of this account, so nothing deletes these snapshots there`,
  TAKEN_UNCONFIRMED: ({ message }) => `the new snapshots could not be verified: ${message}`,
  REQUEST_NOT_RECORDED: ({ message }) =>
    `the record of this ad-hoc request could not be read or written: ${message}`,
  OTHER_RUN: ({ until }) => `skipped: another run of this job is active (until ${until} at the latest)`,
  RUN_CRASHED: ({ problem }, say) => `the whole run failed: ${say(problem)}`,
  LEFT_TO_NEXT_RUN: (left) => `run deadline reached: ${deferredText(left)} to the next run`,
  LEFT_TO_NEXT_TRY: (left) => `run deadline reached: ${deferredText(left)} to the next try`,
  BUSY_TOO_LONG: (busy) => `${busyText(busy)}, for as long as the run was repeated`,
  POLICY_NOT_DEPLOYED: ({ policy, count, bytes }) =>
    `the policy ${policy} is no longer configured: its ${counted(count, 'snapshot')}, ${sizeText(bytes)}, ${count === 1 ? 'is' : 'are all'} kept`,
  REGION_NOT_IN_POLICY: ({ policy, count, bytes }) =>
    `the policy ${policy} is not for this region: no cleanup looks at its ${counted(count, 'snapshot')} here, ${sizeText(bytes)}: add the region to the policy's \`regions\` again, or delete the snapshots by hand`,
  ACCOUNTS_SHARE_PROJECT: ({ project, accounts }) =>
    `the accounts ${accounts.join(' and ')} are of the same project ${project}: name one of them in all policies`,
  ACCOUNT_NOT_IN_POLICY: ({ policy, count, bytes }) =>
    `the policy ${policy} is no longer for this account: no cleanup looks at its ${counted(count, 'snapshot')} here, ${sizeText(bytes)}: add the account to the policy's \`account\` again, or delete the snapshots by hand`,
  REGION_WITHOUT_POLICY: ({ count, bytes }) =>
    `no policy is for this region, so no cleanup looks at its ${counted(count, 'ad-hoc snapshot')}, ${sizeText(bytes)}: they are never deleted, even after they expire`,
  SERIES_OF_GONE_SERVER: ({ server, name, policy, count, kept }) =>
    `server ${nameAndId(server, name)} no longer exists: ${kept} of ${counted(count, `${policy} snapshot`)} ${kept === 1 ? 'stays' : 'stay'}`,
  SERIES_OF_SERVER_ELSEWHERE: ({ server, name, policy, count }) =>
    `server ${nameAndId(server, name)} is not in this region: ${count === 1 ? `its ${policy} snapshot stays` : `all ${count} ${policy} snapshots stay`}`,
  SERIES_OF_GONE_VOLUME: ({ volume, name, policy, count, kept }) =>
    `volume ${name} (${volume}) is gone: ${kept} of its ${count} ${policy} ${count === 1 ? 'snapshot stays' : 'snapshots stay'}`,
  SERIES_OF_DETACHED_VOLUME: ({ volume, name, policy, count }) =>
    `volume ${name} (${volume}) is attached to no server here: ${count === 1 ? `its ${policy} snapshot stays` : `all ${count} ${policy} snapshots stay`}`,
  ADOPTED: ({ count, name }) => `${count} images of ${name} made by autosnap.py are adopted`,
  ADOPTED_TWICE: ({ policies }) =>
    `adopt: the policies ${policies.join(', ')} adopt the images of autosnap.py, and would rotate each other's: none of these images is touched until only one does`,
  ROTATION_BEHIND: ({ of, policy, deferred, most }) =>
    `the series ${policy} of ${of} grows faster than it is rotated: ${deferred} snapshots are left to later runs, and one deletes ${most} at most: raise maxDeletes, or let cleanup run more often`,
  ROTATION_BACKLOG: ({ of, policy, deferred, most }) =>
    `the series ${policy} of ${of} has ${deferred} snapshots that are left to later runs, and one deletes ${most} at most: they go in ${Math.ceil(deferred / most)} more runs; to delete them sooner, raise maxDeletes`,
  IMAGE_SUSPECT: ({ problem }, say) => `${say(problem)}: it is kept and not counted`,
  IMAGE_STUCK: ({ of, status, since, serverIs, ...one }) =>
    `${idText(one)} of ${of} is ${statusText(status)} since ${since} and its server is ${serverIs}: it will never finish; ${one.isVolumeSnapshot ? `${resetText()}, then delete it` : 'delete it'}`,
  FAILED_IMAGE_HELD: ({ of, status, isProtected, ...one }) =>
    `${idText(one)} of ${of} has failed (${statusText(status)}) and holds no data, and ${isProtected ? 'it is protected: remove the protection' : 'it is held: release it'}, and cleanup deletes it`,
  ADHOC_SNAPSHOT_FAILED: ({ image, of, status, until }) =>
    `the ad-hoc snapshot ${image} of ${of} failed (${statusText(status)}): take another; ${until === undefined ? 'no cleanup deletes it: delete it by hand' : `cleanup deletes it after ${until}`}`,
  IMAGE_EXPOSED: ({ of, exposure, ...one }, say) =>
    `${idText(one)} of ${of} counts, and ${say({ code: 'EXPOSED', exposure })}`,
  IMAGE_IN_FUTURE: ({ of, slot, ...one }) =>
    `${idText(one)} of ${of} is dated in the future (${slot}): it is kept and not counted`,
  SLOT_TAKEN_TWICE: ({ of, slot, images }) =>
    `${of} has ${images.length} snapshots of ${slot}, which count as one: ${images.join(', ')}`,
  SHARING_UNKNOWN: ({ image, message }) =>
    `could not check whether image ${image} and others are shared, so they are kept: ${message}`,
  NOT_DELETABLE: ({ of, reasons, ...one }, say) =>
    `${idText(one)} of ${of} can't be deleted; other snapshots are deleted instead: ${say(...reasons)}`,
  DELETIONS_UNCONFIRMED: ({ where, message }) =>
    `${where} can't be read after the deletions, so they are not confirmed: ${message}`,
  IMAGE_VANISHED: ({ of, status, slot, ...one }) =>
    `${idText(one)} of ${of} (${statusText(status)}, ${slot}) was to be kept and has disappeared: this run did not delete it`,
  IMAGE_DAMAGED: ({ of, status, slot, ...one }) =>
    `${idText(one)} of ${of} (${slot}) was good when this run began, and is no longer (${statusText(status)}): this run did not change it`,
  IMAGE_VANISHED_PENDING: ({ of, status, slot, ...one }) =>
    `${idText(one)} of ${of} (${statusText(status)}, ${slot}) has disappeared before it was finished: the cloud removed the unfinished image, so the snapshot failed`,
  DRILLS_STUCK: ({ count }) =>
    `${count} drills have servers or volumes that can't be deleted, so no more are begun: delete them by hand`,
  DRILL_SERVER_ABANDONED: ({ reasons, ...server }, say) =>
    leftAloneText(server, `${say(...reasons)}: it is not deleted, and counts towards drill.atOnce`),
  DRILL_SERVER_FOREIGN: ({ reasons, ...server }, say) =>
    leftAloneText(server, `${say(...reasons)}: it is not deleted`),
  DRILL_VOLUME_ABANDONED: ({ where, volume, name, reasons }, say) =>
    `${where}: volume ${name} (${volume}) has the metadata of a drill, but ${say(...reasons)}: it is not deleted, and counts towards drill.atOnce: delete it by hand if nobody uses it`,
  DRILL_RECORDS_UNREADABLE: ({ message }) =>
    `the records of the drills with volumes can't be read, so no such drill is begun, and no volume is deleted: ${message}`,
  NOT_COPIED: ({ of, reasons }, say) => `${of}: not copied: ${say(...reasons)}`,
  NEVER_COPIED: ({ of, reasons }, say) => `offsite: ${of} can't be copied: ${say(...reasons)}`,
  COPY_UNREADABLE: ({ of, problem }, say) =>
    `a copy of ${of} can't be read, so none of them is deleted: ${say(problem)}`,
  COPY_LOST: ({ key, of }) =>
    `the copy ${key} of ${of} was good, and is not any more: this run did not delete it`,
  COPIES_STOPPED: ({ of, message }) => `the copies of ${of} could not be processed: ${message}`,
  COPIES_STOPPED_IN_REGION: ({ where, message }) => `nothing is copied in ${where}: ${message}`,
  COPY_LEFTOVER: ({ key, message }) => `the leftovers of ${key} can't be deleted: ${message}`,
  COPY_NEVER_VERIFIED: ({ key }) =>
    `${key} was never verified, and its snapshot is gone: it is kept and not counted`,
  COPY_NOT_COUNTED: ({ problem }, say) => `${say(problem)}: the copy is kept and not counted`,
  COPY_LEDGER_UNREADABLE: ({ message }) => `what was copied this month can't be read: ${message}`,
  BACKUPS_NOT_NEEDED: () =>
    'offsite.volumes: this cloud makes no backups of volumes, and needs none: the snapshots of volumes are already in Cloud Files',
  BACKUP_SERVICE_MISSING: ({ where }) =>
    `no volume is backed up in ${where}, because the cloud has no backup service there: ask its operator, or leave offsite.volumes out`,
  BACKUPS_UNREADABLE: ({ where, problem }, say) =>
    `no volume is backed up in ${where}, because its volumes or backups can't be read: ${say(problem)}`,
  BACKUPS_UNMANAGED: ({ policy, count, gigabytes }) =>
    `the policy ${policy} makes no backups of volumes any more, and nothing rotates ${counted(count, 'backup')} of it, ${gigabytes} GB: set offsite.volumes: backup in the policy again, or delete them by hand`,
  SAFETY_SNAPSHOTS_LEFT: ({ images }) =>
    `${counted(images.length, 'safety snapshot')} of restores ${images.length === 1 ? 'is' : 'are'} older than a week: ${leftoversText(images, 'image')}: delete what you no longer need`,
  REPLACED_VOLUMES_LEFT: ({ volumes }) =>
    `${counted(volumes.length, 'volume')} that restores have replaced ${volumes.length === 1 ? 'is' : 'are'} older than a week: ${leftoversText(volumes, 'volume')}: delete what you no longer need; the cloud refuses that while a volume has snapshots`,
  BACKUP_FAILED: ({ of, backup, message }) =>
    `the backup ${backup} of ${of} has failed${message ? `: ${message}` : ''}`,
  SERVER_ID_INVALID: ({ image, server }) =>
    `the image ${image} is not copied: "${server}" is not a server id`,

  // Data of servers that are in no snapshot.
  LOCAL_DISKS_UNPROTECTED: ({ where, policy, names }) =>
    `${where}: the local data disks of ${firstNames(names)} are in no snapshot: back them up in another way, then set localDisks: accepted in the policy ${policy}`,
  LOCAL_DISKS_UNKNOWN: ({ where, policy, message }) =>
    `${where}: it is not known which servers of ${policy} have local data disks, which are in no snapshot: ${message}`,
  VOLUMES_EXCEPTED: ({ where, policy, names }) =>
    `${where}: the policy ${policy} leaves out volumes, which are in no snapshot: ${firstNames(names)}`,

  QUOTA_AHEAD: ({ where, kind, limit, used, days }) => {
    const then = /^volume/.test(kind)
      ? '; a server that does not fit gets its image alone, and no image if it boots from a volume'
      : '';
    return `${where}: ${quotaRoom(days)}: ${QUOTAS[kind](used, limit)} used; the policies will exceed the quota: ask the cloud for a higher quota, or keep fewer snapshots${then}`;
  },

  // What the cloud, or the bucket, says.
  CLOUD: ({ message, isLeft }) => (isLeft ? `${message}. It is left to the next run` : message),
  BUCKET: ({ message }) => message,
} satisfies Partial<Sentences>;

/** What a job works on, in the singular and the plural. */
const ITEMS: Record<string, readonly [string, string]> = {
  snapshot: ['server', 'servers'],
  cleanup: ['snapshot', 'snapshots'],
  offsite: ['copy', 'copies'],
};

function deferredText({ job, count }: { job: string; count: number }): string {
  const [one, several] = ITEMS[job] ?? ['item', 'items'];
  return count === 1 ? `1 ${one} deferred` : `${count} ${several} deferred`;
}

function leftAloneText(
  { where, name, server, image }: { where: string; name: string; server: string; image: string },
  why: string,
): string {
  return (
    `${where}: ${name} (${server}) has the metadata of a drill of image ${image}, but ${why}. ` +
    'If a drill has made it, delete it by hand; otherwise take autosnap_drill out of its metadata'
  );
}

/** "web-1 (5b9c…)", or the id alone if no name is known. */
function nameAndId(server: string, name: string): string {
  return name ? `${name} (${server})` : server;
}

/** At most so many things that restores have left are named at once. */
const MOST_LEFTOVERS = 10;

function leftoversText(
  all: readonly { id: string; name: string; days: number }[],
  kind: 'image' | 'volume',
): string {
  const named = all
    .slice(0, MOST_LEFTOVERS)
    .map(({ id, name, days }) => `${name}, ${days} days old (openstack ${kind} delete ${id})`);
  const more = all.length - named.length;
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
