import { createHash } from 'node:crypto';
import { parseSchedule } from '../lib/config/schedule.ts';
import { jobsOf, type PolicyJob, type Service } from './policies.ts';
import { logicalIdOf, namePrefix, type Resources } from './resources.ts';
import { triggerOf } from './schedule-expression.ts';

/** The maximum number of targets of an EventBridge rule. */
const MAX_TARGETS = 5;
const MAX_NAME_LENGTH = 64;

/** A schedule event of a function, in the syntax of Serverless. */
export interface ScheduleEvent {
  schedule: {
    rate: string[];
    /** `scheduler` for a schedule of EventBridge Scheduler. */
    method?: string;
    timezone?: string;
    input: { policy: string };
  };
}

/**
 * The schedule events of the functions: one for each job of each policy, with the policy's name as
 * input. `serverless print` shows these events and serverless-offline fires them; a deployment uses
 * {@link rulesOf} instead.
 */
export function eventsOf(
  service: Pick<Service, 'custom'>,
): Partial<Record<PolicyJob['job'], ScheduleEvent[]>> {
  const events = validJobsOf(service).map((one) => ({
    job: one.job,
    event: {
      schedule: {
        rate: [one.schedule],
        ...(isScheduler(one) ? { method: 'scheduler', timezone: one.timezone } : {}),
        input: { policy: one.policy },
      },
    },
  }));
  return Object.fromEntries(
    [...Map.groupBy(events, ({ job }) => job)].map(([job, its]) => [job, its.map(({ event }) => event)]),
  );
}

/**
 * The EventBridge rules of all policies as CloudFormation resources by their logical ids, with one
 * invoke permission for each function. A cron expression in another time zone than UTC becomes a
 * schedule of EventBridge Scheduler with a single target; all schedules use the same role to invoke
 * the functions.
 *
 * Each policy has its own rule for snapshots, because a rate counts from the creation of its rule.
 * For the other jobs the exact time does not matter, so jobs with the same schedule share rules, up
 * to five jobs a rule: with a rule and a permission for each job, about 45 policies would fill a
 * stack of 500 resources and a Lambda policy of 20,480 bytes. Hashes of the job names decide which
 * jobs share a rule, not the order of the policies: adding, moving or removing a policy only
 * changes its shared rule, or splits or merges that rule.
 *
 * Source: AWS CloudFormation template reference, "AWS::Events::Rule", "AWS::Lambda::Permission" and
 * "AWS::Scheduler::Schedule"; EventBridge Scheduler user guide, "Set up the execution role".
 */
export function rulesOf(service: Pick<Service, 'service' | 'custom'>, stage: string): Resources {
  const prefix = namePrefix(service, stage);
  const [scheduled, ruled] = partition(validJobsOf(service), isScheduler);
  const [own, shared] = partition(ruled, ({ job }) => job === 'snapshot');
  return Object.fromEntries([
    ...own.map((job) => [
      `${logicalIdOf(job.policy)}SnapshotRule`,
      ruleOf(shortenedName(`${prefix}${targetIdOf(job)}`), [job]),
    ]),
    ...[...Map.groupBy(shared, ({ schedule }) => schedule)].flatMap(([schedule, its]) =>
      ruleGroupsOf(its.map((job) => ({ ...job, hash: bitsOf(targetIdOf(job)) }))).map(({ bits, jobs }) => {
        const key = shortHash(schedule);
        return [
          `Shared${key}Rule${bits}`,
          ruleOf(shortenedName(`${prefix}${['shared', key, ...(bits ? [bits] : [])].join('-')}`), jobs),
        ];
      }),
    ),
    ...functionNames(ruled).map((job) => [`${logicalIdOf(job)}RulesPermission`, permissionOf(job, prefix)]),
    ...scheduled.map((one) => [
      `${logicalIdOf(one.policy)}${logicalIdOf(one.job)}Schedule`,
      scheduleResource(shortenedName(`${prefix}${targetIdOf(one)}`), one),
    ]),
    ...(scheduled.length > 0 ? [['SchedulerRole', schedulerRoleOf(functionNames(scheduled))]] : []),
  ]);
}

