import pMap from 'p-map';
import { readerOf } from '../belonging.ts';
import { isoSeconds } from '../dates.ts';
import type { Snapshot } from '../marker.ts';
import type { Session } from '../openstack/session.ts';
import type { Policy } from '../policy.ts';
import { Refusal } from '../refusal.ts';
import { type Entry, finishReport, type Report } from '../report.ts';
import type { Run } from '../run.ts';
import { survey } from '../survey.ts';
import { begin, type Candidate, design, flavorsOf } from './begin.ts';
import { type DrillPolicy, planDrills, problemWith } from './plan.ts';
import { atTheEnd, type Result, type Trial, trialOf } from './trial.ts';
import { follow, look, trialsIn, type Work, withdrawSurplus } from './watch.ts';

/**
 * Boots snapshots of a policy as throw-away servers, sees whether they come up, writes that on their images, and deletes
 * the servers. A run begins what `drill.schedule` is due for and follows it while its time lasts. What is not settled
 * then, or was left by a run that broke off, the next run finds by the servers' markers.
 *
 * @throws {Refusal} when the policy has no `drill`, would put copies on Rackspace's networks without naming them, or
 *   names a region that the account lacks.
 */
export async function runDrills(session: Session, policy: Policy, run: Run): Promise<Report> {
  if (!hasDrill(policy))
    refuse('drill: is missing: this policy asks for no drills; add drill with a schedule');
  const { owner, now } = run;
  const { drill } = policy;
  const problem = problemWith(drill, session.provider);
  if (problem) refuse(problem);
  const { regions, unreadable } = await survey(session, policy.regions, { owner });
  const readers = new Map(
    regions.map((one) => [
      one.region,
      readerOf(one, policy, { owner, projectId: session.projectId, policies: run.policies }),
    ]),
  );
  const snapshots = regions
    .flatMap(({ region, images, volumeSnapshots }) =>
      images.map((image) => readers.get(region)!(image, volumeSnapshots)),
    )
    .filter((s): s is Snapshot => typeof s === 'object' && s.policy === policy.policy);
  const readerFor = (region: string) => readers.get(region)!;
  const work: Work = { session, owner, drill, readerFor, policy, now, regions, snapshots };
  const entries = await (policy.dryRun ? rehearse(work) : carryOut(work));
  const nextRun = drill.schedule.next(now);
  return finishReport({
    job: 'drill',
    policy: policy.policy,
    owner,
    account: policy.account,
    dryRun: policy.dryRun,
    ...(nextRun ? { nextRun: isoSeconds(nextRun) } : {}),
    failures: unreadable.map(
      ({ region, problem }) => `${region} can't be read, so nothing is drilled there: ${problem}`,
    ),
    unreadable,
    warnings: [],
    nothingSelected: false,
    entries,
  });
}

/** What a run would do, without doing it. */
async function rehearse(work: Work): Promise<Entry[]> {
  const trials = trialsIn(work);
  const turn = turnAfter(work, trials);
  const flavors = flavorsOf(work.session);
  const planned = await pMap(turn.begin, async (snapshot): Promise<Entry> => {
    const designed = design(candidateOf(work, snapshot), work, await flavors(snapshot.region), work.now);
    return 'problem' in designed
      ? entryOf(work, snapshot, { outcome: 'failed', reason: designed.problem })
      : entryOf(work, snapshot, { outcome: 'planned', reason: `would be booted as ${designed.words}` });
  });
  const leftovers = trials.map(({ server, needless }) => {
    const reason = needless === undefined ? 'would be judged, then deleted' : `would be deleted: ${needless}`;
    return entryFor(work, server, { outcome: 'planned', reason });
  });
  return [...leftovers, ...planned, ...skipped(work, turn.skip)];
}

/** Looks after what is there, begins what is due, and follows all of it while there is time. */
async function carryOut(work: Work): Promise<Entry[]> {
  const trials = trialsIn(work);
  await look(work, trials);
  const turn = turnAfter(work, trials);
  const flavors = flavorsOf(work.session);
  const refused: Entry[] = [];
  const beginOne = async (snapshot: Snapshot) => {
    const begun = await begin(work, candidateOf(work, snapshot), flavors);
    if ('outcome' in begun) refused.push(entryOf(work, snapshot, begun));
    else trials.push(trialOf(begun));
  };
  await pMap(turn.begin, beginOne, { concurrency: 4 });
  if (turn.begin.length > 0) await withdrawSurplus(work, trials);
  await follow(work, trials);
  const followed = trials.map((trial) =>
    entryFor(work, trial.server, atTheEnd(trial, work.drill, new Date())),
  );
  return [...followed, ...refused, ...skipped(work, turn.skip)];
}

/** What is to be begun beside the throw-away servers that were found. */
function turnAfter({ snapshots, policy, drill, now }: Work, trials: readonly Trial[]) {
  // One that has gone since keeps its place, too, until a listing is without it: two may never be there for one.
  const running = trials
    .filter(({ server, step }) => step.state !== 'foreign' && server.policy === policy.policy)
    .map(({ server }) => server);
  return planDrills(snapshots, running, drill, now);
}

function candidateOf(work: Work, snapshot: Snapshot): Candidate {
  const { images } = work.regions.find(({ region }) => region === snapshot.region)!;
  const image = images.find(({ id }) => id === snapshot.id)!;
  return { snapshot, image, name: nameOf(work, snapshot) };
}

function skipped(work: Work, skip: ReturnType<typeof planDrills>['skip']): Entry[] {
  return skip.map(({ snapshot, reason }) => entryOf(work, snapshot, { outcome: 'skipped', reason }));
}

/** What has become of a throw-away server, as an entry of the server that its snapshot is of. */
function entryFor(work: Work, server: Trial['server'], { outcome, reason }: Result): Entry {
  const { id, name, region, policy, image } = server;
  const snapshot = work.snapshots.find((one) => one.id === image && one.region === region);
  const result = { outcome, reason: `${name} (${id}): ${reason}` };
  return snapshot ? entryOf(work, snapshot, result) : { server: id, name, region, policy, image, ...result };
}

function entryOf(work: Work, snapshot: Snapshot, { outcome, reason }: Result): Entry {
  const { server, region, policy, id } = snapshot;
  return { server, name: nameOf(work, snapshot), region, policy, image: id, outcome, reason };
}

function nameOf({ regions }: Work, { server, region }: Snapshot): string {
  const its = regions.find((one) => one.region === region)?.servers.find(({ id }) => id === server);
  return its?.name ?? '';
}

function hasDrill(policy: Policy): policy is DrillPolicy {
  return policy.drill !== undefined;
}

function refuse(problem: string): never {
  throw new Refusal('The event is refused', [problem]);
}
