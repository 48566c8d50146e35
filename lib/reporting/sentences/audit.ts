import type { Dormancy } from '../../config/dormancy.ts';
import { dormantFieldText } from './doctor.ts';
import {
  copyText,
  counted,
  durationText,
  minuteText,
  policyDuration,
  resetText,
  timeText,
  uncountedText,
} from './format.ts';
import type { Sentences } from './makers.ts';

const MOST_IMAGES = 3;

/** What an audit has found. */
export const auditSentences = {
  // Troubles of series.
  SERIES_LATE: ({ newestGood, isApart, lateMs, cause, failure, ...series }, say) => {
    const why = cause && say(cause);
    const good = isApart ? 'good set of the image and all volumes' : 'good snapshot';
    const state = newestGood
      ? `${why ?? `${durationText(lateMs)} late`}; the newest ${good} is of ${minuteText(newestGood)}`
      : `${why ? `${why}; ` : ''}there is no ${good}`;
    return ofSeries(series, `${state}${failure ? `; its snapshot run failed: ${failure}` : ''}`);
  },
  SERIES_SCHEDULE_ENDED: (dormancy) => dormantScheduleText(dormancy),
  SERIES_SERVER_UNCERTAIN: () => 'the cloud does not say whether the server exists',
  SERIES_REGION_WITHOUT_IMAGES: ({ where }) =>
    `the account's catalogue has no image service in ${where}, so no image of the server can be made`,
  SERIES_REGION_WITHOUT_VOLUMES: ({ where, isDisk }) =>
    `the account's catalogue has no volume service in ${where}, so ${isDisk ? 'no snapshot of the server, whose disk is a volume, can be verified' : 'no snapshot of the volume can be made or verified'}`,
  SERIES_DRILL_FAILED: ({ slot, failed, proven, ...series }) =>
    ofSeries(
      series,
      `the snapshot of ${minuteText(slot)} failed its drill ${minuteText(failed)}; ${
        proven ? `one passed ${minuteText(proven)}` : 'none has passed'
      }`,
    ),
  SERIES_POINT_MISSED: ({ ageSeconds, objectiveMs, ...series }) =>
    ofSeries(
      series,
      `restorable to ${durationText(1000 * ageSeconds)} ago, and objectives.point is ${policyDuration(objectiveMs)}`,
    ),
  SERIES_TIME_MISSED: ({ seconds, objectiveMs, ...series }) =>
    ofSeries(
      series,
      `its last drill took ${timeText(seconds)}, and objectives.time is ${policyDuration(objectiveMs)}`,
    ),
  SERIES_BEHIND: (series) => ofSeries(series, copyText(series)),
  COPIES_BEHIND: ({ servers, more }) => {
    const names = servers.map(({ server, where, policy }) => `${server} in ${where}, ${policy}`).join('; ');
    return `copies are behind: ${names}${more > 0 ? `; and ${more} more` : ''}`;
  },
  SERIES_FAILED: ({ images, held = [], ...series }) => {
    const others =
      held.length < images.length
        ? '; cleanup deletes each once it is a day old and a newer snapshot is good'
        : '';
    const kept = held.length > 0 ? `; held: ${someOf(held)}: release it, and cleanup deletes it then` : '';
    return ofSeries(
      series,
      `the ${images.length === 1 ? 'snapshot' : 'snapshots'} ${someOf(images)} failed in the cloud${others}${kept}`,
    );
  },
  SERIES_ADHOC_FAILED: ({ images, endless, ...series }) => {
    const some = endless.length < images.length ? '; cleanup deletes an ad-hoc snapshot after its end' : '';
    const others = endless.length > 0 ? `; delete ${someOf(endless)} by hand: no cleanup does` : '';
    return ofSeries(
      series,
      `the ${images.length === 1 ? 'snapshot' : 'snapshots'} ${someOf(images)} failed in the cloud${some}${others}`,
    );
  },
  SERIES_STUCK: ({ images, isVolume, ...series }) => {
    const them = images.length === 1 ? 'it' : 'them';
    const reset = isVolume ? resetText() : undefined;
    const remedy = reset ? `${reset}, then delete ${them} by hand` : `delete ${them} by hand`;
    return ofSeries(series, `never finished: ${someOf(images)}; ${remedy}`);
  },
  SERIES_UNCOUNTED: ({ images, statuses, ...series }) =>
    ofSeries(
      series,
      `${uncountedText(images.length, '', statuses)}: ${someOf(images)}; reactivate or delete ${images.length === 1 ? 'it' : 'them'}`,
    ),
  SERIES_NOT_ROTATED: ({ count, ...series }) =>
    ofSeries(
      series,
      `no rule keeps ${count} snapshots that two cleanups have not deleted; the report of its cleanup says why`,
    ),
  SERIES_NOT_ROTATING: ({ server, policy, images }) => {
    const all = `${images.length === 1 ? 'a snapshot' : `${images.length} snapshots`} of ${server}`;
    return `the series ${policy} of ${server} is not rotating: no rule keeps ${all}, and two cleanups have not deleted them: ${someOf(images)}; the report of its cleanup says why`;
  },

  // Problems of policies.
  POLICY_SCHEDULE_ENDED: ({ job, ...dormancy }) =>
    `${SCHEDULE_FIELDS[job]}: ${dormantFieldText(job, dormancy)}: correct it: its last field is the year, * for every one`,
  POLICY_RUN_MISSING: ({ job }) =>
    `no ${job} run has succeeded within the time that its schedule allows: check whether its rule is enabled and look at its failed runs`,
  POLICY_ACCOUNT_UNREADABLE: ({ account, problem }, say) =>
    `the account ${account} can't be read: ${say(problem)}`,
  POLICY_REGION_UNKNOWN: ({ where }) => `regions: the account has no region "${where}"`,
  POLICY_REGION_UNREADABLE: ({ where, problem }, say) => `${where} can't be read: ${say(problem)}`,
  POLICY_SERVERS_UNCERTAIN: ({ where, problem }, say) =>
    `${where}: it is not certain that all servers are listed: ${say(problem)}`,
  POLICY_ID_UNCERTAIN: ({ server }) => `servers.ids: the cloud does not say whether server ${server} exists`,
  POLICY_ID_UNKNOWN: ({ server }) => `servers.ids: there is no server ${server}`,
  POLICY_SELECTOR_UNCERTAIN: ({ selector }) =>
    `whether servers.${selector} matches a server is not known: not all servers could be listed`,
  POLICY_DRILL_BLOCKED: ({ reason }, say) => `drill: ${say(reason)}`,
  POLICY_DRILLS_UNKNOWN: ({ message }) =>
    `drill: the cloud does not say whether a server blocks the drills: ${message}`,
  POLICY_COPIES_WITHOUT_BUCKET: () => 'offsite: there is no bucket for the copies: set custom.copiesBucket',
  POLICY_COPIES_UNREADABLE: ({ message }) => `offsite: the copies can't be read: ${message}`,

  // What dropped out of coverage.
  DROPPED_ACCOUNT: ({ account, policies, servers, seen }) =>
    `no policy includes the account ${account} any more: its secret was deleted, or custom.policies no longer names the account; until ${minuteText(seen)}, ${policies.join(' and ')} covered ${counted(servers, 'server')} of it`,
  DROPPED_PROJECT: ({ account, project, servers, seen }) =>
    `the credentials of the account ${account} belong to another project now; until ${minuteText(seen)}, policies covered ${counted(servers, 'server')} of the project ${project}`,
  DROPPED_REGION: ({ account, where, policies, servers, seen }) =>
    `the account ${account} has no region ${where} any more; until ${minuteText(seen)}, ${policies.join(' and ')} covered ${counted(servers, 'server')} there`,
  DROPPED_POLICY: ({ policy, accounts, servers, uncovered, seen }) =>
    `the policy ${policy} is no longer deployed for ${accounts.join(', ')}; until ${minuteText(seen)}, it covered ${counted(servers, 'server')}, and ${uncovered === 0 ? 'other policies cover all of them' : `no other policy covers ${uncovered} of them`}`,
  DROPPED_SERVER: ({ account, where, server, name, policies, seen }) =>
    `no policy covers ${name} (${server}) in ${where} of ${account} any more; until ${minuteText(seen)}, ${policies.join(' and ')} did`,
  DROPPED_FROM_POLICY: (dropped) => {
    const { account, where, server, name, policies, others, seen } = dropped;
    const rest =
      others.length === 0
        ? 'no other policy covers the server'
        : `only ${others.join(' and ')} still ${others.length === 1 ? 'covers' : 'cover'} the server`;
    return `${policies.join(' and ')} no longer covers ${name} (${server}) in ${where} of ${account}: until ${minuteText(seen)} it did, and ${rest}`;
  },
  NOTHING_TO_ACCEPT: ({ name }) =>
    name === undefined
      ? 'acceptDropped: there is nothing to accept: nothing has dropped out of coverage'
      : `acceptDropped: ${name} did not drop out of coverage`,
  COVERAGE_UNREADABLE: ({ message }) =>
    `the record of what earlier audits saw covered cannot be read, so nothing is compared: ${message}`,
  COVERAGE_OF_OTHER_VERSION: () =>
    'another version recorded what earlier audits saw covered: this audit begins a new record, and compared only what it knows to have dropped out',
  COVERAGE_NOT_RECORDED: ({ message = 'other audits are recording at the same time' }) =>
    `what this audit saw covered was not recorded: ${message}`,

  // Other warnings.
  ADHOC_SNAPSHOT_GONE: ({ image, of, taken }) =>
    `the ad-hoc snapshot ${image} of ${of}, taken ${minuteText(taken)}, does not exist any more: if nobody deleted it, the cloud could not finish it: take another`,
  SERVER_ON_IMAGE_SCHEDULE: ({ name }) =>
    `${name} also has Rackspace's own image schedule, and both block each other: disable Rackspace's schedule`,

  // What keeps the audit from being published.
  GOOD_RUNS_UNREADABLE: ({ message }) => `the records of successful runs can't be read: ${message}`,
  PAGE_NOT_WRITTEN: ({ message }) => `the report page was not written: ${message}`,
  PAGE_WITHOUT_LINK: ({ message }) => `the report page has no link: ${message}`,
  REPORTS_UNREADABLE: ({ message }) => `the day's reports can't be read: ${message}`,
  DIGEST_NOT_SENT: ({ message }) => `the digest was not sent: ${message}`,
  INCIDENTS_NOT_SENT: ({ message }) => `the mail about incidents was not sent: ${message}`,
} satisfies Partial<Sentences>;

