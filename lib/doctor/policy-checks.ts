import { Temporal } from 'temporal-polyfill';
import { HOUR_MS, MINUTE_MS } from '../config/dates.ts';
import { dormancyOf } from '../config/dormancy.ts';
import type { Policy } from '../config/policy.ts';
import { intervalMs, type Schedule } from '../config/schedule.ts';
import { drillProblem } from '../drill/plan.ts';
import { cloudFilesProblems } from '../offsite/cloud-files.ts';
import type { Server } from '../openstack/compute.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { blockingState } from '../snapshots/blocking-state.ts';
import { cleanupTooRare } from '../snapshots/cleanup-pace.ts';
import { readerOf } from '../snapshots/ownership.ts';
import { type Selection, selectServers } from '../snapshots/selector.ts';
import { isSnapshot, type Snapshot } from '../snapshots/snapshot.ts';
import type { RegionContents } from './account-checks.ts';
import { type CheckResult, fail, pass, warn } from './diagnosis.ts';
import { closestOverlap } from './schedule-overlap.ts';

/** The time that a snapshot may take at Rackspace. */
const SNAPSHOT_MS = HOUR_MS;

/** A policy and the servers that it selects. */
export interface PolicyTarget {
  policy: Policy;
  selection: Selection;
  /**
   * Whether one of the policy's regions could not be listed. A server that was not found may be in
   * that region.
   */
  partial: boolean;
}

/** The regions of a policy: those that it names, or by default all regions of the account. */
export function regionsOf({ regions }: Pick<Policy, 'regions'>, known: readonly string[]): string[] {
  return [...new Set(regions ?? known)];
}

/**
 * Selects the servers of a policy; `servers` has the servers of each region that could be listed.
 */
export function targetOf(
  policy: Policy,
  known: readonly string[],
  servers: ReadonlyMap<string, readonly Server[]>,
): PolicyTarget {
  const listed = regionsOf(policy, known).map((region) => servers.get(region));
  const selection = selectServers(
    listed.flatMap((its) => its ?? []),
    policy.servers,
  );
  return { policy, selection, partial: listed.includes(undefined) };
}

/**
 * Checks whether the account has the regions that a policy names. A run is refused if a region is
 * missing.
 */
export function checkRegions(policy: Pick<Policy, 'regions'>, known: readonly string[]): CheckResult {
  const wanted = regionsOf(policy, known);
  const unknown = wanted.filter((region) => !known.includes(region));
  return unknown.length === 0
    ? pass('regions', { code: 'REGIONS_KNOWN', regions: wanted, isAll: policy.regions === undefined })
    : fail('regions', { code: 'REGIONS_UNKNOWN', unknown, known });
}

/**
 * Checks whether each selector of a policy matches servers, and whether the cloud can create images
 * of them.
 */
export function checkServers(
  { policy, selection, partial: isPartial }: PolicyTarget,
  provider: Session['provider'],
): CheckResult[] {
  const { servers, missingIds, unmatched, allExcepted, exceptedIds, unmatchedExceptions } = selection;
  // A server that was not found may be in a region that could not be listed.
  const lacks = (reason: Reason) => (isPartial ? warn('servers', reason) : fail('servers', reason));
  const hasNoImage = ({ volumeBacked }: Server) => volumeBacked && provider === 'rackspace';
  const onVolumes = policy.volumes === 'none' ? servers.filter(hasNoImage) : [];
  const inState = Map.groupBy(
    servers.filter((server) => blockingState(server) !== undefined),
    ({ status }) => status,
  );
  const scheduled = servers.filter(({ imageSchedule }) => imageSchedule);
  return [
    ...(servers.length > 0
      ? [pass('servers', { code: 'SERVERS_SELECTED', names: serverNames(servers) })]
      : []),
    ...unmatched.map((selector) => lacks({ code: 'SERVERS_UNMATCHED', selector, isPartial })),
    ...(missingIds.length > 0 ? [lacks({ code: 'SERVERS_MISSING', ids: missingIds, isPartial })] : []),
    ...(allExcepted ? [lacks({ code: 'SERVERS_ALL_EXCEPTED', isPartial })] : []),
    ...(exceptedIds.length > 0 ? [warn('servers', { code: 'IDS_EXCEPTED', ids: exceptedIds })] : []),
    ...unmatchedExceptions.map((selector) =>
      warn('servers', { code: 'SERVERS_EXCEPT_UNMATCHED', selector, isPartial }),
    ),
    ...(onVolumes.length > 0
      ? [fail('servers', { code: 'SERVERS_ON_VOLUMES', names: serverNames(onVolumes) })]
      : []),
    ...[...inState].map(([status, its]) =>
      fail('servers', { code: 'SERVERS_IN_STATE', status, names: serverNames(its) }),
    ),
    ...(scheduled.length > 0
      ? [warn('servers', { code: 'SERVERS_ON_IMAGE_SCHEDULE', names: serverNames(scheduled) })]
      : []),
  ];
}

