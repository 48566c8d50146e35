import mergePlainObjects from 'serverless/lib/utils/merge-plain-objects.js';
import * as v from 'valibot';
import { eachAccount, mayOverlap } from '../lib/config/accounts.ts';
import { dormancyOf } from '../lib/config/dormancy.ts';
import { PERIODS } from '../lib/config/keep-rules.ts';
import { type Policy, parsePolicy, policyName } from '../lib/config/policy.ts';
import { parseSchedule } from '../lib/config/schedule.ts';
import { ValidationError } from '../lib/config/validation-error.ts';
import { sentenceOf } from '../lib/reporting/sentences.ts';
import { DRILL_RATE, JOBS, type WorkItem } from '../lib/runtime/work-item.ts';
import { cleanupTooRare } from '../lib/snapshots/cleanup-pace.ts';
import type { Resources } from './resources.ts';

type Functions = Record<
  string,
  {
    name?: string;
    handler?: string;
    events?: readonly unknown[];
    destinations?: unknown;
    tracing?: unknown;
    role?: unknown;
    runtime?: unknown;
    image?: unknown;
  }
>;

/** The parts of serverless.yml that the plugin reads. */
export interface Service {
  service: string;
  custom?: { policies?: unknown };
  functions?: Functions;
  provider?: {
    runtime?: unknown;
    /** The AWS profile of `serverless`. */
    profile?: unknown;
    /** The ARN of an existing role, or additions to the generated role. */
    iam?: { role?: string | { name?: string; statements?: readonly unknown[] } | null } | null;
    /** The former name of `iam.role`. */
    role?: unknown;
    stackName?: unknown;
    iamRoleStatements?: readonly unknown[];
  };
  resources?: { Resources?: Resources; extensions?: Record<string, unknown> };
}

/**
 * The functions. serverless.yml may list them in several parts, which are merged as in Serverless.
 * A function with all lines commented out is null in YAML.
 */
export function functionsOf(functions: Functions | readonly Functions[] | null | undefined): Functions {
  const all: Record<string, Functions[string] | null> = mergePlainObjects({}, ...[functions].flat());
  return Object.fromEntries(
    Object.entries(all).map(([name, fn]) => [
      name,
      { ...fn, ...(fn?.events === null ? { events: [] } : {}) },
    ]),
  );
}

/** The resources, merged from all parts of serverless.yml. */
export function resourcesOf(resources: Section | readonly Section[] | null): NonNullable<Section> {
  const { Resources, extensions }: NonNullable<Section> = mergePlainObjects({}, ...[resources].flat());
  return { Resources: Resources ?? {}, extensions: extensions ?? {} };
}
type Section = Service['resources'];

/** Autosnap's functions without a schedule. */
export const BY_HAND: readonly string[] = ['continue', 'hold', 'restore', 'doctor'];
/** Autosnap's functions. */
export const FUNCTIONS: readonly string[] = [...JOBS, 'audit', ...BY_HAND];

/**
 * The name of Autosnap's function by its handler, which is independent of the key in
 * serverless.yml.
 */
export function productFunction(key: string, handler = ''): string {
  const [, name] = /^(?:\.\/)?handlers\/(\w+)\.handler$/.exec(handler) ?? [];
  return name !== undefined && isProductFunction(name) ? name : key;
}

/** Whether a name is that of one of Autosnap's functions. */
export function isProductFunction(name: string): boolean {
  return FUNCTIONS.includes(name);
}

type Fields = Record<string, unknown>;

/** The schedule of each job of a policy; undefined if the policy does not enable the job. */
const SCHEDULES: Record<WorkItem['job'], (policy: Fields) => unknown> = {
  snapshot: ({ schedule }) => schedule,
  cleanup: ({ cleanup }) => cleanup,
  offsite: ({ offsite }) => (offsite as Fields | undefined)?.schedule,
  drill: ({ drill }) => drill && DRILL_RATE,
};

