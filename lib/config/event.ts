import * as v from 'valibot';
import { eachAccount, includesAccount } from './accounts.ts';
import { type Adhoc, isAdhoc } from './adhoc-event.ts';
import { accounts, dryRun, regions } from './common-fields.ts';
import { type Policy, parseEvent, policyName } from './policy.ts';
import { isKeyOf, readEvent } from './read-event.ts';
import { strict } from './schema.ts';
import { servers } from './selector-fields.ts';
import { invalidEvent, ValidationError } from './validation-error.ts';

/**
 * An event that names a deployed policy. `servers`, `regions` and `account` narrow the policy for a
 * manual run; they never widen it.
 */
const PolicyNameEvent = strict({
  policy: policyName,
  account: accounts,
  regions,
  servers: v.optional(servers),
  dryRun,
});

/** The keys that only a complete policy has. */
const POLICY_KEYS = [
  'schedule',
  'cleanup',
  'timezone',
  'keep',
  'adopt',
  'orphans',
  'maxDeletes',
  'volumes',
  'localDisks',
  'offsite',
  'drill',
];

/** The environment in which an event is resolved. */
export interface EventContext {
  /** All policies of the deployment, one for each account; undefined without a package. */
  policies?: readonly Policy[];
  /** Whether the code runs in Lambda. `serverless invoke local` accepts a complete policy too. */
  isDeployed: boolean;
}

/** Whether an event names a policy, instead of containing a complete one. */
export function isNaming(event: unknown): event is { policy: unknown } {
  return (
    isKeyOf('policy', event) && !isKeyOf('adhoc', event) && !POLICY_KEYS.some((rule) => isKeyOf(rule, event))
  );
}

/** Whether an event names no policy, and is neither a policy nor an ad-hoc event. */
function isAnonymous(event: unknown): boolean {
  const isObject = typeof event === 'object' && event !== null && !Array.isArray(event);
  return isObject && !['policy', 'adhoc', ...POLICY_KEYS].some((key) => isKeyOf(key, event));
}

/**
 * Whether an event narrows a policy to some servers or regions: such a run is manual and does not
 * count as the scheduled one.
 */
export function isNarrowed(event: unknown): boolean {
  return isNaming(event) && (isKeyOf('servers', event) || isKeyOf('regions', event));
}

/** Splits an event into one event for each account in its own list or in that of its policy. */
export function eachAccountOf(event: unknown, { policies = [] }: Pick<EventContext, 'policies'>): unknown[] {
  if (!isNaming(event) || isKeyOf('account', event)) return eachAccount(event);
  const matches = policies.filter(({ policy }) => policy === event.policy);
  return matches.length > 0 ? matches.map(({ account: one }) => ({ ...event, account: one })) : [event];
}

/**
 * Resolves an event of one account. `{"policy": "daily"}` means the policy as it is deployed *now*:
 * a late event (a retry, a message in the queue, a rerun of a failed run) never brings outdated
 * rules. A complete policy is accepted for dry runs, and if no policies are deployed.
 * `{"adhoc": true, …}` requests an ad-hoc snapshot.
 *
 * @throws {ValidationError} that names every problem at once; also if the policy is not deployed,
 *   or not for that account.
 */
export function resolveEvent(event: unknown, context: EventContext): Policy | Adhoc {
  if (isKeyOf('adhoc', event) && isKeyOf('policy', event)) {
    throw invalidEvent({ field: 'adhoc, policy', text: 'send either adhoc or policy' });
  }
  if (isNaming(event)) return namedPolicy(event, context);
  if (isAnonymous(event)) {
    throw invalidEvent({
      field: 'policy',
      text: 'is missing: send {"policy": "<name>"}, or for an ad-hoc snapshot {"adhoc": true, "servers": {"names": ["<server>"]}}',
    });
  }
  const order = parseWholeEvent(event, context);
  const isAccepted = isAdhoc(order) || order.dryRun || !context.policies || !context.isDeployed;
  if (isAccepted) return order;
  if (!context.policies?.some(({ policy }) => policy === order.policy)) {
    throw invalidEvent({
      field: 'policy',
      text: `there is no policy "${order.policy}" in this deployment, and the event is a complete policy: add "dryRun": true to see what these rules would do. Nothing is created, copied or deleted`,
    });
  }
  throw invalidEvent({
    text: `the event is a complete policy, and the deployed policy "${order.policy}" may differ: send {"policy": "${order.policy}"}, or add "dryRun": true to see what these rules would do. Nothing is created, copied or deleted`,
  });
}