/** Names the servers of each region that no policy selects. */
export function checkUnselected(
  servers: ReadonlyMap<string, readonly Server[]>,
  selected: readonly Server[],
): CheckResult[] {
  const ids = new Set(selected.map(({ region, id }) => `${region} ${id}`));
  return [...servers].flatMap(([where, all]) => {
    const others = all.filter(({ region, id }) => !ids.has(`${region} ${id}`));
    return others.length > 0
      ? [warn('servers', { code: 'SERVERS_IN_NO_POLICY', where, names: serverNames(others) })]
      : [];
  });
}

/**
 * Reports how many images of autosnap.py a policy with `adopt` takes over in each region, and how
 * many one without it would take over.
 */
export function checkAdoption(
  policy: Policy,
  regions: ReadonlyMap<string, RegionContents>,
  options: { owner: string; projectId: string },
): CheckResult[] {
  return [...regions].flatMap(([where, contents]) => {
    if (policy.regions?.includes(where) === false) return [];
    const read = readerOf(contents, { ...policy, adopt: 'autosnap.py' }, options);
    const adopted = contents.images
      .map((image) => read(image, []))
      .filter((snapshot) => isSnapshot(snapshot) && snapshot.adopted) as Snapshot[];
    const of = new Set(adopted.map(({ server }) => server));
    const names = serverNames(contents.servers.filter(({ id }) => of.has(id)));
    const facts = { where, count: adopted.length, names };
    if (!policy.adopt)
      return adopted.length > 0 ? [warn('adopt', { code: 'IMAGES_ADOPTABLE', ...facts })] : [];
    return [(adopted.length > 0 ? pass : warn)('adopt', { code: 'IMAGES_ADOPTED', ...facts })];
  });
}

/**
 * Reports when the snapshots of a policy are taken and rotated next, in UTC and in the policy's
 * time zone.
 */
export function checkSchedules(
  {
    schedule,
    cleanup,
    timezone,
    maxDeletes,
  }: Pick<Policy, 'schedule' | 'cleanup' | 'timezone' | 'maxDeletes'>,
  now: Date,
): CheckResult[] {
  const tooRare = cleanupTooRare({ schedule, cleanup, maxDeletes }, now);
  return [
    checkSchedule('schedule', schedule, timezone, now),
    checkSchedule('cleanup', cleanup, timezone, now),
    ...(tooRare ? [fail('cleanup', tooRare)] : []),
  ];
}

/**
 * Checks whether the cloud supports the target of a policy's copies, and reports when the next
 * copies are due.
 */
export function checkOffsite(
  { offsite, timezone }: Pick<Policy, 'offsite' | 'timezone'>,
  session: Pick<Session, 'provider'>,
  now: Date,
): CheckResult[] {
  if (!offsite) return [];
  const problems = cloudFilesProblems(session, offsite);
  if (problems.length > 0) return problems.map((problem) => fail('offsite', problem));
  return [checkSchedule('offsite', offsite.schedule, timezone, now)];
}

/** Checks whether the drills of a policy can run, and reports when the next drill is due. */
export function checkDrill(
  { drill, timezone }: Pick<Policy, 'drill' | 'timezone'>,
  provider: Session['provider'],
  now: Date,
): CheckResult[] {
  if (!drill) return [];
  const problem = drillProblem(drill, provider);
  if (problem) return [fail('drill', problem)];
  return [checkSchedule('drill', drill.schedule, timezone, now)];
}

