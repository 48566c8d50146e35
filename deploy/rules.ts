import { createHash } from 'node:crypto';
import { parseSchedule } from '../lib/schedule.ts';
import { jobsOf, type PolicyJob, type Service } from './policies.ts';
import { logicalIdOf, type Resources } from './resources.ts';

/** EventBridge's limit. */
const MOST_TARGETS = 5;
const LONGEST_NAME = 64;

/** A schedule event of a function, as Serverless has it. */
export interface ScheduleEvent {
  schedule: { rate: string[]; input: { policy: string } };
}

/**
 * The schedule events of the functions: one for each job of each policy, with the policy's name as input. They are what
 * `serverless print` shows and serverless-offline fires; what is deployed is {@link rulesOf}.
 */
export function eventsOf(
  service: Pick<Service, 'custom'>,
): Partial<Record<PolicyJob['job'], ScheduleEvent[]>> {
  const events = validJobsOf(service).map(({ job, policy, schedule }) => ({
    job,
    event: { schedule: { rate: [schedule], input: { policy } } },
  }));
  return Object.fromEntries(
    [...Map.groupBy(events, ({ job }) => job)].map(([job, its]) => [job, its.map(({ event }) => event)]),
  );
}

/**
 * The EventBridge rules of all policies as CloudFormation resources by their logical ids, and for each function one permission to
 * be invoked by them.
 *
 * Each policy has a rule of its own for its snapshots, because a rate counts from the creation of its rule. The other jobs
 * come round whenever they do, so those with the same schedule share rules, five to a rule: with a rule and a permission for
 * each job, a stack of 500 resources and a Lambda policy of 20,480 bytes would be full with some 45 policies.
 *
 * Source: AWS CloudFormation template reference, "AWS::Events::Rule" and "AWS::Lambda::Permission".
 */
export function rulesOf(service: Pick<Service, 'service' | 'custom'>, stage: string): Resources {
  const deployment = `${service.service}-${stage}`;
  const jobs = validJobsOf(service);
  const [own, shared] = [true, false].map((isOwn) =>
    jobs.filter(({ job }) => (job === 'snapshot') === isOwn),
  ) as [PolicyJob[], PolicyJob[]];
  return Object.fromEntries([
    ...own.map((job) => [
      `${logicalIdOf(job.policy)}SnapshotRule`,
      ruleOf(nameOf(`${deployment}-${job.policy}-snapshot`), [job]),
    ]),
    ...[...Map.groupBy(shared, ({ schedule }) => schedule)].flatMap(([schedule, its]) =>
      chunksOf(its, MOST_TARGETS).map((some, i) => {
        const key = hashOf(schedule);
        return [`Shared${key}Rule${i + 1}`, ruleOf(nameOf(`${deployment}-shared-${key}-${i + 1}`), some)];
      }),
    ),
    ...[...new Set(jobs.map(({ job }) => job))].map((job) => [
      `${logicalIdOf(job)}RulesPermission`,
      permissionOf(job, deployment),
    ]),
  ]);
}

/** What is wrong with the schedule of a job, problemsIn says. */
function validJobsOf(service: Pick<Service, 'custom'>): PolicyJob[] {
  return jobsOf(service).filter(({ schedule }) => {
    try {
      return parseSchedule(schedule);
    } catch {
      return false;
    }
  });
}

function ruleOf(Name: string, jobs: readonly PolicyJob[]) {
  return {
    Type: 'AWS::Events::Rule',
    Properties: {
      Name,
      Description: jobs.map(({ policy, job }) => `${job} of ${policy}`).join(', '),
      ScheduleExpression: jobs[0]!.schedule,
      Targets: jobs.map(({ policy, job }) => ({
        Id: `${policy}-${job}`,
        Arn: { 'Fn::GetAtt': [`${logicalIdOf(job)}LambdaFunction`, 'Arn'] },
        Input: JSON.stringify({ policy }),
      })),
    },
  };
}

function permissionOf(job: string, deployment: string) {
  return {
    Type: 'AWS::Lambda::Permission',
    Properties: {
      FunctionName: { 'Fn::GetAtt': [`${logicalIdOf(job)}LambdaFunction`, 'Arn'] },
      Action: 'lambda:InvokeFunction',
      Principal: 'events.amazonaws.com',
      SourceArn: {
        'Fn::Sub': `arn:\${AWS::Partition}:events:\${AWS::Region}:\${AWS::AccountId}:rule/${deployment}-*`,
      },
    },
  };
}

/** A rule's name takes 64 characters; in place of what is too long it ends with a hash. */
function nameOf(wanted: string): string {
  return wanted.length <= LONGEST_NAME ? wanted : `${wanted.slice(0, LONGEST_NAME - 9)}-${hashOf(wanted)}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
