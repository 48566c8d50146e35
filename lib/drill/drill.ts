import { isoSeconds } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import { ValidationError } from '../config/validation-error.ts';
import type { Session } from '../openstack/session.ts';
import { type Finding, unreadableRegions } from '../reporting/reasons.ts';
import { type Entry, finishReport, type Report } from '../reporting/report.ts';
import { reasonOf } from '../reporting/sentences.ts';
import type { Run } from '../runtime/run.ts';
import { fullServerNameIn } from '../snapshots/image-name.ts';
import { homeOf, listInventory } from '../snapshots/inventory.ts';
import { isSnapshot, serverNameIn } from '../snapshots/marker.ts';
import { readerOf } from '../snapshots/ownership.ts';
import { certainlySelects } from '../snapshots/selector.ts';
import { unprovenFacts } from './abandoned-servers.ts';
import {
  abandonedOf,
  attemptOf,
  type DrillAttempt,
  type DrillResult,
  finalResultOf,
  isDrillOverdue,
  isUnproven,
  previewDrill,
} from './attempt.ts';
import { type Candidate, flavorsOf, serverRequestFor, startDrills } from './begin.ts';
import {
  type Drillable,
  type DrillPlan,
  type DrillPolicy,
  drillProblem,
  MOST_STUCK,
  planDrills,
} from './plan.ts';
import { readRecords } from './record.ts';
import type { ThrowAway } from './throw-away.ts';
import { attemptsIn, checkOnce, checkUntilSettled, type DrillRun, withdrawSurplus } from './watch.ts';

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
  const { regions, throwAways, unreadable } = await listInventory(session, policy.regions, { owner });
  const readers = new Map(
    regions.map((one) => [
      one.region,
      readerOf(one, policy, { owner, projectId: session.projectId, policies: run.policies }),
    ]),
  );
  const serverOf = new Map(regions.flatMap(({ servers }) => servers.map((server) => [server.id, server])));
  const isRead = (name: string) => regions.some(({ region }) => region === name);
  const snapshots = regions.flatMap((surveyed) =>
    surveyed.images.flatMap((image): Drillable[] => {
      const snapshot = readers.get(surveyed.region)!(image, surveyed.volumeSnapshots);
      if (!isSnapshot(snapshot) || snapshot.policy !== policy.policy) return [];
      const home = homeOf(image, snapshot, surveyed);
      const isElsewhere = home === undefined ? unreadable.length > 0 : !isRead(home);
      const { server } = snapshot;
      const name = fullServerNameIn(snapshot);
      const isUnselected = !certainlySelects(policy.servers, server, serverOf.get(server), name);
      return [{ ...snapshot, records: readRecords(image), isElsewhere, isUnselected }];
    }),
  );
  const readerFor = (region: string) => readers.get(region)!;
  const work: DrillRun = { session, owner, drill, readerFor, policy, now, regions, throwAways, snapshots };
  const { entries, attempts, problems } = await (policy.dryRun ? planOnly(work) : carryOut(work));
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

