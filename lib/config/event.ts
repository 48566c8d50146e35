import * as v from 'valibot';
import { covers, eachAccount } from './accounts.ts';
import {
  type Adhoc,
  accounts,
  dryRun,
  isAdhoc,
  isKeyOf,
  type Policy,
  parseEvent,
  policyName,
  readEvent,
  regions,
  servers,
} from './policy.ts';
import { strict } from './schema.ts';
import { Refusal } from './validation-error.ts';

/**
 * An event that names a policy of the deployment. `servers`, `regions` and `account` narrow the policy for a run by hand:
 * they never widen it.
 */
const Naming = strict({
  policy: policyName,
  account: accounts,
  regions,
  servers: v.optional(servers),
  dryRun,
});

/** What only a whole policy says. */
const RULES = [
  'schedule',
  'cleanup',
  'timezone',
  'keep',
  'adopt',
  'orphans',
  'maxDeletes',
  'offsite',
  'drill',
];

/** Where an order is carried out. */
export interface Desk {
  /** All policies of the deployment, one for each account; undefined where nothing was packaged. */
  policies?: readonly Policy[];
  /** Whether Lambda runs this code: `serverless invoke local` works by a whole policy, too. */
  isDeployed: boolean;
}

/** Whether an event names a policy, instead of being one. */
export function isNaming(event: unknown): event is { policy: unknown } {
  return isKeyOf('policy', event) && !isKeyOf('adhoc', event) && !RULES.some((rule) => isKeyOf(rule, event));
}

/** Whether an event names a part of a policy: the run is somebody's own, and not the one that the schedule asks for. */
export function isNarrowed(event: unknown): boolean {
  return isNaming(event) && (isKeyOf('servers', event) || isKeyOf('regions', event));
}

/** The same event for each account that it, or the policy that it names, lists. */
export function eachAccountOf(event: unknown, { policies = [] }: Pick<Desk, 'policies'>): unknown[] {
  if (!isNaming(event) || isKeyOf('account', event)) return eachAccount(event);
  const its = policies.filter(({ policy }) => policy === event.policy);
  return its.length > 0 ? its.map(({ account: one }) => ({ ...event, account: one })) : [event];
}

/**
 * What an event of one account asks for. `{"policy": "daily"}` stands for what the deployment says of that policy *now*: an event
 * that comes late (a retry, a message in the queue, a failed run that is run again) never brings outdated rules. A whole
 * policy is taken for dry runs, and where nothing is deployed. `{"adhoc": true, …}` is a snapshot by hand.
 *
 * @throws {Refusal} that names every problem at once: also for a policy that is not deployed, or not for that account.
 */
export function orderOf(event: unknown, desk: Desk): Policy | Adhoc {
  if (isNaming(event)) return namedPolicy(event, desk);
  const order = wholeOrder(event, desk);
  const isTakenWhole = isAdhoc(order) || order.dryRun || !desk.policies || !desk.isDeployed;
  if (isTakenWhole) return order;
  if (!desk.policies?.some(({ policy }) => policy === order.policy)) {
    throw new Refusal('The event is refused', [
      `policy: there is no policy "${order.policy}" in this deployment any more, and it is a whole policy: add "dryRun": true to see what these rules would do. Nothing is taken, copied or deleted`,
    ]);
  }
  throw new Refusal('The event is refused', [
    `it is a whole policy, and the deployed policy "${order.policy}" may say something else: send {"policy": "${order.policy}"}, or add "dryRun": true to see what these rules would do. Nothing is taken, copied or deleted`,
  ]);
}

/** Reads an event that does not only name a policy. Whoever adds rules to a name may not know that they are refused. */
function wholeOrder(event: unknown, { policies = [], isDeployed }: Desk): Policy | Adhoc {
  try {
    return parseEvent(event);
  } catch (error) {
    const { policy: name } = Object(event);
    const isNamed = isDeployed && policies.some(({ policy }) => policy === name);
    if (!(error instanceof Refusal && isNamed)) throw error;
    throw new Refusal('The event is refused', [
      `it is no whole policy, and more than the name of one: send {"policy": "${name}"}`,
      ...error.problems,
    ]);
  }
}

/** {@link orderOf} for the jobs that work by policy only. */
export function policyOf(event: unknown, desk: Desk): Policy {
  const order = orderOf(event, desk);
  if (!isAdhoc(order)) return order;
  throw new Refusal('The event is refused', [
    'adhoc: only snapshot takes ad-hoc events: send {"policy": "<name>"}',
  ]);
}

/** {@link policyOf} for the jobs that always work for all servers of a policy: their limits are those of the whole. */
export function wholePolicyOf(event: unknown, desk: Desk): Policy {
  const policy = policyOf(event, desk);
  if (!isNarrowed(event)) return policy;
  throw new Refusal('The event is refused', [
    'servers, regions: only snapshot and cleanup can be narrowed: leave them out',
  ]);
}

function namedPolicy(event: unknown, { policies }: Desk): Policy {
  const asked = readEvent(event, Naming);
  const refuse = (problem: string): never => {
    throw new Refusal('The event is refused', [`${problem}: nothing is taken, copied or deleted`]);
  };
  const name = asked.policy;
  if (!policies) return refuse('policy: no policies are deployed with this code, so send a whole one');
  const its = policies.filter(({ policy }) => policy === name);
  if (its.length === 0) {
    const names = [...new Set(policies.map(({ policy }) => policy))].join(', ') || 'none';
    return refuse(`policy: there is no policy "${name}" in this deployment, which has ${names}`);
  }
  const deployed = its.find((one) => covers(one.account, asked.account));
  if (!deployed)
    return refuse(`account: the policy "${name}" is not deployed for the account "${asked.account}"`);
  const others = asked.regions?.filter((region) => deployed.regions?.includes(region) === false) ?? [];
  if (others.length > 0) {
    return refuse(
      `regions: the policy "${name}" is not for ${others.join(', ')}, but for ${deployed.regions?.join(', ')}`,
    );
  }
  return {
    ...deployed,
    account: asked.account,
    dryRun: deployed.dryRun || asked.dryRun,
    ...(asked.regions ? { regions: asked.regions } : {}),
    servers: asked.servers ? { ...deployed.servers, only: asked.servers } : deployed.servers,
  };
}