/** Warns about objectives that the schedule or the drills of a policy can't meet or measure. */
export function checkObjectives(
  { schedule, drill, objectives }: Pick<Policy, 'schedule' | 'drill' | 'objectives'>,
  now: Date,
): CheckResult[] {
  const { point, time } = objectives ?? {};
  const everyMs = intervalMs(schedule, now) ?? 0;
  return [
    ...(point !== undefined && point < everyMs
      ? [warn('objectives', { code: 'OBJECTIVE_POINT_SHORT', objectiveMs: point, intervalMs: everyMs })]
      : []),
    ...(time !== undefined && drill?.check === undefined
      ? [warn('objectives', { code: 'OBJECTIVE_TIME_TO_ACTIVE' })]
      : []),
  ];
}

/** The reasons for a schedule that fires, and for one that is dormant, without their facts. */
const SCHEDULE_REASONS = {
  schedule: [{ code: 'SCHEDULE_NEXT' }, { code: 'SCHEDULE_OVER' }],
  cleanup: [{ code: 'CLEANUP_NEXT' }, { code: 'CLEANUP_OVER' }],
  offsite: [{ code: 'OFFSITE_NEXT' }, { code: 'OFFSITE_OVER' }],
  drill: [{ code: 'DRILL_NEXT' }, { code: 'DRILL_OVER' }],
} as const;

/** Only a schedule of snapshots that has ended fails: the other jobs lose no data. */
function checkSchedule(
  check: keyof typeof SCHEDULE_REASONS,
  schedule: Schedule,
  timezone: string,
  now: Date,
): CheckResult {
  const [next, over] = SCHEDULE_REASONS[check];
  const fires = nextFire(schedule, timezone, now);
  const dormancy = dormancyOf(schedule, now);
  if (fires && !dormancy) return pass(check, { ...next, ...fires });
  return (fires || check !== 'schedule' ? warn : fail)(check, { ...over, ...dormancy });
}

function nextFire({ next, exact }: Schedule, timezone: string, now: Date) {
  const at = next(now);
  if (!at) return undefined;
  const local = timezone === 'UTC' ? {} : { local: `${localTimeText(at, timezone)} in ${timezone}` };
  return { at: localTimeText(at), exact, ...local };
}

/**
 * Warns about two policies that select the same servers and whose schedules nearly coincide. A
 * server can create only one snapshot at a time, and the second policy retries a busy server only
 * until half of its interval has passed.
 */
export function checkOverlap(one: PolicyTarget, other: PolicyTarget, now: Date): CheckResult[] {
  const theirs = new Set(other.selection.servers.map(({ id }) => id));
  const shared = one.selection.servers.filter(({ id }) => theirs.has(id));
  const schedules = [one.policy.schedule, other.policy.schedule] as const;
  const met = shared.length > 0 && closestOverlap(...schedules, now);
  if (!met || met.gapMs >= SNAPSHOT_MS) return [];
  const halfMs = Math.min(...schedules.map((s) => (intervalMs(s, met.at) ?? Number.POSITIVE_INFINITY) / 2));
  if (halfMs >= SNAPSHOT_MS) return [];
  const [gap, wait] = [met.gapMs / MINUTE_MS, halfMs / MINUTE_MS];
  const facts = {
    gap,
    wait,
    other: other.policy.policy,
    at: localTimeText(met.at),
    names: serverNames(shared),
  };
  return [warn('schedule', { code: 'SCHEDULES_OVERLAP', ...facts })];
}

/** "2026-11-23 18:00" */
function localTimeText(date: Date, timezone = 'UTC'): string {
  const time = Temporal.Instant.fromEpochMilliseconds(date.getTime()).toZonedDateTimeISO(timezone);
  return time.toPlainDateTime().toString({ smallestUnit: 'minute' }).replace('T', ' ');
}

function serverNames(servers: readonly Server[]): string[] {
  return servers.map(({ name, id }) => name || id).sort();
}
