import { eachAccount } from '../lib/accounts.ts';
import { parseAudit } from '../lib/audit/publish.ts';
import { eachAccountOf, policyOf, wholePolicyOf } from '../lib/order.ts';
import { type Policy, parsePolicy } from '../lib/policy.ts';
import { Refusal } from '../lib/refusal.ts';
import { parseSchedule } from '../lib/schedule.ts';
import { JOBS } from '../lib/work.ts';
import { policiesOf, policyProblems, type Service } from './policies.ts';

/** In characters. Source: Amazon EventBridge API reference, "Target". */
const LONGEST_INPUT = 8_192;
/** What does not change when a function runs, and with which event. */
const KNOWN_FIELDS = ['rate', 'input', 'name', 'description'];
/** The functions of the product that have no schedule. */
const BY_HAND = ['continue', 'hold', 'restore', 'doctor'];

/**
 * What is wrong with the schedule events that stand under the functions of the product, each with the field and the
 * remedy: an event needs an input that its function takes, and no field that changes when or with which event it runs.
 * The schedule events that are made from the policies are not looked at here, and neither are other functions.
 */
export function scheduleEventProblems(service: Pick<Service, 'custom' | 'functions'>): string[] {
  const names = policiesOf(service).map(({ policy }) => policy);
  // Where something is wrong with the policies, that has to be corrected first.
  const policies =
    policyProblems(service).length > 0
      ? undefined
      : policiesOf(service).flatMap(eachAccount).map(parsePolicy);
  return Object.entries(service.functions ?? {}).flatMap(([name, { events = [] }]) =>
    events.flatMap((event, i) => {
      const { schedule, eventBridge } = Object(event);
      if (isOurs(name) && Object(eventBridge).schedule !== undefined)
        return [`functions.${name}.events.${i}.eventBridge: write it as a schedule event instead`];
      if (schedule === undefined) return [];
      const fields: Record<string, unknown> = typeof schedule === 'object' ? Object(schedule) : {};
      return [...fieldProblems(name, fields), ...inputProblems(name, fields.input, { names, policies })].map(
        (problem) => `functions.${name}.events.${i}.schedule${problem}`,
      );
    }),
  );
}

function isOurs(name: string): boolean {
  return name === 'audit' || BY_HAND.includes(name) || JOBS.some((job) => job === name);
}

function fieldProblems(name: string, fields: Record<string, unknown>): string[] {
  if (!isOurs(name)) return [];
  return [
    ...Object.keys(fields)
      .filter((key) => !KNOWN_FIELDS.includes(key))
      .map((key) => `.${key}: remove it: when a function runs, custom.policies says`),
    ...[fields.rate ?? []].flat().flatMap(rateProblems),
  ];
}

function rateProblems(rate: unknown): string[] {
  try {
    parseSchedule(String(rate));
    return [];
  } catch (error) {
    return [`.rate: is not a schedule that EventBridge takes: ${(error as Error).message}`];
  }
}

/** What may be named. */
interface Named {
  names: readonly string[];
  /** As a run reads them; undefined where something is wrong with them. */
  policies: readonly Policy[] | undefined;
}

function inputProblems(name: string, input: unknown, { names, policies }: Named): string[] {
  if (!isOurs(name)) return [];
  if (BY_HAND.includes(name)) return [`: remove it: ${name} has no schedule`];
  const length = JSON.stringify(input)?.length ?? 0;
  if (length > LONGEST_INPUT) {
    return [
      `.input: has ${length} characters, and EventBridge takes ${LONGEST_INPUT}: name a policy instead`,
    ];
  }
  if (name === 'audit') return auditProblems(input);
  const named = Object(input).policy;
  return names.includes(named)
    ? orderProblems(name, input, policies)
    : [
        `${input === undefined ? '' : '.input'}: must have an input that names a policy (${names.join(', ') || 'there is none'}), such as { policy: ${names[0] ?? 'daily'} }; or remove it: the schedules of a policy are made from custom.policies`,
      ];
}

/** What a run would refuse an event for that names a policy. */
function orderProblems(name: string, input: unknown, policies: Named['policies']): string[] {
  if (!policies) return [];
  const read = name === 'offsite' || name === 'drill' ? wholePolicyOf : policyOf;
  try {
    for (const one of eachAccountOf(input, { policies })) read(one, { policies, isDeployed: true });
    return [];
  } catch (error) {
    return refusalsIn(error);
  }
}

function auditProblems(input: unknown): string[] {
  try {
    parseAudit(input);
    return [];
  } catch (error) {
    return refusalsIn(error);
  }
}

function refusalsIn(error: unknown): string[] {
  if (error instanceof Refusal)
    return error.problems.map((problem) => `.input${problem.startsWith('it ') ? ': ' : '.'}${problem}`);
  throw error;
}