/** Reports what a run would do. Changes nothing. */
async function planOnly(work: DrillRun): Promise<DrillRunResult> {
  const attempts = await attemptsIn(work);
  await checkOnce(work, attempts, previewDrill);
  const { waiting, capacity, skip, problems } = planAfter(work, attempts);
  const flavors = flavorsOf(work.session);
  const planned: Entry[] = [];
  for (const snapshot of waiting) {
    if (planned.filter(({ outcome }) => outcome === 'planned').length >= capacity) break;
    const itsFlavors = await flavors(snapshot.region);
    const designed = serverRequestFor(candidateOf(work, snapshot), work, itsFlavors, 'nonce', work.now);
    planned.push(
      'problem' in designed
        ? drillEntry(work, snapshot, {
            outcome: 'failed',
            reasons: [designed.problem],
          })
        : drillEntry(work, snapshot, {
            outcome: 'planned',
            reasons: [designed.reason],
          }),
    );
  }
  const leftovers = drillEntries(work, attempts, ({ step, needless }) =>
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
  return { entries: [...leftovers, ...planned, ...skipped(work, skip)], attempts, problems };
}

/**
 * Checks the existing throw-away servers, begins the drills that are due, and checks all servers
 * until the run deadline.
 */
async function carryOut(work: DrillRun): Promise<DrillRunResult> {
  const attempts = await attemptsIn(work);
  await checkOnce(work, attempts);
  const { waiting, capacity, skip, problems } = planAfter(work, attempts);
  const candidates = waiting.map((snapshot) => candidateOf(work, snapshot));
  const { servers, refused } = await startDrills(work, candidates, capacity);
  attempts.push(...servers.map((server) => attemptOf(server)));
  if (servers.length > 0) await withdrawSurplus(work, attempts);
  await checkUntilSettled(work, attempts);
  const followed = drillEntries(work, attempts, (attempt) => finalResultOf(attempt, work.drill, new Date()));
  const notBegun = refused.map(({ candidate, result }) => drillEntry(work, candidate.snapshot, result));
  return { entries: [...followed, ...notBegun, ...skipped(work, skip)], attempts, problems };
}

/** The drills to begin, with the throw-away servers that already exist taken into account. */
function planAfter({ snapshots, policy, drill, now }: DrillRun, attempts: readonly DrillAttempt[]) {
  // A server that was deleted since the listing counts until a listing lacks it, so that a snapshot
  // never has two servers.
  const own = attempts.filter(({ server, step }) => !isUnproven(step) && server.policy === policy.policy);
  const abandoned = abandonedOf(attempts, policy.policy);
  const [stuck, running] = [true, false].map((is) =>
    own.filter((attempt) => isDrillOverdue(attempt, drill, now) === is).map(({ server }) => server),
  ) as [ThrowAway[], ThrowAway[]];
  const isByHand = policy.servers.only !== undefined;
  const plan = planDrills(snapshots, { running, stuck, abandoned }, { ...drill, isByHand }, now);
  const count = stuck.length + abandoned.length;
  const problems: Finding[] = count >= MOST_STUCK ? [{ code: 'DRILLS_STUCK', count }] : [];
  return { ...plan, problems };
}

function candidateOf(work: DrillRun, snapshot: Drillable): Candidate {
  const { images } = work.regions.find(({ region }) => region === snapshot.region)!;
  const image = images.find(({ id }) => id === snapshot.id)!;
  return { snapshot, image, name: serverNameOf(work, snapshot) };
}

function skipped(work: DrillRun, skip: DrillPlan<Drillable>['skip']): Entry[] {
  return skip.map(({ snapshot, reason }) =>
    drillEntry(work, snapshot, { outcome: 'skipped', reasons: [reason] }),
  );
}

/**
 * The report entries of the throw-away servers. Each entry is under the server whose snapshot was
 * booted.
 */
function drillEntries(
  work: DrillRun,
  attempts: readonly DrillAttempt[],
  resultOf: (attempt: DrillAttempt) => DrillResult,
): Entry[] {
  return attempts
    .filter(({ step }) => !isUnproven(step))
    .map((attempt) => {
      const { id, name, region, policy, image } = attempt.server;
      const snapshot = work.snapshots.find((one) => one.id === image && one.region === region);
      const { outcome, reasons } = resultOf(attempt);
      const entry = snapshot
        ? drillEntry(work, snapshot, { outcome, reasons })
        : { server: id, name, region, policy, image, outcome, ...reasonOf(...reasons) };
      return { ...entry, reason: `${name} (${id}): ${entry.reason}` };
    });
}

function drillEntry(work: DrillRun, snapshot: Drillable, { outcome, reasons }: DrillResult): Entry {
  const { server, region, policy, id } = snapshot;
  return {
    server,
    name: serverNameOf(work, snapshot),
    region,
    policy,
    image: id,
    outcome,
    ...reasonOf(...reasons),
  };
}

/** The name of a snapshot's server; of a server that is gone, its name in the snapshot. */
function serverNameOf({ regions }: DrillRun, snapshot: Drillable): string {
  const { server, region } = snapshot;
  const its = regions.find((one) => one.region === region)?.servers.find(({ id }) => id === server);
  return its?.name ?? serverNameIn(snapshot);
}

function hasDrill(policy: Policy): policy is DrillPolicy {
  return policy.drill !== undefined;
}
