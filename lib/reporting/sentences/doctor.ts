import type { Dormancy } from '../../config/dormancy.ts';
import type { Rights } from '../reasons.ts';
import {
  counted,
  durationText,
  firstNames,
  joinedBy,
  joinedByAnd,
  minuteText,
  policyDuration,
} from './format.ts';
import type { Sentences } from './makers.ts';
import { remedyForStatus } from './snapshot.ts';

/** The kinds of credentials, by their form in a secret. */
const FORM_NAMES = {
  rackspace: 'a Rackspace API key',
  password: 'a Keystone password',
  applicationCredential: 'a Keystone application credential',
};

function neededRoles({ provider, needsVolumes, needsCopies }: Rights): string {
  if (provider === 'keystone') return 'a role such as member';
  return joinedByAnd([
    'nova:admin',
    'cloudImages:admin',
    ...(needsVolumes ? ['cbs:admin'] : []),
    ...(needsCopies ? ['object-store:admin'] : []),
  ]);
}

/** What the user has to create and delete. */
function writtenThings({ needsVolumes, needsCopies }: Rights, conjunction: 'and' | 'or'): string {
  const things = [
    'images',
    ...(needsVolumes ? ['volume snapshots'] : []),
    ...(needsCopies ? ['copies'] : []),
  ];
  return joinedBy(conjunction, things);
}

