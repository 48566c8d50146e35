// How well servers are protected, reckoned from the words of the docs alone: docs/monitoring.md
// says what is late and what is trouble, docs/retention.md what is good. Nothing here comes from
// lib.

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A schedule with its times written down by hand, or how often it comes. */
export interface Timetable {
  expression: string;
  /** Whether the schedule asks for a snapshot at this full hour. */
  isTime?: (hour: Date) => boolean;
  everyMs?: number;
}

export const TIMETABLES: Timetable[] = [
  { expression: 'cron(0 0 * * ? *)', isTime: (at) => at.getUTCHours() === 0 },
  {
    expression: 'cron(0 8-17 ? * MON-FRI *)',
    isTime: (at) =>
      at.getUTCHours() >= 8 && at.getUTCHours() <= 17 && at.getUTCDay() >= 1 && at.getUTCDay() <= 5,
  },
  { expression: 'cron(0 0 1 * ? *)', isTime: (at) => at.getUTCHours() === 0 && at.getUTCDate() === 1 },
  {
    expression: 'cron(0 0 1-20 11 ? 2026)',
    isTime: (at) =>
      at.getUTCHours() === 0 &&
      at.getUTCDate() <= 20 &&
      at.getUTCMonth() === 10 &&
      at.getUTCFullYear() === 2026,
  },
  { expression: 'rate(8 hours)', everyMs: 8 * HOUR_MS },
  { expression: 'rate(3 days)', everyMs: 3 * DAY_MS },
];

/** The first time of a timetable after a moment; undefined when there is none in the next year. */
function timeAfter({ isTime, everyMs }: Timetable, moment: Date): Date | undefined {
  if (everyMs) return new Date(moment.getTime() + everyMs);
  const first = Math.floor(moment.getTime() / HOUR_MS + 1) * HOUR_MS;
  for (let ms = first; ms < first + 400 * DAY_MS; ms += HOUR_MS) {
    if (isTime!(new Date(ms))) return new Date(ms);
  }
  return undefined;
}

/** The latest time of a timetable at or before a moment, `runs` times before the latest. */
export function timeBefore({ isTime, everyMs }: Timetable, moment: Date, runs: number): Date | undefined {
  if (everyMs) return new Date(moment.getTime() - (runs + 0.4) * everyMs);
  let left = runs;
  const last = Math.floor(moment.getTime() / HOUR_MS) * HOUR_MS;
  for (let ms = last; ms > last - 900 * DAY_MS; ms -= HOUR_MS) {
    if (isTime!(new Date(ms)) && left-- === 0) return new Date(ms);
  }
  return undefined;
}

/** What the maker of a world knows of a snapshot. */
export interface KnownSnapshot {
  id: string;
  policy: string;
  server: string;
  slot: Date;
  createdAt: Date;
  status: string;
  bytes: number;
  /** The end of the hold; undefined without one. */
  heldUntil: Date | undefined;
}

export interface KnownServer {
  id: string;
  name: string;
  createdAt: Date;
  tag: string;
  /** Whether the cloud still has it. */
  exists: boolean;
}

export interface KnownRegion {
  account: string;
  region: string;
  readable: boolean;
  servers: KnownServer[];
  snapshots: KnownSnapshot[];
}

export interface KnownPolicy {
  policy: string;
  timetable: Timetable;
  accounts: readonly string[];
  /** Undefined for all. */
  regions: string[] | undefined;
  select: { all: true } | { names: string } | { tag: string };
}

export type Counts = Record<'good' | 'pending' | 'stuck' | 'failed' | 'unknown', number>;

/** A series as it should be said. */
export interface Reckoned {
  account: string;
  region: string;
  policy: string;
  server: string;
  /** Of a server that is gone, the name that its images have. */
  name: string;
  isGone: boolean;
  state: 'protected' | 'late' | 'never' | 'waiting' | 'deselected' | 'orphaned' | 'adhoc';
  /** Since when the next snapshot has been due, where it is late. */
  due: Date | undefined;
  counts: Counts;
  /** The failed ones that are trouble. */
  failing: number;
  bytes: number;
  images: string[];
}

/** A pending snapshot of an idle server is stuck after an hour. */
function kindOf({ status, bytes, createdAt }: KnownSnapshot, now: Date): keyof Counts {
  if (status === 'active') return bytes > 0 ? 'good' : 'unknown';
  if (['killed', 'error'].includes(status)) return 'failed';
  if (!['queued', 'saving'].includes(status)) return 'unknown';
  return now.getTime() - createdAt.getTime() > HOUR_MS ? 'stuck' : 'pending';
}

/** A server's name, or its id, without the characters that the name of an image can't have. */
function nameInImages({ id, name }: KnownServer): string {
  return name.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '').trim() || id;
}

