import { isoSeconds } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import { ValidationError } from '../config/validation-error.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { finishReport } from '../reporting/finish-report.ts';
import { type Finding, type Reason, unreadableRegions } from '../reporting/reasons.ts';
import type { Entry, Report } from '../reporting/report.ts';
import type { Run } from '../runtime/run.ts';
import { listInventory } from '../snapshots/inventory.ts';
import { unprovenFacts } from './abandoned-servers.ts';
import { attemptOf, type DrillAttempt, isUnproven, previewDrill } from './attempt.ts';
import { abandonedOf, finalResultOf, isDrillOverdue } from './attempt-result.ts';
import { startDrills } from './begin.ts';
import { mappedServerVolumes, plannedVolumes, quotaProblem } from './disks.ts';
import { attemptEntries, drillEntry, skippedEntries, volumeDrillEntries } from './entries.ts';
import { type AbandonedVolume, abandonedVolumes, openVolumeDrills } from './open-volume-drills.ts';
import { type BegunDrill, type DrillPolicy, drillProblem, MOST_STUCK, planDrills } from './plan.ts';
import { flavorsOf, serverRequestFor } from './request-server.ts';
import { type DrillTarget, sourceReaderOf, targetsIn } from './targets.ts';
import { withoutVolumes } from './verdict.ts';
import { type VolumeDrill, volumeDrillResult } from './volume-drill.ts';
import type { DrillLog, VolumeRecord } from './volume-record.ts';
import {
  advanceVolumeDrills,
  attemptsIn,
  checkOnce,
  checkUntilSettled,
  type DrillRun,
  withdrawSurplus,
} from './watch.ts';

/**
 * Boots snapshots of a policy as throw-away servers, checks whether they boot, writes the verdicts
 * on their images and deletes the servers. A run begins the drills that are due by `drill.schedule`
 * and checks their servers until the run deadline. The next run resumes unfinished drills: it finds
 * them by the metadata of the servers and the records on the images.
 *
 * @throws {ValidationError} when the policy has no `drill`; when it is for Rackspace and lists no
 *   networks, because Rackspace would then connect the servers to its own networks; or when it
 *   names a region that the account lacks.
 */
export async function runDrills(session: Session, policy: Policy, run: Run): Promise<Report> {
  if (!hasDrill(policy)) {
    throw new ValidationError({ code: 'JOB_NOT_IN_POLICY', policy: policy.policy, job: 'drill' });
  }
  const { owner, now } = run;
  const { drill } = policy;
  const problem = drillProblem(drill, session.provider);
  if (problem) throw new ValidationError({ code: 'JOB_REFUSED', job: 'drill', reasons: [problem] });
  const needsVolumes = drill.volumes || session.provider === 'rackspace';
  const { regions, throwAways, unreadable } = await listInventory(session, policy.regions, {
    owner,
    volumes: needsVolumes ? 'all' : undefined,
  });
  const read = sourceReaderOf(session, regions, policy, run);
  const snapshots = targetsIn(session, regions, { policy, run, unreadable, read });
  const { account } = policy;
  const { records, log, unread } = await readLog(run.drills, account);
  const common = { session, owner, account, drill, read, log };
  const work: DrillRun = { ...common, policy, now, regions, throwAways, snapshots };
  const { entries, attempts, problems } = await (policy.dryRun
    ? planOnly(work, records)
    : carryOut(work, records));
  const isAbandoned = ({ server, step }: DrillAttempt) =>
    step.state === 'abandoned' && server.policy === policy.policy;
  const [abandoned, foreign] = [true, false].map((wanted) =>
    attempts.filter((attempt) => isUnproven(attempt.step) && isAbandoned(attempt) === wanted),
  ) as [DrillAttempt[], DrillAttempt[]];
  const nextRun = drill.schedule.next(now);
  return finishReport({
    job: 'drill',
    policy: policy.policy,
    owner,
    account: policy.account,
    dryRun: policy.dryRun,
    ...(nextRun ? { nextRun: isoSeconds(nextRun) } : {}),
    failures: [
      ...unreadableRegions('drill', unreadable),
      ...unread,
      ...problems,
      ...abandoned.map(
        ({ server, step }): Finding => ({
          code: 'DRILL_SERVER_ABANDONED',
          ...unprovenFacts(server, step.reasons),
        }),
      ),
    ],
    unreadable,
    warnings: foreign.map(
      ({ server, step }): Finding => ({
        code: 'DRILL_SERVER_FOREIGN',
        ...unprovenFacts(server, step.reasons),
      }),
    ),
    nothingSelected: false,
    entries,
  });
}