/**
 * Parses a complete policy or an ad-hoc event. An incomplete policy with the name of a deployed one
 * gets a hint to send only the name.
 */
function parseWholeEvent(event: unknown, { policies = [], isDeployed }: EventContext): Policy | Adhoc {
  try {
    return parseEvent(event);
  } catch (error) {
    const { policy: name } = Object(event);
    const isNamed = isDeployed && policies.some(({ policy }) => policy === name);
    if (!(error instanceof ValidationError && isNamed)) throw error;
    throw invalidEvent(
      {
        text: `the policy is incomplete, but has more keys than a policy name: send {"policy": "${name}"}`,
      },
      ...error.problems.map((text) => ({ text })),
    );
  }
}

/** {@link resolveEvent} for jobs that do not accept ad-hoc events. */
export function policyOf(event: unknown, context: EventContext): Policy {
  const order = isKeyOf('adhoc', event) ? undefined : resolveEvent(event, context);
  if (order && !isAdhoc(order)) return order;
  throw invalidEvent({
    field: 'adhoc',
    text: 'only snapshot takes ad-hoc events: send {"policy": "<name>"}',
  });
}

/**
 * {@link policyOf} for jobs that can't be narrowed, because their limits apply to the whole policy.
 */
export function wholePolicyOf(event: unknown, context: EventContext): Policy {
  const policy = policyOf(event, context);
  if (!isNarrowed(event)) return policy;
  throw invalidEvent({ field: 'servers, regions', text: "this job can't be narrowed: leave them out" });
}

/** {@link policyOf} for drills, which can be narrowed to servers, and not to regions. */
export function drillPolicyOf(event: unknown, context: EventContext): Policy {
  const policy = policyOf(event, context);
  if (!isNaming(event) || !isKeyOf('regions', event)) return policy;
  throw invalidEvent({ field: 'regions', text: 'drills can be narrowed to servers alone: leave it out' });
}

function namedPolicy(event: unknown, { policies }: EventContext): Policy {
  const asked = readEvent(event, PolicyNameEvent);
  const name = asked.policy;
  if (!policies) {
    throw invalidEvent({
      field: 'policy',
      text: 'no policies are deployed with this code: send a complete policy: nothing is created, copied or deleted',
    });
  }
  const matches = policies.filter(({ policy }) => policy === name);
  if (matches.length === 0) {
    const names = [...new Set(policies.map(({ policy }) => policy))];
    throw new ValidationError({ code: 'POLICY_UNKNOWN', policy: name, deployed: names });
  }
  const deployed = matches.find((one) => includesAccount(one.account, asked.account));
  if (!deployed) {
    throw new ValidationError({ code: 'POLICY_OF_OTHER_ACCOUNT', policy: name, account: asked.account });
  }
  const others = asked.regions?.filter((region) => deployed.regions?.includes(region) === false) ?? [];
  if (others.length > 0) {
    throw invalidEvent({
      field: 'regions',
      text: `the policy "${name}" is not for ${others.join(', ')}, but for ${deployed.regions?.join(', ')}: nothing is created, copied or deleted`,
    });
  }
  return {
    ...deployed,
    account: asked.account,
    dryRun: deployed.dryRun || asked.dryRun,
    ...(asked.regions ? { regions: asked.regions } : {}),
    servers: asked.servers ? { ...deployed.servers, only: asked.servers } : deployed.servers,
  };
}
