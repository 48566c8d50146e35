import pMap from 'p-map';
import * as v from 'valibot';
import { eachAccount } from '../config/accounts.ts';
import { eachAccountOf, isNaming, policyOf } from '../config/event.ts';
import { type Policy, parsePolicy } from '../config/policy.ts';
import { isKeyOf, readOptionalEvent } from '../config/read-event.ts';
import { strict } from '../config/schema.ts';
import { invalidEvent, ValidationError } from '../config/validation-error.ts';
import type { FieldProblem } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { localDisksFinder } from '../snapshots/local-disks.ts';
import { forecastRegionQuotas } from '../snapshots/quota-finder.ts';
import { type AccountAccess, checkLogin, checkVolumes, listRegions } from './account-checks.ts';
import {
  type CheckResult,
  type Diagnosis,
  fail,
  type ReportedCheck,
  reportedCheck,
  warn,
} from './diagnosis.ts';
import {
  checkAdoption,
  checkDrill,
  checkObjectives,
  checkOffsite,
  checkOverlap,
  checkRegions,
  checkSchedules,
  checkServers,
  checkUnselected,
  regionsOf,
  targetOf,
} from './policy-checks.ts';
import { checkBackups, checkContainer, checkDrillParts } from './remote-checks.ts';

/**
 * The number of accounts to check at the same time. All regions of an account are listed at once.
 */
const ACCOUNTS_AT_ONCE = 8;

type DoctorContext = Pick<Run, 'owner' | 'defaultOwner' | 'now'> &
  AccountAccess & {
    /** Whether the policies are all of the deployment, so that no other one selects a server. */
    areAll: boolean;
  };

/**
 * Checks whether `policies` would work: the secret, the login, the permissions and the regions of
 * each account, and the servers and the schedules of each policy. A problem with one account stops
 * no check of another account. Nothing is created or deleted: the cloud receives only logins and
 * GET requests.
 */
export async function diagnose(policies: readonly Policy[], context: DoctorContext): Promise<Diagnosis> {
  const accounts = Map.groupBy(policies, ({ account }) => account);
  const projects = new Map<string, string>();
  const login = async (account: string) => {
    const session = await context.login(account);
    projects.set(account, session.projectId);
    return session;
  };
  const checks = await pMap(
    accounts,
    async ([account, its]) => {
      const found: ReportedCheck[] = [];
      const access = { ...context, login };
      for await (const { policy, ...finding } of checkAccount(account, its, access)) {
        found.push(reportedCheck(finding, { account, ...(policy === undefined ? {} : { policy }) }));
      }
      return found;
    },
    { concurrency: ACCOUNTS_AT_ONCE },
  );
  return {
    job: 'doctor',
    owner: context.owner,
    checks: [...checks.flat(), ...duplicateProjects(policies, projects)],
  };
}

/**
 * Warns about each account that belongs to the same project as another account that comes before
 * it, in the same policy or in another one.
 */
function duplicateProjects(
  policies: readonly Policy[],
  projects: ReadonlyMap<string, string>,
): ReportedCheck[] {
  const accounts = [...new Set(policies.map(({ account }) => account))];
  return accounts.flatMap((account, i) => {
    const project = projects.get(account);
    const first = accounts.slice(0, i).find((other) => projects.get(other) === project);
    if (!project || !first) return [];
    return [reportedCheck(warn('login', { code: 'PROJECT_TWICE', project, account: first }), { account })];
  });
}

async function* checkAccount(
  account: string,
  policies: readonly Policy[],
  { owner, defaultOwner, now, areAll, ...access }: DoctorContext,
): AsyncGenerator<CheckResult & { policy?: string }> {
  const needsVolumes = policies.some(({ volumes }) => volumes !== 'none');
  const needsCopies = policies.some(({ offsite }) => offsite !== undefined);
  const session = yield* checkLogin(account, access, { needsVolumes, needsCopies });
  if (!session) {
    for (const { policy, ...its } of policies) yield* withPolicy(policy, checkSchedules(its, now));
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
  const targets = policies.map((policy) => targetOf(policy, regions, servers));
  const selected = targets.flatMap(({ selection }) => selection.servers);
  const onVolumes = targets
    .filter(({ policy }) => policy.volumes !== 'none')
    .flatMap(({ selection }) => selection.servers);
  if (areAll) yield* checkUnselected(servers, selected);
  yield* checkVolumes(session, provider === 'rackspace' ? onVolumes : selected);
  for (const [region, { images }] of listed) {
    const growing = targets.map(({ policy, selection }) => ({
      policy,
      servers: selection.servers.filter((server) => server.region === region),
    }));
    const ahead = await forecastRegionQuotas(session, region, { policies: growing, images, owner, now });
    yield* ahead.map((reason) => (reason.days === 0 ? fail : warn)('quota', reason));
  }
  // Only one policy can adopt them.
  const adopts = policies.some(({ adopt }) => adopt !== undefined);
  const localDisks = localDisksFinder(session);
  for (const [i, target] of targets.entries()) {
    const its = [...new Set(target.selection.servers.map(({ region }) => region))].sort();
    yield* withPolicy(target.policy.policy, [
      checkRegions(target.policy, regions),
      ...checkServers(target, provider),
      ...(await localDisks(target.selection.servers, target.policy)).map((reason) => warn('data', reason)),
      ...(target.policy.adopt || !adopts
        ? checkAdoption(target.policy, listed, { owner, projectId: session.projectId })
        : []),
      ...checkSchedules(target.policy, now),
      ...checkOffsite(target.policy, session, now),
      ...(await checkContainer(session, target.policy, { regions: its, owner })),
      ...(await checkBackups(session, target.policy, its)),
      ...checkDrill(target.policy, provider, now),
      ...checkObjectives(target.policy, now),
      ...(await checkDrillParts(session, target.policy.drill, its)),
      ...targets.slice(0, i).flatMap((earlier) => checkOverlap(target, earlier, now)),
    ]);
  }
}

function withPolicy(policy: string, findings: readonly CheckResult[]): (CheckResult & { policy: string })[] {
  return findings.map((finding) => ({ policy, ...finding }));
}

const DoctorEvent = strict({
  policies: v.optional(
    v.pipe(v.array(v.unknown(), 'must be a list of policies'), v.nonEmpty('must not be empty: leave it out')),
  ),
});

/**
 * The policies to check: those in the event `{"policies": […]}`, the policy that the event is or
 * names, or by default all policies of the deployment.
 *
 * @throws {ValidationError} that names every problem at once, or says that there are no policies to
 *   check.
 */
export function policiesToCheck(event: unknown, deployed: readonly Policy[] | undefined): readonly Policy[] {
  if (isNaming(event)) {
    const context = { ...(deployed ? { policies: deployed } : {}), isDeployed: true };
    return eachAccountOf(event, context).map((one) => policyOf(one, context));
  }
  if (isKeyOf('policy', event)) return eachAccount(event).map(parsePolicy);
  const read = readOptionalEvent(event, DoctorEvent);
  if (read.policies) return parseAll(read.policies);
  if (deployed?.length) return deployed;
  throw new ValidationError({ code: 'POLICIES_MISSING', isDeployed: deployed !== undefined });
}

function parseAll(events: unknown[]): Policy[] {
  const problems: FieldProblem[] = [];
  const policies = events.flatMap((event, i) => {
    try {
      return eachAccount(event).map(parsePolicy);
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      problems.push(...error.problems.map((text) => ({ field: `policies.${i}`, text })));
      return [];
    }
  });
  if (problems.length > 0) throw invalidEvent(...problems);
  return policies;
}
