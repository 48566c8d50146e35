import { parseAudit } from '../lib/audit/publish.ts';
import { eachAccount } from '../lib/config/accounts.ts';
import { eachAccountOf, policyOf, wholePolicyOf } from '../lib/config/event.ts';
import { type Policy, parsePolicy } from '../lib/config/policy.ts';
import { parseSchedule } from '../lib/config/schedule.ts';
import { ValidationError } from '../lib/config/validation-error.ts';
import { lengthOf } from './limits.ts';
import {
  BY_HAND,
  isProductFunction,
  policiesOf,
  policyBlockProblems,
  productFunction,
  type Service,
} from './policies.ts';

/**
 * The maximum length of an input, in characters. Source: Amazon EventBridge API reference,
 * "Target".
 */
const MAX_INPUT_LENGTH = 8_192;
/**
 * The maximum length of a rule name, in characters. Source: Amazon EventBridge API reference,
 * "PutRule".
 */
const MAX_NAME_LENGTH = 64;
/** The fields that Autosnap supports in a schedule event. */
const SUPPORTED_FIELDS = ['rate', 'input', 'name', 'description'];

/**
 * The problems of the schedule events under Autosnap's functions, each with the field and the
 * remedy. An event needs an input that its function accepts, and must not have fields that change
 * the time or the input. Events that are generated from the policies, and other functions, are not
 * checked.
 */
export function scheduleEventProblems(service: Pick<Service, 'custom' | 'functions'>): string[] {
  const names = policiesOf(service).map(({ policy }) => policy);
  // Invalid policies have to be corrected first.
  const policies =
    policyBlockProblems(service).length > 0
      ? undefined
      : policiesOf(service).flatMap(eachAccount).map(parsePolicy);
  return Object.entries(service.functions ?? {}).flatMap(([key, { handler, events = [] }]) =>
    events.flatMap((event, i) => {
      const { schedule, eventBridge } = Object(event);
      const name = productFunction(key, handler);
      if (isProductFunction(name) && eventBridge !== undefined) {
        const remedy =
          Object(eventBridge).schedule === undefined
            ? `remove it: ${name} would refuse the events that match, or run at times that no policy says. Let a function of your own react to them`
            : 'write it as a schedule event instead';
        return [`functions.${key}.events.${i}.eventBridge: ${remedy}`];
      }
      if (schedule === undefined) return [];
      const fields: Record<string, unknown> =
        typeof schedule === 'object' ? Object(schedule) : { rate: schedule };
      return [...fieldProblems(name, fields), ...inputProblems(name, fields.input, { names, policies })].map(
        (problem) => `functions.${key}.events.${i}.schedule${problem}`,
      );
    }),
  );
}

function fieldProblems(name: string, fields: Record<string, unknown>): string[] {
  if (!isProductFunction(name)) return [];
  return [
    ...Object.keys(fields)
      .filter((key) => !SUPPORTED_FIELDS.includes(key))
      .map((key) => `.${key}: remove it: custom.policies decides when a function runs`),
    ...[fields.rate ?? []].flat().flatMap(rateProblems),
    ...(typeof fields.name === 'string' && fields.name.length > MAX_NAME_LENGTH
      ? [`.name: has ${lengthOf({ name: fields.name, most: MAX_NAME_LENGTH })}: choose a shorter one`]
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

/** The policies that an input may name. */
interface DeclaredPolicies {
  names: readonly string[];
  /** The parsed policies; undefined if any policy is invalid. */
  policies: readonly Policy[] | undefined;
}

function inputProblems(name: string, input: unknown, { names, policies }: DeclaredPolicies): string[] {
  if (!isProductFunction(name)) return [];
  if (BY_HAND.includes(name)) return [`: remove it: ${name} has no schedule`];
  const length = JSON.stringify(input)?.length ?? 0;
  if (length > MAX_INPUT_LENGTH) {
    return [
      `.input: has ${length} characters, and EventBridge allows ${MAX_INPUT_LENGTH}: name a policy instead`,
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

/** The problems for which a run would refuse an input that names a policy. */
function orderProblems(name: string, input: unknown, policies: DeclaredPolicies['policies']): string[] {
  if (!policies) return [];
  const section = name === 'offsite' || name === 'drill' ? name : undefined;
  const read = section ? wholePolicyOf : policyOf;
  try {
    const asked = eachAccountOf(input, { policies }).map((one) => read(one, { policies, isDeployed: true }));
    const incomplete = asked.find((policy) => section && !policy[section]);
    return incomplete
      ? [`.input.policy: ${incomplete.policy} has no ${name}: add ${name} to the policy, or remove the event`]
      : [];
  } catch (error) {
    return validationProblems(error);
  }
}

function auditProblems(input: unknown): string[] {
  try {
    const { acceptDropped, list } = parseAudit(input);
    return [
      ...(acceptDropped === undefined
        ? []
        : ['.input.acceptDropped: remove it: only a person accepts what has dropped out of coverage']),
      ...(list === undefined
        ? []
        : ['.input.list: remove it: an audit that lists publishes nothing, and nobody sees its answer']),
    ];
  } catch (error) {
    return validationProblems(error);
  }
}

function validationProblems(error: unknown): string[] {
  if (!(error instanceof ValidationError)) throw error;
  return error.problems.map((problem) => `.input: ${problem}`);
}