/** A job of a policy with its schedule expression and time zone. */
export interface PolicyJob {
  policy: string;
  job: WorkItem['job'];
  schedule: string;
  timezone: string;
}

/**
 * The policies of serverless.yml in the form that parsePolicy accepts: each block of
 * custom.policies, with its key as its name.
 */
export function policiesOf({ custom }: Pick<Service, 'custom'>): (Fields & { policy: string })[] {
  return Object.entries(Object(custom?.policies)).map(([name, block]) => ({
    ...Object(block),
    policy: name,
  }));
}

/** The jobs of all policies, in the order of serverless.yml. */
export function jobsOf(service: Pick<Service, 'custom'>): PolicyJob[] {
  return policiesOf(service).flatMap((policy) =>
    Object.entries(SCHEDULES).flatMap(([job, scheduleOf]) => {
      const schedule = scheduleOf(policy);
      return typeof schedule === 'string'
        ? [{ policy: policy.policy, job: job as WorkItem['job'], schedule, timezone: zoneOf(policy) }]
        : [];
    }),
  );
}

/**
 * The problems of the policies of serverless.yml, each with the field and the remedy: everything
 * that a run would refuse, and two policies that adopt the same images, because each would rotate
 * the snapshots of the other.
 */
export function policyBlockProblems({ custom }: Pick<Service, 'custom'>): string[] {
  const { policies } = Object(custom);
  if (typeof policies !== 'object' || Array.isArray(policies)) {
    return ['custom.policies: must hold a block for each policy, by its name; {} for none'];
  }
  // With all blocks commented out, YAML reads null.
  const blocks = Object.entries((policies ?? {}) as Fields);
  return [
    ...blocks.flatMap(([name, block]) =>
      blockProblems(name, block).map((problem) => `custom.policies.${name}${problem}`),
    ),
    ...blocks
      .filter(([, block]) => 'adopt' in Object(block))
      .flatMap(([name, block], i, adopting) => {
        const rival = adopting
          .slice(0, i)
          .find(([, other]) => mayOverlap(accountOf(block), accountOf(other)));
        return rival
          ? [
              `custom.policies.${name}.adopt: ${rival[0]} adopts the images of autosnap.py in the same account, and each would rotate the snapshots of the other: leave adopt out of one of them`,
            ]
          : [];
      }),
  ];
}

/** A monthly limit below this size is smaller than most images. */
const SMALL_BYTES = 1e9;

/**
 * Warnings for valid policies that are probably not intended, each with the field and the remedy.
 */
export function policyWarnings(service: Pick<Service, 'custom'>, now = new Date()): string[] {
  const policies = policiesOf(service);
  if (policies.length === 0) return ['custom.policies: has no policy, so nothing is protected: add one'];
  return policies.flatMap((fields) => {
    const [policy] = eachAccount(fields).map(parsePolicy) as [Policy];
    const path = `custom.policies.${policy.policy}`;
    const tooRare = cleanupTooRare(policy, now);
    const twice = policy.regions?.filter((region, i, all) => all.indexOf(region) < i) ?? [];
    return [
      ...(policy.servers.except?.names?.includes('*')
        ? [`${path}.servers.except.names: "*" excludes every server, so the policy protects none: correct it`]
        : []),
      ...(twice.length > 0 ? [`${path}.regions: names ${twice[0]} more than once: take it out once`] : []),
      ...((policy.offsite?.maxBytesPerMonth ?? SMALL_BYTES) < SMALL_BYTES
        ? [
            `${path}.offsite.maxBytesPerMonth: is less than most images have, and these are never copied: say a few times the size of all of them, such as 500GB`,
          ]
        : []),
      ...(tooRare
        ? [`${path}.cleanup: ${sentenceOf(tooRare)}: let cleanup run more often, or raise maxDeletes`]
        : []),
      ...dormantSchedules(fields, now).map((problem) => `${path}${problem}`),
    ];
  });
}