interface DrillRunResult {
  entries: Entry[];
  attempts: DrillAttempt[];
  /** Problems that belong to the policy and not to a single entry. */
  problems: Finding[];
}

/** The records of the drills of an account that have made volumes. Without them, none is begun. */
async function readLog(
  log: DrillLog | undefined,
  account: string,
): Promise<{ records: VolumeRecord[]; log: DrillLog | undefined; unread: Finding[] }> {
  try {
    return { records: (await log?.list(account)) ?? [], log, unread: [] };
  } catch (error) {
    const { message } = error as Error;
    return { records: [], log: undefined, unread: [{ code: 'DRILL_RECORDS_UNREADABLE', message }] };
  }
}

/** Reports what a run would do. Changes nothing. */
async function planOnly(work: DrillRun, records: readonly VolumeRecord[]): Promise<DrillRunResult> {
  const attempts = await attemptsIn(work);
  const drills = await openVolumeDrills(work, records, attempts);
  await checkOnce(work, attempts, previewDrill);
  const { waiting, capacity, skip, problems } = await planAfter(work, attempts, { drills, records });
  const planned: Entry[] = [];
  const plan = planner(work);
  for (const target of waiting) {
    if (planned.filter(({ outcome }) => outcome === 'planned').length >= capacity) break;
    planned.push(await plan(target));
  }
  const leftovers = attemptEntries(attempts, ({ step, needless }) =>
    step.state === 'running'
      ? {
          outcome: 'planned',
          reasons: [
            needless === undefined
              ? { code: 'DRILL_TO_JUDGE' }
              : { code: 'DRILL_TO_DELETE', because: needless },
          ],
        }
      : step,
  );
  const open = volumeDrillEntries(
    drills.filter(({ attempt }) => !attempt),
    ({ record }) => ({
      outcome: 'planned',
      reasons: [{ code: 'DRILL_VOLUMES_OPEN', names: record.volumes.map(({ name }) => name) }],
    }),
  );
  return { entries: [...leftovers, ...open, ...planned, ...skippedEntries(skip)], attempts, problems };
}

/** Plans the drill of a snapshot for a dry run. */
function planner(work: DrillRun): (target: DrillTarget) => Promise<Entry> {
  const flavors = flavorsOf(work.session);
  return async (target) => {
    const volumes = mappedServerVolumes(target.disks);
    const facts = { nonce: 'nonce', now: work.now, volumes };
    const designed = serverRequestFor(target, work, await flavors(target.region), facts);
    const problem =
      'problem' in designed
        ? designed.problem
        : await quotaProblem(work.session, target.region, target.disks);
    if (problem || 'problem' in designed) {
      return drillEntry(target, { outcome: 'failed', reasons: [problem!] });
    }
    const missing = withoutVolumes(target.disks.without);
    const reasons = [designed.reason, ...plannedVolumes(target.disks), ...missing] as const;
    return drillEntry(target, { outcome: 'planned', reasons: [...reasons] as [Reason, ...Reason[]] });
  };
}

/**
 * Checks the existing throw-away servers and volumes, begins the drills that are due, and checks
 * all of them until the run deadline.
 */