/** What `doctor` has found. */
export const doctorSentences = {
  // Accounts.
  SECRET_READ: ({ form, authUrl }) => `${FORM_NAMES[form]} for ${authUrl}`,
  LOGGED_IN: ({ project, regions }) => `project ${project} in ${regions.join(', ')}`,
  LOGIN_REFUSED: ({ message }) => message,
  LOGIN_WITHOUT_REGIONS: ({ project }) => `project ${project} has no region with servers`,
  ALERTS_CONFIRMED: ({ confirmed, pending }) =>
    `${confirmed} confirmed ${confirmed === 1 ? 'subscription' : 'subscriptions'}${pendingText(pending)}`,
  ALERTS_BY_HEARTBEAT: ({ pending }) =>
    `only the heartbeat reports failures: custom.alerts has no confirmed subscription${pendingText(pending)}`,
  ALERTS_TO_NOBODY: ({ pending }) =>
    `nobody is notified of failures: custom.alerts has no confirmed subscription${pendingText(pending)}, and heartbeat is empty`,
  ALERTS_UNKNOWN: ({ message }) => `the subscriptions of the topic can't be counted: ${message}`,
  PROJECT_TWICE: ({ project, account }) => `the account ${account} has the same project ${project}`,
  RIGHTS_SUFFICIENT: (rights) =>
    `the user's roles ${rolesText(rights.roles)}: it may make and delete ${writtenThings(rights, 'and')}`,
  RIGHTS_UNKNOWN: (rights) =>
    `the user's roles ${rolesText(rights.roles)}: it is not certain that it may make and delete ${writtenThings(rights, 'and')}`,
  RIGHTS_MISSING: (rights) =>
    `the user's roles ${rolesText(rights.roles)}: it may not make or delete ${writtenThings(rights, 'or')}`,
  CLOCKS_AGREE: () => "the cloud's clock agrees with the one here",
  CLOCKS_DIFFER: ({ minutes, cloudIs }) =>
    `the cloud's clock is ${minutes} minutes ${cloudIs === 'ahead' ? 'ahead of' : 'behind'} the one here`,
  REGION_LISTED: ({ where, servers, images, ours, owner }) =>
    `${where}: servers ${servers}, images ${images}, of these ${ours} by ${owner}`,
  REGION_NOT_LISTED: ({ where, message }) => `${where}: ${message}`,
  REGION_WITHOUT_METADATA: ({ where, limit, needed }) =>
    `${where}: an image takes ${limit} metadata at most, a snapshot has ${needed}`,
  OWNER_OF_SAME_NAME: ({ where, count, other, owner, isDefault }) =>
    `${where}: images of ${other} (${count}), ${isDefault ? 'the owner of this deployment without custom.owner' : 'an owner of the same service and stage'}: ${owner} neither counts nor rotates them`,
  VOLUMES_LISTED: ({ where, count }) => `${where}: ${count} volume snapshots`,
  VOLUMES_NOT_LISTED: ({ where, message }) =>
    `${where}: without volume snapshots nothing would be deleted there: ${message}`,
  SERVERS_IN_NO_POLICY: ({ where, names }) =>
    `${where}: no policy selects ${counted(names.length, 'server')}: ${firstNames(names)}`,

  // Policies.
  REGIONS_KNOWN: ({ regions, isAll }) => `${regions.join(', ')}${isAll ? ' (all)' : ''}`,
  REGIONS_UNKNOWN: ({ unknown, known }) =>
    `the account has no region ${unknown.join(', ')}: it has ${known.join(', ')}`,
  SERVERS_SELECTED: ({ names }) => `${names.length}: ${firstNames(names)}`,
  SERVERS_UNMATCHED: ({ selector, isPartial }) => `${selector} matches no server${partialText(isPartial)}`,
  SERVERS_MISSING: ({ ids, isPartial }) =>
    `ids: there is no server ${firstNames(ids)}${partialText(isPartial)}`,
  SERVERS_ALL_EXCEPTED: ({ isPartial }) =>
    `servers.except excludes every selected server${partialText(isPartial)}`,
  SERVERS_EXCEPT_UNMATCHED: ({ selector, isPartial }) =>
    `${selector} matches no server${partialText(isPartial)}`,
  SERVERS_IN_STATE: ({ status, names }) =>
    `the cloud makes no image of servers in ${status}: ${firstNames(names)}`,
  SERVERS_ON_VOLUMES: ({ names }) =>
    `Rackspace makes no images of these servers, and the policy takes no snapshots of their volumes: ${firstNames(names)}`,
  SERVERS_ON_IMAGE_SCHEDULE: ({ names }) =>
    `Rackspace's own image schedule takes these too: ${firstNames(names)}`,
  IMAGES_ADOPTABLE: ({ where, count, names }) =>
    `${where}: nothing rotates ${counted(count, 'image')} of autosnap.py, of ${firstNames(names)}`,
  IMAGES_ADOPTED: ({ where, count, names }) =>
    count === 0
      ? `${where}: there is no image of autosnap.py of the selected servers`
      : `${where}: ${counted(count, 'image')} of autosnap.py would count and rotate, of ${firstNames(names)}`,
  SCHEDULE_NEXT: (next) => nextText(next),
  SCHEDULE_OVER: (dormancy) => dormantFieldText('snapshot', dormancy),
  CLEANUP_NEXT: (next) => nextText(next),
  CLEANUP_OVER: (dormancy) => dormantFieldText('cleanup', dormancy),
  CLEANUP_TOO_RARE: ({ most }) =>
    `more than ${most} snapshots of a server are taken between two cleanups on average, and a cleanup deletes ${most} at most (maxDeletes)`,
  OFFSITE_NEXT: (next) => nextText(next),
  OFFSITE_OVER: (dormancy) => dormantFieldText('offsite', dormancy, 'its schedule'),
  CONTAINER_MISSING: ({ where, container }) =>
    `${where}: there is no container ${container} yet: the first copy creates it`,
  CONTAINER_UNREADABLE: ({ where, container, message }) =>
    `${where}: the container ${container} can't be reached: ${message}`,
  OFFSITE_FIELD_OF_RACKSPACE: ({ field }) =>
    `offsite.${field}: is for Rackspace's own cloud, and this account is of another: leave it out`,
  DRILL_NEXT: (next) => nextText(next),
  DRILL_OVER: (dormancy) => dormantFieldText('drill', dormancy, 'its schedule'),
  DRILL_PART_MISSING: ({ where, part, missing, known }) =>
    `${where}: drill.${part}: there is no ${missing.join(', ')}: there is ${firstNames(known) || 'none'}`,
  DRILL_PART_UNKNOWN: ({ where, part, message }) =>
    `${where}: drill.${part}: the available values could not be read: ${message}`,
  DRILL_NETWORK_PUBLIC: ({ where, networks }) =>
    `${where}: drill.networks: ${firstNames(networks)} can be reached from outside: the throw-away server would be, too, with its data and its services`,
  OBJECTIVE_POINT_SHORT: ({ objectiveMs, intervalMs }) =>
    `objectives.point is ${policyDuration(objectiveMs)}, and ${durationText(intervalMs)} pass between two snapshots: it is missed before each of them`,
  OBJECTIVE_TIME_TO_ACTIVE: () =>
    'objectives.time is compared with the time until a server is ACTIVE, because drill.check is missing',
  SCHEDULES_OVERLAP: ({ gap, other, at, names, wait }) =>
    `it fires ${gap} minutes from ${other} at ${at} UTC, and both take ${firstNames(names)}: whichever is second waits for ${wait} minutes at most, and a snapshot may take an hour`,
} satisfies Partial<Sentences>;

/** What a job does not do while its schedule is dormant. */
const UNDONE = {
  snapshot: 'no snapshot is taken',
  cleanup: 'all snapshots are kept',
  offsite: 'nothing is copied',
  drill: 'nothing is proven',
};

/** "it never fires again: no snapshot is taken any more", of a field of a policy. */
export function dormantFieldText(
  job: keyof typeof UNDONE,
  { begins, resumes }: Dormancy,
  schedule = 'it',
): string {
  if (begins !== undefined)
    return `${schedule} begins only at ${minuteText(begins)} UTC: ${UNDONE[job]} before`;
  return resumes === undefined
    ? `${schedule} never fires again: ${UNDONE[job]}${job === 'cleanup' ? '' : ' any more'}`
    : `${schedule} pauses until ${minuteText(resumes)} UTC: ${UNDONE[job]} until then`;
}

