import pMap from 'p-map';
import { isoSeconds, isStuck, readMarker, type Snapshot } from './marker.ts';
import type { Server } from './openstack/compute.ts';
import type { Session } from './openstack/session.ts';
import { ADHOC, type Policy } from './policy.ts';
import { type Entry, finishReport, type Report, type SnapshotLine, worst } from './report.ts';
import { type Decision, retain, retainAdhoc } from './retention.ts';
import { confirm, leftForTime, lineOf, rotate } from './rotation.ts';
import type { Run } from './run.ts';
import { type RegionSurvey, survey } from './survey.ts';

/** One snapshot in a plan: kept, to be deleted now, or left to a later run. */
export interface Item {
  snapshot: Snapshot;
  fate: 'keep' | 'delete' | 'defer';
  reasons: string[];
}

/** What is to become of the snapshots of one server under one policy in one region. */
export interface SeriesPlan {
  server: string;
  /** Empty when the server is gone. */
  name: string;
  region: string;
  policy: string;
  /** Newest first. */
  items: Item[];
}

export interface RegionPlan {
  region: string;
  series: SeriesPlan[];
  warnings: string[];
}

interface PlanOptions {
  owner: string;
  projectId: string;
  now: Date;
}

/**
 * Decides, for one completely listed region, what is to become of each snapshot of `policy`, and of the ad-hoc
 * snapshots. A server that is gone keeps its whole series.
 */
export function planCleanup(
  { region, servers, images }: RegionSurvey,
  policy: Policy,
  { owner, projectId, now }: PlanOptions,
): RegionPlan {
  const warnings: string[] = [];
  const ours: Snapshot[] = [];
  for (const image of images) {
    const read = readMarker(image, owner, projectId);
    if (typeof read === 'string') warnings.push(`${region}: ${read}: it is kept and not counted`);
    else if (read && (read.policy === policy.policy || read.policy === ADHOC)) ours.push(read);
  }

  const serverOf = new Map(servers.map((server) => [server.id, server]));
  const grouped = Map.groupBy(ours, (s) => `${s.policy} ${s.server}`);
  const series = [...grouped.values()].map((snapshots): SeriesPlan => {
    const { server: id, policy: name } = snapshots[0]!;
    const server = serverOf.get(id);
    const decisions =
      name === ADHOC
        ? snapshots.map((s) => retainAdhoc(s, now))
        : retain(snapshots, policy.keep, { now, timezone: policy.timezone });
    if (!server) {
      warnings.push(
        `${region}: server ${id} is gone: its ${snapshots.length} ${name} snapshots are all kept`,
      );
    }
    for (const s of snapshots) warnings.push(...oddities(s, server, now).map((odd) => `${region}: ${odd}`));
    const items = limitDeletes(
      decisions.map((decision) => itemOf(decision, Boolean(server))),
      policy.maxDeletes,
    );
    return { server: id, name: server?.name ?? '', region, policy: name, items };
  });
  return { region, series, warnings };
}

/** What an operator should know of a snapshot, beyond what becomes of it. */
function oddities(s: Snapshot, server: Server | undefined, now: Date): string[] {
  const image = `image ${s.id} of ${server?.name ?? s.server}`;
  return [
    ...(isStuck(s, server?.taskState ?? null, now)
      ? [
          `${image} is ${s.status} since ${isoSeconds(s.createdAt)} and its server is idle: it will never finish; delete it`,
        ]
      : []),
    ...(s.slot > now
      ? [`${image} is dated in the future (${isoSeconds(s.slot)}): it is kept and not counted`]
      : []),
  ];
}

function itemOf({ snapshot, keep, reasons }: Decision, serverExists: boolean): Item {
  if (keep) return { snapshot, fate: 'keep', reasons };
  if (!serverExists)
    return { snapshot, fate: 'keep', reasons: ['its server is gone: the series is kept whole'] };
  if (snapshot.volumeBacked) {
    return { snapshot, fate: 'keep', reasons: ['its data lie in volume snapshots, which are not rotated'] };
  }
  return { snapshot, fate: 'delete', reasons };
}

/** The oldest first; what is over the limit waits. `items` are newest first. */
function limitDeletes(items: Item[], maxDeletes: number): Item[] {
  const allowed = new Set(items.filter(({ fate }) => fate === 'delete').slice(-maxDeletes));
  return items.map((item) =>
    item.fate !== 'delete' || allowed.has(item)
      ? item
      : {
          ...item,
          fate: 'defer',
          reasons: [...item.reasons, `more than ${maxDeletes} (maxDeletes) in one run`],
        },
  );
}

/**
 * Rotates the snapshots of a policy: plans from complete listings, deletes one by one with a last look at each, and
 * lists again to report only what is really gone. With `dryRun` it plans and stops.
 *
 * @throws {Refusal} when the policy names a region that the account lacks.
 */
export async function cleanUp(session: Session, policy: Policy, run: Run): Promise<Report> {
  const { owner, now } = run;
  const startedMs = performance.now();
  const { regions, unreadable } = await survey(session, policy.regions);
  // The listing at the end takes as long as the one at the start: deletions stop early enough for it.
  const reserveMs = 2 * (performance.now() - startedMs);

  const failures = unreadable.map(
    ({ region, problem }) => `${region} can't be read, so nothing is deleted there: ${problem}`,
  );
  const warnings: string[] = [];
  const entries: Entry[] = [];
  await pMap(regions, async (surveyed) => {
    const plan = planCleanup(surveyed, policy, { owner, projectId: session.projectId, now });
    warnings.push(...plan.warnings);
    if (policy.dryRun) {
      entries.push(
        ...plan.series.map((series) =>
          entryOf(
            series,
            series.items.map((item) => lineOf(item)),
          ),
        ),
      );
      return;
    }
    const results = await rotate(session, plan.series, {
      owner,
      now,
      atLeast: policy.keep.atLeast,
      reserveMs,
    });
    const confirmed = await confirm(session, plan.region, results);
    failures.push(...confirmed.failures);
    warnings.push(...confirmed.warnings);
    entries.push(...confirmed.results.map((result) => entryOf(result.plan, result.lines)));
  });
  const left = leftForTime(entries.flatMap((e) => e.snapshots ?? []));
  if (left > 0) failures.push(`stopped in time: ${left} snapshots are left for the next try`);

  return finishReport({
    job: 'cleanup',
    policy: policy.policy,
    owner,
    account: policy.account,
    dryRun: policy.dryRun,
    failures,
    warnings,
    nothingSelected: false,
    entries,
  });
}

function entryOf({ server, name, region }: SeriesPlan, snapshots: SnapshotLine[]): Entry {
  return { server, name, region, outcome: worst(snapshots.map(({ outcome }) => outcome)), snapshots };
}