/** The problems of a policy block, each with its path within the block. */
function blockProblems(name: string, block: unknown): string[] {
  if (typeof block !== 'object' || block === null || Array.isArray(block)) {
    return [': must be a block with schedule, cleanup, servers and keep'];
  }
  if ('policy' in block) return ['.policy: take it out: the key of the block is the name of the policy'];
  if ('adhoc' in block)
    return ['.adhoc: take it out: an ad-hoc snapshot has no schedule, and is sent by hand'];
  if ('enabled' in block) {
    return [
      '.enabled: take it out: a policy runs as long as it stands here. Comment the block out to stop it; its snapshots stay',
    ];
  }
  if ('dryRun' in block) {
    return [
      `.dryRun: take it out: each run would only say what it would do. For one such run, send {"policy": "${name}", "dryRun": true}`,
    ];
  }
  const named = v.safeParse(policyName, name);
  const problems = [
    ...(named.success ? [] : named.issues.map(({ message }) => `: its name ${message}`)),
    ...refusals({ ...block, policy: named.success ? name : 'a-name' }).map((problem) => `.${problem}`),
  ];
  return problems.length > 0 ? problems : [...neverFiring(block as Fields), ...unusedZone(block as Fields)];
}

/** The schedules of a block, by field. */
function schedulesIn({
  schedule,
  cleanup,
  offsite,
  drill,
}: Fields): [field: keyof typeof DORMANT, expression: string][] {
  const schedules = {
    schedule,
    cleanup,
    'offsite.schedule': Object(offsite).schedule,
    'drill.schedule': Object(drill).schedule,
  };
  return Object.entries(schedules).filter(
    (one): one is [keyof typeof DORMANT, string] => typeof one[1] === 'string',
  );
}

/** The schedules of a valid block that never fire from now on. */
function neverFiring(block: Fields): string[] {
  return schedulesIn(block).flatMap(([field, expression]) =>
    parseSchedule(expression, zoneOf(block)).next(new Date())
      ? []
      : [`.${field}: never fires from now on: correct its day, month or year`],
  );
}

/** The code of a schedule that is dormant, by its field. */
const DORMANT = {
  schedule: 'SCHEDULE_OVER',
  cleanup: 'CLEANUP_OVER',
  'offsite.schedule': 'OFFSITE_OVER',
  'drill.schedule': 'DRILL_OVER',
} as const;

/** The schedules of a valid block that have not begun, or pause for years. */
function dormantSchedules(block: Fields, now: Date): string[] {
  return schedulesIn(block).flatMap(([field, expression]) => {
    const dormancy = dormancyOf(parseSchedule(expression, zoneOf(block)), now);
    return dormancy
      ? [
          `.${field}: ${sentenceOf({ code: DORMANT[field], ...dormancy })}: correct its last field, the year, if you did not mean that: * is every year`,
        ]
      : [];
  });
}

/** A time zone that has no effect on the schedules and rules of its block. */
function unusedZone(block: Fields): string[] {
  const { keep, offsite } = block;
  const isUsed =
    schedulesIn(block).some(([, expression]) => !/^rate/.test(expression)) ||
    [keep, Object(offsite).keep].some((rules) => PERIODS.some((period) => period in Object(rules)));
  return isUsed || zoneOf(block) === 'UTC'
    ? []
    : [
        `.timezone: has no effect: a rate has no time of day, and keep has none of ${PERIODS.join(', ')}: write the schedule as cron(…), or take timezone out`,
      ];
}

function zoneOf({ timezone }: Fields): string {
  return typeof timezone === 'string' ? timezone : 'UTC';
}

function refusals(policy: Fields): readonly string[] {
  try {
    eachAccount(policy).forEach(parsePolicy);
    return [];
  } catch (error) {
    if (error instanceof ValidationError) return error.problems;
    throw error;
  }
}

function accountOf(block: unknown): unknown {
  return (block as Fields).account ?? 'rackspace';
}