const CORRECT_YEAR = () => 'Correct it: its last field is the year, * for every one.';

/** What to do about it. */
export const doctorRemedies = {
  LOGIN_WITHOUT_REGIONS: () => 'Put the credentials of another user or project into the secret.',
  ALERTS_BY_HEARTBEAT: ({ pending }) => alertsRemedy(pending),
  ALERTS_TO_NOBODY: ({ pending }) => alertsRemedy(pending),
  PROJECT_TWICE: () =>
    'Name one of the two in all policies: both are counted, and a policy with both takes each snapshot twice.',
  RIGHTS_UNKNOWN: (rights) => `It needs ${neededRoles(rights)}.`,
  RIGHTS_MISSING: (rights) => `Give it ${neededRoles(rights)}.`,
  CLOCKS_DIFFER: () => 'Image ages use both clocks: correct the wrong one.',
  REGION_WITHOUT_METADATA: () =>
    'Ask the cloud for a higher limit (maxImageMeta), or leave the region out of regions.',
  OWNER_OF_SAME_NAME: ({ isDefault }) =>
    isDefault
      ? 'Take custom.owner out again if it was set by mistake; else delete these images by hand once they are no longer needed.'
      : 'If that deployment has moved here, or this one had that owner before, set custom.owner to it and deploy again.',
  VOLUMES_NOT_LISTED: () =>
    'Give the user access to block storage, or take the servers on volumes out with servers.except.',
  SERVERS_IN_NO_POLICY: () =>
    'Let a policy select them, or leave them without snapshots: the audit names them, too.',
  REGIONS_UNKNOWN: () => 'Correct regions, or leave it out for all regions of the account.',
  SERVERS_UNMATCHED: ({ isPartial }) =>
    isPartial ? '' : 'Correct the selector, or give the servers such names or tags.',
  SERVERS_MISSING: ({ isPartial }) => (isPartial ? '' : 'Correct the ids, or remove them.'),
  SERVERS_ALL_EXCEPTED: ({ isPartial }) =>
    isPartial ? '' : 'Remove from except the servers that need snapshots.',
  SERVERS_EXCEPT_UNMATCHED: ({ isPartial }) => (isPartial ? '' : 'Correct the exception, or remove it.'),
  SERVERS_IN_STATE: ({ status }) => `Of each, ${remedyForStatus(status)}, or name it in servers.except.`,
  SERVERS_ON_VOLUMES: () => 'Set volumes: attached in the policy, or name them in servers.except.',
  SERVERS_ON_IMAGE_SCHEDULE: () => 'Disable it there: the two schedules block each other.',
  IMAGES_ADOPTABLE: () =>
    'Set adopt: autosnap.py in one policy, so that they count and rotate, or delete them by hand.',
  SCHEDULE_OVER: CORRECT_YEAR,
  CLEANUP_OVER: CORRECT_YEAR,
  CLEANUP_TOO_RARE: () => 'Let cleanup run more often, or raise maxDeletes.',
  OFFSITE_OVER: () => 'Correct offsite.schedule.',
  CONTAINER_MISSING: () => 'Correct offsite.container if it is misspelt.',
  DRILL_OVER: () => 'Correct drill.schedule.',
  DRILL_PART_MISSING: ({ part }) => `Correct drill.${part}, or leave the region out of regions.`,
  DRILL_NETWORK_PUBLIC: () => 'Name an isolated network, or none.',
  DRILL_WITHOUT_NETWORK: () => 'Name it in drill.networks.',
  OBJECTIVE_POINT_SHORT: () => 'Take snapshots more often, or raise objectives.point.',
  OBJECTIVE_TIME_TO_ACTIVE: () => 'Add drill.check, so that the time until the service answers is measured.',
  SCHEDULES_OVERLAP: () => 'Set them hours apart: a server makes one snapshot at a time.',
} satisfies Partial<Sentences>;

function alertsRemedy(pending: number): string {
  return pending > 0
    ? 'Confirm the subscription by the link in the e-mail from AWS.'
    : 'Add an address to alerts in serverless.yml, deploy, and confirm it by the link in the e-mail from AWS.';
}

function pendingText(pending: number): string {
  return pending > 0 ? `, ${pending} not confirmed yet` : '';
}

function rolesText(roles: readonly string[]): string {
  return roles.length > 0 ? `are ${roles.join(', ')}` : 'are not shown';
}

function partialText(isPartial: boolean): string {
  return isPartial ? ', in the regions that can be read' : '';
}

function nextText({ at, exact, local }: { at: string; exact: boolean; local?: string }): string {
  return `next ${exact ? 'at' : 'by'} ${at} UTC${local === undefined ? '' : `, ${local}`}`;
}