/** The jobs with valid schedules; configurationProblems reports the invalid ones. */
function validJobsOf(service: Pick<Service, 'custom'>): PolicyJob[] {
  return jobsOf(service).filter(({ schedule }) => {
    try {
      return parseSchedule(schedule);
    } catch {
      return false;
    }
  });
}

/** Whether EventBridge Scheduler starts a job, instead of a rule. */
function isScheduler({ schedule, timezone }: PolicyJob): boolean {
  return triggerOf(schedule, timezone).Type === 'AWS::Scheduler::Schedule';
}

function functionNames(jobs: readonly PolicyJob[]): string[] {
  return [...new Set(jobs.map(({ job }) => job))];
}

function ruleOf(Name: string, jobs: readonly PolicyJob[]) {
  return {
    Type: 'AWS::Events::Rule',
    Properties: {
      Name,
      Description: jobs.map(({ policy, job }) => `${job} of ${policy}`).join(', '),
      ScheduleExpression: jobs[0]!.schedule,
      Targets: jobs.map(({ policy, job }) => ({
        Id: targetIdOf({ policy, job }),
        Arn: functionArn(job),
        Input: JSON.stringify({ policy }),
      })),
    },
  };
}

function permissionOf(job: string, prefix: string) {
  return {
    Type: 'AWS::Lambda::Permission',
    Properties: {
      FunctionName: functionArn(job),
      Action: 'lambda:InvokeFunction',
      Principal: 'events.amazonaws.com',
      SourceArn: {
        'Fn::Sub': `arn:\${AWS::Partition}:events:\${AWS::Region}:\${AWS::AccountId}:rule/${prefix}*`,
      },
    },
  };
}

function scheduleResource(Name: string, { policy, job, schedule, timezone }: PolicyJob) {
  const { Type, Properties } = triggerOf(schedule, timezone);
  return {
    Type,
    Properties: {
      Name,
      Description: `${job} of ${policy}`,
      ...Properties,
      Target: {
        Arn: functionArn(job),
        RoleArn: { 'Fn::GetAtt': ['SchedulerRole', 'Arn'] },
        Input: JSON.stringify({ policy }),
      },
    },
  };
}

function schedulerRoleOf(functions: readonly string[]) {
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'scheduler.amazonaws.com' },
            Action: 'sts:AssumeRole',
            // Only schedules of this AWS account may use the role.
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          },
        ],
      },
      Policies: [
        {
          PolicyName: 'invoke',
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              { Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: functions.map(functionArn) },
            ],
          },
        },
      ],
    },
  };
}

function functionArn(job: string) {
  return { 'Fn::GetAtt': [`${logicalIdOf(job)}LambdaFunction`, 'Arn'] };
}

/**
 * Shortens the name of a rule or a schedule to 64 characters: a hash replaces the end of a longer
 * name.
 */
function shortenedName(wanted: string): string {
  return wanted.length <= MAX_NAME_LENGTH
    ? wanted
    : `${wanted.slice(0, MAX_NAME_LENGTH - 9)}_${shortHash(wanted)}`;
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

function targetIdOf({ policy, job }: Pick<PolicyJob, 'policy' | 'job'>): string {
  return `${policy}-${job}`;
}

/**
 * Groups jobs by the first bits of their hashes, at most {@link MAX_TARGETS} to a group. One more
 * bit splits a group that is too large.
 */
function ruleGroupsOf<J extends PolicyJob & { hash: string }>(
  jobs: readonly J[],
  bits = '',
): { bits: string; jobs: J[] }[] {
  if (jobs.length <= MAX_TARGETS) {
    const sorted = jobs.toSorted((a, b) => (targetIdOf(a) < targetIdOf(b) ? -1 : 1));
    return jobs.length > 0 ? [{ bits, jobs: sorted }] : [];
  }
  const [zeros, ones] = partition(jobs, ({ hash }) => hash[bits.length] === '0');
  return [...ruleGroupsOf(zeros, `${bits}0`), ...ruleGroupsOf(ones, `${bits}1`)];
}

function bitsOf(text: string): string {
  const hash = createHash('sha256').update(text).digest();
  return [...hash].map((byte) => byte.toString(2).padStart(8, '0')).join('');
}

/** Splits items into those that pass the test and the others. */
function partition<T>(items: readonly T[], passes: (item: T) => boolean): [T[], T[]] {
  return [items.filter(passes), items.filter((item) => !passes(item))];
}
