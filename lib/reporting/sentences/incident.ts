import { acceptanceOf } from '../../audit/coverage/acceptance.ts';
import type { Dropped } from '../../audit/model.ts';
import type { CloudErrorCode } from '../../openstack/errors.ts';
import { printable, withoutStop } from '../../openstack/printable.ts';
import type { Reason, ReasonCode, SeriesProblem } from '../reasons.ts';
import { busyText, counted, durationText, firstNames, shortName } from './format.ts';
import { JOB_REMEDIES } from './job-remedies.ts';
import type { Sentences } from './makers.ts';
import type { Sentence } from './sentence.ts';

/** The number of failures of a run that an e-mail has. */
const MOST_FAILURES = 5;

/** What people get an e-mail about, besides what the audit has found. */
export const incidentSentences = {
  RUN_FAILED: ({ job, policy, failures }) => {
    const named = failures.slice(0, MOST_FAILURES).map(({ text }) => withoutStop(text));
    const more = failures.length - named.length;
    return `${job} ${policy} failed: ${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
  },
  SERVER_FAILED: ({ policy, where, server, name, message }) =>
    `${name || server} in ${where}, ${policy}: ${message}`,
  SERVERS_FAILED: ({ job, policy, count }) => `${job} ${policy} failed for ${counted(count, 'more server')}`,
  SERVER_IN_TROUBLE: ({ problem }, say) => say(problem),
  RUNS_MISSING: ({ job, policy }, say) => `${policy}: ${say({ code: 'POLICY_RUN_MISSING', job })}`,
  NOTHING_SELECTED: ({ policy, selector }, say) =>
    `${policy}: ${selector === undefined ? 'it selects no server' : say({ code: 'SELECTOR_UNMATCHED', selector, isPart: false })}`,
  MESSAGES_REJECTED: ({ count }, say) =>
    `${rejectedText(count)} (${say({ code: 'MESSAGE_INVALID' })}). Its work was not done; the next scheduled run does it. The message stays in the queue of failed runs for 14 days, and a rerun passes it over.`,
  RUNS_WAITING: ({ count }) =>
    `${waitingText(count)}, and ${count === 1 ? 'waits' : 'wait'} for a rerun. A run that was killed, or was no scheduled one, has left no report.`,
} satisfies Partial<Sentences>;

/** A problem and its place in a few words, for the subject of an e-mail. */
export const incidentTitles = {
  POLICY_ACCOUNT_UNREADABLE: ({ account }) => `account ${account} can't be read`,
  POLICY_REGION_UNREADABLE: ({ where }) => `${where} can't be read`,
  RUN_FAILED: ({ job, policy }) => `${job} ${policy} failed`,
  SERVER_FAILED: ({ job, policy, busy, ...server }) =>
    `${nameOf(server)}: ${busy ? busyText(busy) : `${job} ${policy} failed`}`,
  SERVER_IN_TROUBLE: ({ problem, ageSeconds, ...server }, say) => {
    const cause = problem.code === 'SERIES_LATE' ? problem.cause : undefined;
    return `${nameOf(server)}: ${cause ? say(cause) : TROUBLES[problem.code](ageSeconds)}`;
  },
  RUNS_MISSING: ({ job, policy }) => `${policy}: ${job} runs are missing`,
  NOTHING_SELECTED: ({ policy, selector }) =>
    `${policy}: ${selector === undefined ? 'it selects no server' : 'a selector matches no server'}`,
  COVERAGE_NOT_RECORDED: () => 'what policies cover is not recorded',
  COVERAGE_UNREADABLE: () => "the record of what policies covered can't be read",
  MESSAGES_REJECTED: ({ count }) => rejectedText(count),
  RUNS_WAITING: ({ count }) => waitingText(count),
  DROPPED_ACCOUNT: ({ account }) => uncoveredText(`account ${shortName(account)}`),
  DROPPED_PROJECT: ({ account, project }) =>
    uncoveredText(`the project ${shortName(project)} of account ${shortName(account)}`),
  DROPPED_REGION: ({ account, where }) =>
    uncoveredText(`region ${shortName(where)} of account ${shortName(account)}`),
  DROPPED_POLICY: ({ policy, isElsewhere, accounts }) =>
    `the policy ${shortName(policy)} is no longer deployed${isElsewhere ? ` for ${accounts.map((account) => shortName(account)).join(', ')}` : ''}`,
  DROPPED_SERVER: (server) => uncoveredText(serverOf(server)),
  DROPPED_FROM_POLICY: ({ policies, ...server }) =>
    `${uncoveredText(serverOf(server))} by ${policies.map((policy) => shortName(policy)).join(' and ')}`,
} satisfies Partial<Sentences>;

const TROUBLES: Record<SeriesProblem['code'], (ageSeconds: number | undefined) => string> = {
  SERIES_LATE: (ageSeconds) =>
    ageSeconds === undefined ? 'no good snapshot' : `no good snapshot for ${durationText(1000 * ageSeconds)}`,
  SERIES_DRILL_FAILED: () => 'its last drill failed',
  SERIES_POINT_MISSED: () => 'its newest snapshot is older than objectives.point',
  SERIES_TIME_MISSED: () => 'its last drill took longer than objectives.time',
  SERIES_BEHIND: () => 'its copies are behind',
  SERIES_FAILED: () => 'a snapshot failed',
  SERIES_ADHOC_FAILED: () => 'an ad-hoc snapshot failed',
  SERIES_STUCK: () => 'a snapshot never finished',
  SERIES_UNCOUNTED: () => 'snapshots do not count',
  SERIES_NOT_ROTATED: () => 'its snapshots are not rotating',
};

/** The deployment, and the accounts that have the problem. */
interface Place {
  service: string;
  stage: string;
  accounts: readonly string[];
}

/** What to do about a problem, each with the command. */
export function incidentRemedies<C extends ReasonCode>(reason: Reason<C>, place: Place): Sentence[] {
  const remedies = (INCIDENT_REMEDIES as Partial<Record<ReasonCode, unknown>>)[reason.code] as
    | Remedy<C>
    | undefined;
  return remedies?.(reason, place) ?? [];
}

type Remedy<C extends ReasonCode> = (reason: Reason<C>, place: Place) => Sentence[];

/** What to do about a trouble of a series: the same as in docs/reasons.md. */
const TROUBLE_REMEDIES: Record<SeriesProblem['code'], string> = {
  SERIES_LATE:
    "Look at the failures of the policy's snapshot runs. If there are none, somebody deleted its snapshots: invoke snapshot with the policy, which takes one now.",
  SERIES_DRILL_FAILED: "Look at the drill's report: the snapshot may be unusable.",
  SERIES_POINT_MISSED:
    "Look at the failures of the policy's snapshot runs. If there are none, take snapshots more often, or raise objectives.point.",
  SERIES_TIME_MISSED:
    "Look at the drill's report. Use a larger flavor or a smaller disk, or raise objectives.time.",
  SERIES_BEHIND: "Look at the failures of the policy's offsite runs.",
  SERIES_FAILED:
    "Look at the server in the cloud's console. Cleanup deletes each image once it is a day old and a newer snapshot is good; release one that is held.",
  SERIES_ADHOC_FAILED:
    'Take others. Cleanup deletes the images after their ends; delete those without an expiry date by hand.',
  SERIES_STUCK:
    'Delete these images by hand. Have an administrator reset the status of a volume snapshot first.',
  SERIES_UNCOUNTED:
    "Ask the cloud's operator to reactivate a deactivated image (openstack image set --activate <image id>). Delete by hand what has no data (openstack image delete <image id>).",
  SERIES_NOT_ROTATED: "Look at the report of the policy's cleanup.",
};

const EXCEPT =
  'name it in servers.except; the audit then reports it as no longer covered until you accept that.';

/** What to do about the failure of a server: the same as in docs/reasons.md. */
export const FAILURE_REMEDIES: Partial<Record<ReasonCode, string>> = {
  ...TROUBLE_REMEDIES,
  ...JOB_REMEDIES,
  SERVER_IN_STATE: `End the state that the reason names: unshelve it, end the rescue, confirm the resize, or repair it. Or ${EXCEPT}`,
  BUSY_TOO_LONG: `Look at its task and its status (openstack server show <server id>). Wait if they still change; ask the cloud's support to end a task that hangs, or a build that does not end. Or ${EXCEPT}`,
  SERVER_LOCKED: `Unlock it (openstack server unlock <server id>), or ${EXCEPT}`,
  VOLUME_SERVER_AT_RACKSPACE: `Set volumes: attached in the policy, and deploy it. Or ${EXCEPT}`,
  CLOCK_AHEAD: "Have that clock corrected, or make the policy's interval longer.",
  CLOCK_BEHIND: 'Have that clock corrected.',
  IMAGE_NOT_FOUND: "Nothing: the next run takes one. If it repeats, ask the cloud's support.",
  IMAGE_LOST: "Nothing: the next run takes one. If it repeats, ask the cloud's support.",
  MARKER_LOST: 'Find out why metadata are lost, then delete it.',
  IMAGE_FAILED: 'Nothing: the next run takes another. If it lasts, ask your provider.',
  IMAGE_EMPTY: 'Nothing: the next run takes another. Ask your provider why, then delete the image.',
  IMAGE_REJECTED:
    'Compare what the reason names with the properties of the image (openstack image show <image id>). Stop what changed them, such as another program or a rule of the cloud, then delete the image (openstack image delete <image id>).',
  SERVER_UNKNOWN: "Ask the cloud's support if it lasts: a cell may be down.",
  ID_UNKNOWN: 'Correct the id, or remove it.',
  REQUEST_ENDS_SOONER: 'Hold the image that is named, or give the request another name.',
  REQUEST_FAILED:
    "Look at the server in the cloud's console, then send the request again, which takes another one.",
  REQUEST_OVER: 'If you want one, give the request another name.',
  REQUEST_TOOK_IT_BEFORE:
    'Find out what happened to the image that is named. If you want another one, give the request another name.',
  ID_NOT_IN_POLICY: 'Correct the id, or name another policy.',
  ID_UNREADABLE: 'Look at the other failures first.',
  VOLUME_BUSY: 'Nothing: it is tried again every half hour.',
  VOLUME_IN_STATE:
    "Repair the volume or ask the cloud's support (openstack volume show <volume id>), or name it in volumes.except.",
  VOLUME_UNKNOWN:
    "Look at the volume (openstack volume show <volume id>), or ask the cloud's support. The next run tries again.",
  VOLUME_SNAPSHOT_IN_PROGRESS: 'Nothing: it is tried again every half hour.',
  SHARED_VOLUME_WAITS: 'Look at the server that is named, which also has the volume.',
  VOLUMES_OVER_QUOTA:
    'Ask the cloud for a higher quota (openstack limits show --absolute), or keep fewer snapshots.',
  SERIES_SCHEDULE_ENDED: 'Correct its last field, the year: * means every year.',
  SERIES_SERVER_UNCERTAIN: "Ask the cloud's support if it lasts: a cell may be down.",
  SERIES_REGION_WITHOUT_IMAGES:
    "Ask the cloud's support, or take the region out of the regions of the policy.",
  SERIES_REGION_WITHOUT_VOLUMES:
    "Ask the cloud's support, or take the region out of the regions of the policy.",
};

/** What to do about an error of the cloud: the same as in docs/reasons.md. */
export const CLOUD_REMEDIES: Record<CloudErrorCode, string> = {
  BAD_REQUEST:
    "Read the cloud's message, which names what it refuses. If it is nothing of yours, ask the cloud's support.",
  UNAUTHORIZED: 'Put the current key or password into the secret.',
  MFA_REQUIRED: 'Put the API key of the user into the secret, or a user without multi-factor authentication.',
  FORBIDDEN:
    "Give the user in the secret the role that may do this. If the cloud's message names a quota or a lock, raise or remove that.",
  NOT_FOUND:
    "Look in the cloud's console whether the server and the region's image service are there. If they are, ask the cloud's support.",
  CONFLICT: "Nothing: it is tried again. If it lasts, look at the server in the cloud's console.",
  RATE_LIMITED:
    'Nothing: the next run tries again. If it lasts, ask the cloud for higher rate limits, or let the policies run at different times.',
  OVER_QUOTA: 'Ask the cloud for a higher quota, or keep fewer snapshots.',
  UNAVAILABLE: "Nothing: the next run tries again. If it lasts, look at the cloud's status page.",
  NO_ANSWER: "Nothing: the next run tries again. If it lasts, look at the cloud's status page.",
  BAD_ANSWER: "Nothing: the next run tries again. If it lasts, ask the cloud's support.",
  NO_ENDPOINT: "Ask the cloud's support, or take the region out of the regions of the policy.",
  UNUSABLE_ENDPOINT:
    'Ask the cloud to correct its catalogue, or put the right https URL into the secret, a clouds.yaml, as compute_endpoint_override, image_endpoint_override or block_storage_endpoint_override.',
  OUT_OF_TIME: 'Nothing: the next run tries again. If it happens often, make the policy smaller.',
};

// What has dropped out has a command of its own: see lib/audit/coverage/acceptance.ts.
type Remediable = Exclude<keyof typeof incidentTitles, `DROPPED_${string}`> | 'SERVERS_FAILED';
const INCIDENT_REMEDIES: { [C in Remediable]: Remedy<C> } = {
  POLICY_ACCOUNT_UNREADABLE: ({ problem }, place) =>
    repairAccount(firstNames(place.accounts), problem, place),
  POLICY_REGION_UNREADABLE: ({ where, problem }, place) => repairAccount(where, problem, place),
  RUN_FAILED: ({ job }, { stage }) => [
    `read what the run logged: npx serverless logs -f ${job} --stage ${stage} --startTime 1d`,
    rerun(stage),
  ],
  SERVER_FAILED: ({ cause = 'SERVER_FAILED', error, ...server }, { stage }) =>
    repairServer(server, { cause, error }, stage),
  SERVERS_FAILED: (_, { stage }) => [showServers(stage)],
  SERVER_IN_TROUBLE: ({ problem, ...server }, { stage }) => {
    const reason = problem.code === 'SERIES_LATE' ? (problem.cause ?? problem) : problem;
    return repairServer(server, { cause: reason.code }, stage);
  },
  RUNS_MISSING: ({ job }, { stage }) => [
    `see that its rule is enabled, and read what its runs logged: npx serverless logs -f ${job} --stage ${stage} --startTime 1d`,
  ],
  NOTHING_SELECTED: ({ policy }) => [
    `correct the servers of ${policy} in serverless.yml, or the metadata of the servers`,
  ],
  COVERAGE_NOT_RECORDED: repairRecord,
  COVERAGE_UNREADABLE: repairRecord,
  MESSAGES_REJECTED: (_, { stage }) => [
    `remove what can't be read from the queue of failed runs, which also runs again what failed: npx autosnap rerun --stage ${stage} --discard`,
  ],
  RUNS_WAITING: (_, { stage }) => [rerun(stage)],
};

/** The causes that another secret removes. */
const WITH_NEW_SECRET: readonly string[] = [
  'UNAUTHORIZED',
  'MFA_REQUIRED',
  'SECRET_MISSING',
  'SECRET_INVALID',
] satisfies (CloudErrorCode | ReasonCode)[];

function repairAccount(what: string, problem: Reason, { service, stage, accounts }: Place): string[] {
  const error = problem.code === 'CLOUD' ? problem.error : undefined;
  const remedy = error && cloudRemedy(error);
  const [account = ''] = accounts;
  const others = accounts.length > 1 ? ', and likewise of the others' : '';
  return [
    ...(remedy ? [`${what} (${error}): ${remedy}`] : []),
    ...(WITH_NEW_SECRET.includes(error ?? problem.code)
      ? [
          `put the credentials of ${account} into its secret${others}: aws secretsmanager ${problem.code === 'SECRET_MISSING' ? 'create-secret --name' : 'put-secret-value --secret-id'} ${service}/${stage}/${account} --secret-string file:///dev/stdin`,
        ]
      : []),
    `look whether the cloud is up and the ${accounts.length > 1 ? 'secrets' : 'secret'} of ${firstNames(accounts)} ${accounts.length > 1 ? 'are' : 'is'} right: npx serverless invoke -f doctor --stage ${stage}`,
    rerun(stage),
  ];
}

function repairRecord(_: Reason, { stage }: Place): string[] {
  return [
    `see that the report bucket lets the audit read and write coverage.json, and read its log: npx serverless logs -f audit --stage ${stage} --startTime 1d`,
  ];
}

function rerun(stage: string): string {
  return `once the cause is gone, run again what failed: npx autosnap rerun --stage ${stage}`;
}

function repairServer(
  server: { name: string; server: string },
  { cause, error }: { cause: ReasonCode; error?: string | undefined },
  stage: string,
): string[] {
  const remedy =
    error === undefined ? FAILURE_REMEDIES[cause] : (cloudRemedy(error) ?? FAILURE_REMEDIES[cause]);
  const code = error ?? cause;
  return [
    `${nameOf(server)} (${code}): ${remedy ?? `Do what docs/reasons.md has for ${cause}.`}`,
    showServers(stage),
  ];
}

function cloudRemedy(error: string): string | undefined {
  return (CLOUD_REMEDIES as Partial<Record<string, string>>)[error];
}

function showServers(stage: string): string {
  return `see all servers and their snapshots: npx autosnap report --stage ${stage}`;
}

/**
 * What to do about items that dropped out of coverage, with the command that accepts only these.
 */
export function dropRemedies(dropped: readonly Dropped[], stage: string): Sentence[] {
  if (dropped.length === 0) return [];
  const event = JSON.stringify({ acceptDropped: acceptanceOf(dropped) });
  // A name in the command must not end the quoted text.
  const quoted = printable(event).replaceAll("'", String.raw`\u0027`);
  return [
    `correct what is no longer covered, or accept ${dropped.length === 1 ? 'it' : 'these'}: npx serverless invoke -f audit --stage ${stage} -d '${quoted}'`,
  ];
}

function rejectedText(count: number): string {
  return `${counted(count, 'message')} of the queue can't be read`;
}

function waitingText(count: number): string {
  return `${counted(count, 'run')} failed in all tries`;
}

/** "web-1", or "server 5b9c…" if a subject can't have the name. */
function serverOf(server: { name: string; server: string }): string {
  const name = nameOf(server);
  return name === server.server ? `server ${name}` : name;
}

function uncoveredText(what: string): string {
  return `${what} is no longer covered`;
}

/** A server's name as a subject can have it, which is in ASCII; otherwise its id. */
function nameOf({ name, server }: { name: string; server: string }): string {
  return /^[\x21-\x7e][\x20-\x7e]*$/.test(name) ? shortName(name) : server;
}
