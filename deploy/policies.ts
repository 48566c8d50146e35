import { isDeepStrictEqual } from 'node:util';
import { eachAccount, mayMeet } from '../lib/accounts.ts';
import { isAdhoc, parseEvent } from '../lib/policy.ts';
import { Refusal } from '../lib/refusal.ts';
import { OWNER } from '../lib/settings.ts';
import { DRILL_RATE } from '../lib/work.ts';
import { triggerOf } from './schedule-expression.ts';

/** The parts of a Serverless service that say what runs when. */
export interface Service {
  service: string;
  custom?: { policies?: Record<string, unknown>; owner?: unknown };
  functions: Record<string, { events?: { schedule?: Omit<Rule, 'job'> }[]; package?: object }>;
}

/** When each job of a policy runs. A policy that does not say it has no such job. */
const JOBS = {
  snapshot: (policy: Fields) => policy.schedule,
  cleanup: (policy: Fields) => policy.cleanup,
  offsite: (policy: Fields) => (policy.offsite as Fields | undefined)?.schedule,
  drill: (policy: Fields) => policy.drill && DRILL_RATE,
};
/** The jobs that a policy has only if it asks for them, by a field of the same name. */
const ASKED_FOR = ['offsite', 'drill'];
type Fields = Record<string, unknown>;

/** A rule that invokes a job with a policy. */
interface Rule {
  job: keyof typeof JOBS;
  rate: string | string[];
  input?: unknown;
  /** Of an EventBridge Scheduler schedule, `scheduler`, and its time zone. */
  method?: string;
  timezone?: string;
}

/** All rules that invoke a job. */
function rulesOf({ functions }: Pick<Service, 'functions'>): Rule[] {
  return (Object.keys(JOBS) as Rule['job'][]).flatMap((job) =>
    (functions[job]?.events ?? []).flatMap(({ schedule }) => (schedule ? [{ job, ...schedule }] : [])),
  );
}

/** A job of a policy: by which schedule expression it runs, and in which time zone that is. */
export interface Job {
  job: string;
  policy: string;
  schedule: string;
  timezone: string;
}

/** The jobs of all policies. */
export function jobsOf({ custom }: Pick<Service, 'custom'>): Job[] {
  return Object.values(custom?.policies ?? {}).flatMap((policy) =>
    Object.entries(JOBS).flatMap(([job, scheduleOf]) => {
      const fields = policy as Fields;
      const schedule = scheduleOf(fields);
      return schedule === undefined
        ? []
        : [{ job, policy: fields.policy as string, schedule: schedule as string, timezone: zoneOf(fields) }];
    }),
  );
}

/**
 * What is wrong with the policies and rules of serverless.yml: policies that a run would refuse, rules that fire at
 * another time than their policy says, policies that lack a rule, and two policies of one name, which would rotate
 * each other's snapshots.
 */
export function problemsIn({ custom, functions }: Pick<Service, 'custom' | 'functions'>): string[] {
  const policies = Object.entries(custom?.policies ?? {});
  const rules = rulesOf({ functions });
  return [
    ...ownerProblems(custom?.owner),
    ...policies.flatMap(([key, policy]) =>
      refusals(policy).map((problem) => `custom.policies.${key}.${problem}`),
    ),
    ...policies.flatMap(([key, policy]) =>
      (Object.keys(JOBS) as Rule['job'][])
        .filter((job) => !ASKED_FOR.includes(job) || job in Object(policy))
        .filter((job) => !rules.some((rule) => rule.job === job && isDeepStrictEqual(rule.input, policy)))
        .map((job) => `custom.policies.${key}: functions.${job}.events has no schedule with it as input`),
    ),
    ...rules.flatMap(({ job, rate, input }) => {
      const wanted = JOBS[job](Object(input));
      return [rate].flat().every((one) => one === wanted)
        ? []
        : [
            `functions.${job}.events: a rule's rate is ${rate}, ${job === 'drill' && wanted ? 'and has to be' : 'its policy says'} ${wanted ?? 'nothing of that'}`,
          ];
    }),
    ...rules
      .filter(({ rate, input, method, timezone }) =>
        [rate].flat().some((one) => {
          const { Type } = triggerOf(one, zoneOf(input));
          return (
            Type === 'AWS::Scheduler::Schedule' && !(method === 'scheduler' && timezone === zoneOf(input))
          );
        }),
      )
      .map(
        ({ job, rate, input }) =>
          `functions.${job}.events: ${rate} of its policy is in ${zoneOf(input)}, and a rule fires in UTC: add "method: scheduler", "timezone: ${zoneOf(input)}" and as "roleArn" a role that may invoke the function`,
      ),
    ...doubles(policies.map(([, policy]) => (policy as Record<string, unknown>)?.policy)).map(
      (name) =>
        `custom.policies: two of them have the name ${name}: they would rotate each other's snapshots`,
    ),
    ...policies
      .filter(([, policy]) => 'adopt' in (policy as object))
      .filter(([, policy], i, adopting) =>
        adopting.slice(0, i).some(([, other]) => mayMeet(accountOf(policy), accountOf(other))),
      )
      .map(
        ([key, policy]) =>
          `custom.policies: ${key} and another of them adopt the images of autosnap.py in the account ${accountOf(policy)}: they would rotate each other's snapshots`,
      ),
  ];
}

function ownerProblems(owner: unknown): string[] {
  return owner === undefined || owner === '' || (typeof owner === 'string' && OWNER.test(owner))
    ? []
    : [
        'custom.owner: must be 1 to 100 of A-Z, a-z, 0-9, _ and -, in quotes; or "" for the one of this deployment',
      ];
}

function accountOf(policy: unknown): unknown {
  return (policy as Record<string, unknown>).account ?? 'rackspace';
}

function zoneOf(policy: unknown): string {
  return String(Object(policy).timezone ?? 'UTC');
}

function refusals(policy: unknown): string[] {
  try {
    return eachAccount(policy).map(parseEvent).some(isAdhoc)
      ? ['adhoc: an ad-hoc event has no schedule: send it by hand']
      : [];
  } catch (error) {
    if (error instanceof Refusal) return error.problems;
    throw error;
  }
}

function doubles(names: unknown[]): unknown[] {
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
}
