import { parseAudit } from '../lib/audit/publish.ts';
import { eachAccount } from '../lib/config/accounts.ts';
import { eachAccountOf, policyOf, wholePolicyOf } from '../lib/config/event.ts';
import { type Policy, parsePolicy } from '../lib/config/policy.ts';
import { parseSchedule } from '../lib/config/schedule.ts';
import { Refusal } from '../lib/config/validation-error.ts';
import { lengthOf } from './limits.ts';
import { BY_HAND, FUNCTIONS, policiesOf, policyProblems, type Service } from './policies.ts';

/** In characters. Source: Amazon EventBridge API reference, "Target". */
const LONGEST_INPUT = 8_192;
/** Of a rule, in characters. Source: the same, "PutRule". */
const LONGEST_NAME = 64;
/** What does not change when a function runs, and with which event. */
const KNOWN_FIELDS = ['rate', 'input', 'name', 'description'];

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
  return Object.entries(service.functions ?? {}).flatMap(([key, { handler, events = [] }]) =>
    events.flatMap((event, i) => {
      const { schedule, eventBridge } = Object(event);
      const name = productFunction(key, handler);
      if (isOurs(name) && Object(eventBridge).schedule !== undefined)
        return [`functions.${key}.events.${i}.eventBridge: write it as a schedule event instead`];
      if (schedule === undefined) return [];
      const fields: Record<string, unknown> =
        typeof schedule === 'object' ? Object(schedule) : { rate: schedule };
      return [...fieldProblems(name, fields), ...inputProblems(name, fields.input, { names, policies })].map(
        (problem) => `functions.${key}.events.${i}.schedule${problem}`,
      );
    }),
  );
}

/** Which function of the product it is, whatever its key: its handler says. */
function productFunction(key: string, handler = ''): string {
  const [, name] = /^(?:\.\/)?handlers\/(\w+)\.handler$/.exec(handler) ?? [];
  return name !== undefined && isOurs(name) ? name : key;
}

function isOurs(name: string): boolean {
  return FUNCTIONS.includes(name);
}

function fieldProblems(name: string, fields: Record<string, unknown>): string[] {
  if (!isOurs(name)) return [];
  return [
    ...Object.keys(fields)
      .filter((key) => !KNOWN_FIELDS.includes(key))
      .map((key) => `.${key}: remove it: when a function runs, custom.policies says`),
    ...[fields.rate ?? []].flat().flatMap(rateProblems),
    ...(typeof fields.name === 'string' && fields.name.length > LONGEST_NAME
      ? [`.name: has ${lengthOf({ name: fields.name, most: LONGEST_NAME })}: choose a shorter one`]
      : []),
  ];
}

function rateProblems(rate: unknown): string[] {
  try {
    parseSchedule(String(rate));
    return [];
  } catch (error) {
    return [`.rate: is not a valid EventBridge schedule: ${(error as Error).message}`];
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
  const asksFor = name === 'offsite' || name === 'drill' ? name : undefined;
  const read = asksFor ? wholePolicyOf : policyOf;
  try {
    const asked = eachAccountOf(input, { policies }).map((one) => read(one, { policies, isDeployed: true }));
    const without = asked.find((policy) => asksFor && !policy[asksFor]);
    return without
      ? [`.input.policy: ${without.policy} asks for no ${name}: add ${name} to it, or remove the event`]
      : [];
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
  if (!(error instanceof Refusal)) throw error;
  return error.problems.map((problem) => `.input: ${problem}`);
}
