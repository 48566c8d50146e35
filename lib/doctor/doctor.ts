import pMap from 'p-map';
import * as v from 'valibot';
import { eachAccount } from '../config/accounts.ts';
import { eachAccountOf, isNaming, policyOf } from '../config/event.ts';
import { isKeyOf, type Policy, parsePolicy, readOptionalEvent } from '../config/policy.ts';
import { strict } from '../config/schema.ts';
import { invalidEvent, ValidationError } from '../config/validation-error.ts';
import type { Run } from '../runtime/run.ts';
import { forecastRegionQuotas } from '../snapshots/quota-finder.ts';
import { unprotectedDataFinder } from '../snapshots/unprotected-data.ts';
import { type AccountAccess, checkLogin, checkVolumes, listRegions } from './account-checks.ts';
import { type CheckName, type CheckResult, checkOf, type Diagnosis, fail, warn } from './diagnosis.ts';
import {
  checkDrill,
  checkOffsite,
  checkOverlap,
  checkRegions,
  checkSchedules,
  checkServers,
  regionsOf,
  targetOf,
} from './policy-checks.ts';
import { checkContainer, checkDrillParts } from './remote-checks.ts';

/** Accounts, in each of which all regions are listed. */
const AT_ONCE = 8;

type Instruments = Pick<Run, 'owner' | 'defaultOwner' | 'now'> & AccountAccess;

/**
 * Checks whether `policies` would work: each account's secret, login, rights and regions, and each
 * policy's servers and schedules. What is wrong with one account stops no check of another. Nothing
 * is created or deleted: all that the cloud receives is a login and GETs.
 */
export async function diagnose(policies: readonly Policy[], instruments: Instruments): Promise<Diagnosis> {
  const accounts = Map.groupBy(policies, ({ account }) => account);
  const projects = new Map<string, string>();
  const login = async (account: string) => {
    const session = await instruments.login(account);
    projects.set(account, session.projectId);
    return session;
  };
  const checks = await pMap(
    accounts,
    async ([account, its]) => {
      const found: CheckName[] = [];
      const access = { ...instruments, login };
      for await (const { policy, ...finding } of examine(account, its, access)) {
        found.push(checkOf(finding, { account, ...(policy === undefined ? {} : { policy }) }));
      }
      return found;
    },
    { concurrency: AT_ONCE },
  );
  return {
    job: 'doctor',
    owner: instruments.owner,
    checks: [...checks.flat(), ...doubles(policies, projects)],
  };
}

/** The accounts of a policy that are of the same project as one before. */
function doubles(policies: readonly Policy[], projects: ReadonlyMap<string, string>): CheckName[] {
  return policies.flatMap(({ policy, account }, i) => {
    const project = projects.get(account);
    const first = policies
      .slice(0, i)
      .find((other) => other.policy === policy && projects.get(other.account) === project);
    if (!project || !first) return [];
    return [checkOf(warn('login', { code: 'PROJECT_TWICE', project, account: first.account }), { account })];
  });
}

async function* examine(
  account: string,
  policies: readonly Policy[],
  { owner, defaultOwner, now, ...access }: Instruments,
): AsyncGenerator<CheckResult & { policy?: string }> {
  const session = yield* checkLogin(account, access);
  if (!session) {
    for (const { policy, ...its } of policies) yield* of(policy, checkSchedules(its, now));
    return;
  }
  const { provider, regions } = session;
  const wanted = new Set(policies.flatMap((policy) => regionsOf(policy, regions)));
  const listed = yield* listRegions(session, wanted.intersection(new Set(regions)), {
    owner,
    now,
    ids: policies.flatMap((policy) => policy.servers.ids ?? []),
    ...(defaultOwner ? { defaultOwner } : {}),
  });
  const servers = new Map([...listed].map(([region, its]) => [region, its.servers]));
  const aims = policies.map((policy) => targetOf(policy, regions, servers));
  const selected = aims.flatMap(({ selection }) => selection.servers);
  if (provider === 'keystone') yield* checkVolumes(session, selected);
  for (const [region, { images }] of listed) {
    const growing = aims.map(({ policy, selection }) => ({
      policy,
      servers: selection.servers.filter((server) => server.region === region),
    }));
    const ahead = await forecastRegionQuotas(session, region, { policies: growing, images, owner, now });
    yield* ahead.map((reason) => (reason.days === 0 ? fail : warn)('quota', reason));
  }
  const unprotectedData = unprotectedDataFinder(session);
  for (const [i, aim] of aims.entries()) {
    const its = [...new Set(aim.selection.servers.map(({ region }) => region))].sort();
    yield* of(aim.policy.policy, [
      checkRegions(aim.policy, regions),
      ...checkServers(aim, provider),
      ...(await unprotectedData(aim.selection.servers, aim.policy)).map((reason) => warn('data', reason)),
      ...checkSchedules(aim.policy, now),
      ...checkOffsite(aim.policy, session, now),
      ...(await checkContainer(session, aim.policy, { regions: its, owner })),
      ...checkDrill(aim.policy, provider, now),
      ...(await checkDrillParts(session, aim.policy.drill, its)),
      ...aims.slice(0, i).flatMap((earlier) => checkOverlap(aim, earlier, now)),
    ]);
  }
}

function of(policy: string, findings: readonly CheckResult[]): (CheckResult & { policy: string })[] {
  return findings.map((finding) => ({ policy, ...finding }));
}

const Asked = strict({
  policies: v.optional(
    v.pipe(v.array(v.unknown(), 'must be a list of policies'), v.nonEmpty('must not be empty: leave it out')),
  ),
});

/**
 * The policies to check: those of the event `{"policies": […]}`, the one that it is or names, else
 * those of the deployment.
 *
 * @throws {ValidationError} that names every problem at once, or says that there is nothing to
 *   check.
 */
export function policiesToCheck(event: unknown, deployed: readonly Policy[] | undefined): readonly Policy[] {
  if (isNaming(event)) {
    const desk = { ...(deployed ? { policies: deployed } : {}), isDeployed: true };
    return eachAccountOf(event, desk).map((one) => policyOf(one, desk));
  }
  if (isKeyOf('policy', event)) return eachAccount(event).map(parsePolicy);
  const asked = readOptionalEvent(event, Asked);
  if (asked.policies) return parseAll(asked.policies);
  if (deployed?.length) return deployed;
  throw new ValidationError({ code: 'POLICIES_MISSING', isDeployed: deployed !== undefined });
}

function parseAll(events: unknown[]): Policy[] {
  const problems: string[] = [];
  const policies = events.flatMap((event, i) => {
    try {
      return eachAccount(event).map(parsePolicy);
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      problems.push(...error.problems.map((problem) => `policies.${i}: ${problem}`));
      return [];
    }
  });
  if (problems.length > 0) throw invalidEvent(...problems);
  return policies;
}