async function carryOut(work: DrillRun, records: readonly VolumeRecord[]): Promise<DrillRunResult> {
  const attempts = await attemptsIn(work);
  const drills = await openVolumeDrills(work, records, attempts);
  await checkOnce(work, attempts);
  await advanceVolumeDrills(work, drills, attempts);
  const { waiting, capacity, skip, problems } = await planAfter(work, attempts, { drills, records });
  const { servers, volumeDrills, refused } = await startDrills(work, waiting, capacity);
  const targetOf = ({ image, region }: { image: string; region: string }) =>
    work.snapshots.find((one) => one.id === image && one.region === region);
  attempts.push(...servers.map((server) => attemptOf(server, { target: targetOf(server) })));
  drills.push(...volumeDrills);
  if (servers.length > 0) await withdrawSurplus(work, attempts);
  await checkUntilSettled(work, attempts, drills);
  const hasOwnEntry = ({ state, attempt }: VolumeDrill) => !attempt || state !== 'booting';
  const own = drills.filter(hasOwnEntry);
  const followed = attempts.filter((attempt) => !own.some((drill) => drill.attempt === attempt));
  return {
    entries: [
      ...attemptEntries(followed, (attempt) => finalResultOf(attempt, work.drill, new Date())),
      ...volumeDrillEntries(own, volumeDrillResult),
      ...refused.map(({ target, result }) => drillEntry(target, result)),
      ...skippedEntries(skip),
    ],
    attempts,
    problems: [...problems, ...drills.flatMap(({ abandoned }) => abandoned)],
  };
}

/** {@link abandonedVolumes}, and the error that keeps them from being read. */
async function readAbandonedVolumes(
  work: DrillRun,
  records: readonly VolumeRecord[],
): Promise<{ abandoned: AbandonedVolume[]; findings: Finding[] }> {
  // Without the records it is unknown which volumes they name.
  if (!work.log) return { abandoned: [], findings: [] };
  try {
    const abandoned = await abandonedVolumes(work, records);
    return { abandoned, findings: abandoned.map(({ finding }) => finding) };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return { abandoned: [], findings: [{ code: 'CLOUD', ...errorFactsOf(error) }] };
  }
}

/** The drills to begin, with the existing servers and volumes of drills taken into account. */
async function planAfter(
  work: DrillRun,
  attempts: readonly DrillAttempt[],
  { drills, records }: { drills: readonly VolumeDrill[]; records: readonly VolumeRecord[] },
) {
  const { snapshots, policy, drill, now } = work;
  // A server that was deleted since the listing counts until a listing lacks it, so that a snapshot
  // never has two servers.
  const own = attempts.filter(({ server, step }) => !isUnproven(step) && server.policy === policy.policy);
  const volumes = await readAbandonedVolumes(work, records);
  const abandoned: BegunDrill[] = [
    ...abandonedOf(attempts, policy.policy),
    ...new Map(volumes.abandoned.map((one) => [one.nonce, one])).values(),
  ];
  const withoutServer = drills.filter(
    ({ attempt, record, state }) => !attempt && record.policy === policy.policy && state !== 'done',
  );
  const begunOf = ({ record: { region, image, at } }: VolumeDrill) => ({ region, image, createdAt: at });
  const [stuck, running] = [true, false].map((is): BegunDrill[] => [
    ...own.filter((attempt) => isDrillOverdue(attempt, drill, now) === is).map(({ server }) => server),
    ...withoutServer.filter(({ state }) => (state === 'later') === is).map(begunOf),
  ]) as [BegunDrill[], BegunDrill[]];
  const isByHand = policy.servers.only !== undefined;
  const plan = planDrills(snapshots, { running, stuck, abandoned }, { ...drill, isByHand }, now);
  const count = stuck.length + abandoned.length;
  const stuckProblem: Finding[] = count >= MOST_STUCK ? [{ code: 'DRILLS_STUCK', count }] : [];
  const problems = [...stuckProblem, ...volumes.findings];
  return { ...plan, problems };
}

function hasDrill(policy: Policy): policy is DrillPolicy {
  return policy.drill !== undefined;
}
