import { Temporal } from 'temporal-polyfill';
import type { Policy } from '../config/policy.ts';
import { intervalMs, type Schedule } from '../config/schedule.ts';
import { problemWith } from '../drill/plan.ts';
import type { Server } from '../openstack/compute.ts';
import type { Session } from '../openstack/session.ts';
import { sentenceOf } from '../reporting/sentences.ts';
import { type Selection, selectServers } from '../snapshots/selector.ts';
import { type Finding, fail, pass, warn } from './diagnosis.ts';
import { closest } from './schedule-overlap.ts';

const MINUTE_MS = 60_000;
/** What a snapshot may take at Rackspace. */
const SNAPSHOT_MS = 60 * MINUTE_MS;
const MOST_NAMES = 10;

/** A policy, and the servers that it selects. */
export interface Aim {
  policy: Policy;
  selection: Selection;
  /** One of its regions can't be looked into: what was not found may be there. */
  partial: boolean;
}

/** The regions that a policy names, or all of the account's. */
export function regionsOf({ regions }: Pick<Policy, 'regions'>, known: readonly string[]): string[] {
  return [...new Set(regions ?? known)];
}

/** Resolves a policy's servers; `servers` has those of each region that could be listed. */
export function aimOf(
  policy: Policy,
  known: readonly string[],
  servers: ReadonlyMap<string, readonly Server[]>,
): Aim {
  const listed = regionsOf(policy, known).map((region) => servers.get(region));
  const selection = selectServers(
    listed.flatMap((its) => its ?? []),
    policy.servers,
  );
  return { policy, selection, partial: listed.includes(undefined) };
}

/** Whether the account has the regions that a policy names; a run is refused where it lacks one. */
export function checkRegions(policy: Pick<Policy, 'regions'>, known: readonly string[]): Finding {
  const wanted = regionsOf(policy, known);
  const unknown = wanted.filter((region) => !known.includes(region));
  return unknown.length === 0
    ? pass('regions', `${wanted.join(', ')}${policy.regions ? '' : ' (all)'}`)
    : fail(
        'regions',
        `the account has no region ${unknown.join(', ')}: it has ${known.join(', ')}`,
        'Correct regions, or leave it out for all that there are.',
      );
}

/** Whether each part of a policy's `servers` finds some, which they are, and whether images can be made of them. */
export function checkServers(
  { selection: { servers, missingIds, unmatched }, partial }: Aim,
  provider: Session['provider'],
): Finding[] {
  const lacks = (detail: string, remedy: string) =>
    partial ? warn('servers', `${detail}, in the regions that can be read`) : fail('servers', detail, remedy);
  const allExcepted = servers.length + missingIds.length + unmatched.length === 0;
  const onVolumes = servers.filter(({ volumeBacked }) => volumeBacked && provider === 'rackspace');
  const scheduled = servers.filter(({ imageSchedule }) => imageSchedule);
  return [
    ...(servers.length > 0 ? [pass('servers', `${servers.length}: ${namesOf(servers)}`)] : []),
    ...unmatched.map((selector) =>
      lacks(`${selector} matches no server`, 'Correct it, or name or tag the servers so.'),
    ),
    ...(missingIds.length > 0
      ? [lacks(`ids: there is no server ${listed(missingIds)}`, 'Correct the id, or take it out.')]
      : []),
    ...(allExcepted
      ? [lacks('except takes out all that the others select', 'Take some out of except.')]
      : []),
    ...(onVolumes.length > 0
      ? [
          fail(
            'servers',
            `Rackspace makes no images of servers whose disk is a volume: ${namesOf(onVolumes)}`,
            'Back them up with Cloud Block Storage, and name them in servers.except.',
          ),
        ]
      : []),
    ...(scheduled.length > 0
      ? [
          warn(
            'servers',
            `Rackspace's own image schedule takes these too: ${namesOf(scheduled)}`,
            'Disable it there: the two keep each other from working.',
          ),
        ]
      : []),
  ];
}

/** When a policy's snapshots are taken and rotated next: in UTC, and in its own time zone. */
export function checkSchedules(
  { schedule, cleanup, timezone }: Pick<Policy, 'schedule' | 'cleanup' | 'timezone'>,
  now: Date,
): Finding[] {
  const remedy = 'Correct it: its last field is the year, * for every one.';
  const takes = nextText(schedule, timezone, now);
  const rotates = nextText(cleanup, timezone, now);
  return [
    takes
      ? pass('schedule', takes)
      : fail('schedule', 'it never fires again: no snapshot is taken any more', remedy),
    rotates
      ? pass('cleanup', rotates)
      : warn('cleanup', 'it never fires again: all snapshots are kept', remedy),
  ];
}

/** Whether a policy's drills can begin, if it asks for them, and when the next one is due. */
export function checkDrill(
  { drill, timezone }: Pick<Policy, 'drill' | 'timezone'>,
  provider: Session['provider'],
  now: Date,
): Finding[] {
  if (!drill) return [];
  const problem = problemWith(drill, provider);
  if (problem) return [fail('drill', sentenceOf(problem), 'Name it in drill.networks.')];
  const begins = nextText(drill.schedule, timezone, now);
  return begins
    ? [pass('drill', begins)]
    : [
        warn(
          'drill',
          'its schedule never fires again: nothing is proven any more',
          'Correct drill.schedule.',
        ),
      ];
}

function nextText({ next, exact }: Schedule, timezone: string, now: Date): string | undefined {
  const at = next(now);
  if (!at) return undefined;
  const local = timezone === 'UTC' ? '' : `, ${timeText(at, timezone)} in ${timezone}`;
  return `next ${exact ? 'at' : 'by'} ${timeText(at)} UTC${local}`;
}

/**
 * Whether two policies get in each other's way at the servers that both take: a server makes one snapshot at a time,
 * and a busy one is tried again only until half the interval has passed.
 */
export function checkOverlap(one: Aim, other: Aim, now: Date): Finding[] {
  const theirs = new Set(other.selection.servers.map(({ id }) => id));
  const shared = one.selection.servers.filter(({ id }) => theirs.has(id));
  const schedules = [one.policy.schedule, other.policy.schedule] as const;
  const met = shared.length > 0 && closest(...schedules, now);
  if (!met || met.gapMs >= SNAPSHOT_MS) return [];
  const halfMs = Math.min(...schedules.map((s) => (intervalMs(s, met.at) ?? Number.POSITIVE_INFINITY) / 2));
  if (halfMs >= SNAPSHOT_MS) return [];
  const [gap, half] = [met.gapMs / MINUTE_MS, halfMs / MINUTE_MS];
  return [
    warn(
      'schedule',
      `it fires ${gap} minutes from ${other.policy.policy} at ${timeText(met.at)} UTC, and both take ${namesOf(shared)}: whichever is second waits for ${half} minutes at most, and a snapshot may take an hour`,
      'Set them hours apart: a server makes one snapshot at a time.',
    ),
  ];
}

/** "2026-11-23 18:00" */
function timeText(date: Date, timezone = 'UTC'): string {
  const time = Temporal.Instant.fromEpochMilliseconds(date.getTime()).toZonedDateTimeISO(timezone);
  return time.toPlainDateTime().toString({ smallestUnit: 'minute' }).replace('T', ' ');
}

function namesOf(servers: readonly Server[]): string {
  return listed(servers.map(({ name, id }) => name || id).sort());
}

function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