function isSelected({ select }: KnownPolicy, { name, tag }: KnownServer): boolean {
  if ('all' in select) return true;
  return 'names' in select ? name.startsWith(select.names) : tag === select.tag;
}

/** "late" is half of the interval that begins at the next time. */
function standing(
  timetable: Timetable,
  server: KnownServer,
  newest: Date | undefined,
  now: Date,
): Pick<Reckoned, 'state' | 'due'> {
  const bad = newest ? 'late' : 'never';
  if (!timeAfter(timetable, now)) return { state: bad, due: undefined };
  const due = timeAfter(timetable, newest ?? server.createdAt)!;
  const following = timeAfter(timetable, due);
  const isLate = following && now.getTime() - due.getTime() >= (following.getTime() - due.getTime()) / 2;
  return isLate ? { state: bad, due } : { state: newest ? 'protected' : 'waiting', due: undefined };
}

/** Every series of all readable regions. */
export function reckon(regions: KnownRegion[], policies: KnownPolicy[], now: Date): Reckoned[] {
  return regions.flatMap(({ account, region, readable, servers, snapshots }) => {
    if (!readable) return [];
    const reckonSeries = (policy: string, server: KnownServer, its: KnownSnapshot[]) => {
      const counts: Counts = { good: 0, pending: 0, stuck: 0, failed: 0, unknown: 0 };
      for (const one of its) counts[kindOf(one, now)] += 1;
      const bytes = its.reduce((sum, one) => sum + one.bytes, 0);
      const good = its.filter((one) => kindOf(one, now) === 'good' && one.slot <= now);
      const isReplaced = ({ heldUntil, slot }: KnownSnapshot) =>
        heldUntil !== undefined && heldUntil > now && good.some((one) => one.slot >= slot);
      const failed = its.filter((one) => kindOf(one, now) === 'failed');
      return {
        account,
        region,
        policy,
        server: server.id,
        name: server.exists ? server.name : nameInImages(server),
        isGone: !server.exists,
        counts,
        failing: failed.filter((one) => !isReplaced(one)).length,
        bytes,
        images: its.map(({ id }) => id),
      };
    };
    const here = policies.filter(
      (one) => one.accounts.includes(account) && (!one.regions || one.regions.includes(region)),
    );
    const ofPolicies = here.flatMap((one) =>
      servers.flatMap((server): Reckoned[] => {
        const its = snapshots.filter((s) => s.policy === one.policy && s.server === server.id);
        const series = reckonSeries(one.policy, server, its);
        if (server.exists && isSelected(one, server)) {
          const good = its.filter((s) => kindOf(s, now) === 'good').map(({ slot }) => slot.getTime());
          const newest = good.length > 0 ? new Date(Math.max(...good)) : undefined;
          return [{ ...series, ...standing(one.timetable, server, newest, now) }];
        }
        return its.length > 0
          ? [{ ...series, state: server.exists ? 'deselected' : 'orphaned', due: undefined }]
          : [];
      }),
    );
    const adhocSeries = servers.flatMap((server): Reckoned[] => {
      const its = snapshots.filter((s) => s.policy === 'adhoc' && s.server === server.id);
      return here.length > 0 && its.length > 0
        ? [{ ...reckonSeries('adhoc', server, its), state: 'adhoc', due: undefined }]
        : [];
    });
    return [...ofPolicies, ...adhocSeries];
  });
}

/** The servers that no policy of their account selects. */
export function uncoveredBy(regions: KnownRegion[], policies: KnownPolicy[]): string[] {
  return regions.flatMap(({ account, region, readable, servers }) =>
    servers
      .filter(({ exists }) => readable && exists)
      .filter(
        (server) =>
          !policies.some(
            (one) =>
              one.accounts.includes(account) &&
              (!one.regions || one.regions.includes(region)) &&
              isSelected(one, server),
          ),
      )
      .map(({ id }) => id),
  );
}

/** Whether a policy's selector matches no server, as far as all its servers could be listed. */
export function matchesNothing(policy: KnownPolicy, account: string, regions: KnownRegion[]): boolean {
  const its = regions.filter(
    (one) => one.account === account && (!policy.regions || policy.regions.includes(one.region)),
  );
  const servers = its.flatMap((one) => one.servers).filter(({ exists }) => exists);
  return its.every(({ readable }) => readable) && !servers.some((server) => isSelected(policy, server));
}

const STATES = ['waiting', 'protected', 'late', 'never'];

/**
 * The state of each server that is to have snapshots: the worst of its series, unless one waits.
 */
export function standingsOf(series: Reckoned[]): { key: string; state: string }[] {
  const expected = series.filter(({ state }) => STATES.includes(state));
  const servers = Map.groupBy(expected, ({ account, region, server }) => `${account} ${region} ${server}`);
  return [...servers].map(([key, its]) => ({
    key,
    state: STATES[Math.max(...its.map(({ state }) => STATES.indexOf(state)))]!,
  }));
}