/** Why a record of the coverage that is there can't be read. */
export const DAMAGED_RECORD =
  'coverage.json is damaged: restore an earlier version of it. If there is none, delete it: the next audit begins a new record, and keeps what it has already reported as dropped out';

/** A sentence about a series, which it names unless the sentence before it does. */
function ofSeries(
  {
    server,
    where,
    policy,
    isContinued,
  }: { server: string; where: string; policy: string; isContinued?: true },
  text: string,
): string {
  return isContinued ? text : `${server} in ${where}, ${policy}: ${text}`;
}

/** The field of a policy with the schedule of a job. */
const SCHEDULE_FIELDS = {
  snapshot: 'schedule',
  cleanup: 'cleanup',
  offsite: 'offsite.schedule',
  drill: 'drill.schedule',
};

/** Why a server gets no snapshot, if its schedule is dormant. */
function dormantScheduleText({ begins, resumes }: Dormancy): string {
  if (begins !== undefined) return `the schedule begins only at ${minuteText(begins)}`;
  return resumes === undefined
    ? 'the schedule has ended'
    : `the schedule pauses until ${minuteText(resumes)}`;
}

function someOf(images: readonly string[]): string {
  return images.slice(0, MOST_IMAGES).join(', ') + (images.length > MOST_IMAGES ? ' …' : '');
}
