import { statusText } from './format.ts';
import type { Sentences } from './makers.ts';

/** How the refusal of a job begins. */
const REFUSED = {
  cleanup: 'Nothing is deleted',
  offsite: 'Nothing is copied',
  drill: 'No drill is begun',
  restore: 'The restore is refused',
};

/** Why an event or a secret is refused, or a run fails as a whole. */
export const refusalSentences = {
  EVENT_INVALID: ({ problems }, _, { refused, label }) =>
    `${refused}${problemList(problems.map(({ field, text }) => (field ? `${label(field)}: ${text}` : text)))}`,
  POLICY_UNKNOWN: ({ policy, deployed }, _, { refused, label }) =>
    `${refused}: ${label('policy')}: there is no policy "${policy}" in this deployment, ${deployed.length > 0 ? `only ${deployed.join(', ')}` : 'which has no policies'}: nothing is created, copied or deleted`,
  POLICY_OF_OTHER_ACCOUNT: ({ policy, account }, _, { refused, label }) =>
    `${refused}: ${label('account')}: the policy "${policy}" is not deployed for the account "${account}": nothing is created, copied or deleted`,
  POLICIES_MISSING: ({ isDeployed }) =>
    isDeployed
      ? 'There is nothing to check: custom.policies in serverless.yml has no policy: add one, and deploy again'
      : 'There is nothing to check: this code was not deployed with policies: deploy it, or send {"policies": [<policy>]}',
  POLICIES_INVALID: ({ problems }) => `Deployed policies are invalid and are skipped${problemList(problems)}`,
  JOB_NOT_IN_POLICY: ({ job }, _, { refused }) =>
    job === 'offsite'
      ? `${refused}: offsite: is missing: this policy makes no copies; add offsite with a schedule and keep`
      : `${refused}: drill: is missing: this policy makes no drills; add drill with a schedule`,
  JOB_REFUSED: ({ job, reasons }, say) =>
    `${REFUSED[job]}${problemList(reasons.map((reason) => say(reason)))}`,
  REGION_UNKNOWN: ({ where, problem }, say, { label }) => `${label('regions')}: "${where}": ${say(problem)}`,
  IMAGE_UNKNOWN: ({ field, image, regions }, _, { refused, label }) =>
    `${refused}: ${label(field)}: this project has no image ${image} in ${regions.join(', ')}`,
  HOLD_NOT_KEPT: ({ id, isBackup }) =>
    `the cloud did not keep the hold of volume ${isBackup ? 'backup' : 'snapshot'} ${id}, so a cleanup may delete it: ask the cloud's support about metadata and descriptions of ${isBackup ? 'backups' : 'snapshots'}`,
  HOLD_OF_FAILED: ({ image, status }, _, { label }) =>
    `${label('hold')}: the image ${image} has failed (${statusText(status)}) and holds no data, so there is nothing to hold`,
  HOLD_REFUSED: ({ message }) => `The hold is refused: ${message}`,
  COPIES_WITHOUT_BUCKET: () =>
    'There is no bucket for the copies: AUTOSNAP_COPIES_BUCKET: is not set: deploy with the bucket Copies of deploy/resources.yml, or set custom.copiesBucket',

  // Secrets.
  SECRET_MISSING: ({ secret }) =>
    `The secret ${secret} can't be read: it does not exist in this AWS account and region: create it with aws secretsmanager create-secret --name ${secret} --secret-string file:///dev/stdin, or correct the account of the policy or of the event`,
  SECRET_PREFIX_UNMATCHED: ({ secret }) =>
    `The secret ${secret} can't be read: no secret in this AWS account and region has a name that starts with this prefix: create one, or correct the policy's account`,
  SECRET_INVALID: ({ secret, problems }) => `The secret ${secret} is refused${problemList(problems)}`,
  SECRET_UNREADABLE: ({ secret, error, message }) =>
    `The secret ${secret} can't be read: ${SECRET_ERRORS[error]?.(message) ?? `Secrets Manager returned an error: ${message}`}`,
  SECRETS_NOT_LISTED: ({ prefix, message }) => `The secrets ${prefix}* can't be listed: ${message}`,

  // Failures of a whole run.
  WORK_EXPIRED: ({ job, since }) =>
    `${job}: the work of ${since} was not resumed before the next scheduled run`,
  QUEUE_REFUSED: ({ count, message }) => `the queue refused ${count}: ${message}`,
  MESSAGE_INVALID: () =>
    'continue: the message is not a work item of this version: another version sent it, or it was written by hand',
  UNEXPECTED: ({ message }) => message,

  // What went wrong beside the work of a run.
  LEASE_NOT_TAKEN: ({ message }) =>
    `the lease could not be taken, so another run may be working at the same time: ${message}`,
  LEASE_NOT_RELEASED: ({ message }) =>
    `the lease of this run was not released, and expires by itself: ${message}`,
  WORK_NOT_ENQUEUED: ({ message }) => `the deferred work was not enqueued: ${message}`,
  MESSAGE_NOT_SETTLED: ({ message }) =>
    `the message stays in the queue, because its work could not be enqueued or recorded: ${message}`,
  REPORT_NOT_STORED: ({ message }) => `the report was not stored for the digest: ${message}`,
  GOOD_RUN_NOT_STORED: ({ message }) => `the time of this successful run was not stored: ${message}`,
  FAILED_RUN_NOT_STORED: ({ message }) => `the failure of this run was not stored: ${message}`,
  HEARTBEAT_NOT_SENT: ({ message }) => `the heartbeat was not sent: ${message}`,
} satisfies Partial<Sentences>;

/** What to do about an error of Secrets Manager, by its name. */
const SECRET_ERRORS: Record<string, (message: string) => string> = {
  AccessDeniedException: (message) => `the function's role may not read it: ${message}`,
  InvalidRequestException: (message) => `${message} Restore it, or create it again.`,
};

/** One problem behind the sentence, several as a list below it. */
function problemList(problems: readonly string[]): string {
  const [only, ...more] = problems;
  return more.length === 0 ? `: ${only}` : `:\n${problems.map((problem) => `- ${problem}`).join('\n')}`;
}
