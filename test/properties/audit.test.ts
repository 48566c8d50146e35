import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { audit } from '../../lib/audit/audit.ts';
import { digest } from '../../lib/audit/digest.ts';
import { headline } from '../../lib/audit/headline.ts';
import { publishMetrics } from '../../lib/audit/metrics.ts';
import type { Audit } from '../../lib/audit/model.ts';
import type { PageData } from '../../lib/audit/page/data.ts';
import { reportPage } from '../../lib/audit/page.ts';
import { parsePolicy } from '../../lib/config/policy.ts';
import { parseSecret } from '../../lib/credentials/parse-secret.ts';
import { connect } from '../../lib/openstack/session.ts';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { markerOf } from '../../lib/snapshots/marker.ts';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import { answers } from '../../local/cloud/faults.ts';
import { captureLogs, policy, setTime, stubEnvironment } from '../harness.ts';
import { always } from './always.ts';
import {
  type KnownPolicy,
  type KnownRegion,
  matchesNothing,
  type Reckoned,
  reckon,
  standingsOf,
  TIMETABLES,
  timeBefore,
  uncoveredBy,
} from './reckoning.ts';

// What an audit says, its sentence, digest, page and metrics, against what reckoning.ts makes of
// the same clouds from the docs' words.

const OWNER = 'autosnap-test';
const HOUR_MS = 3_600_000;
const NAMES = ['web-1', 'web-2', 'db-1', 'ütf'];
const POLICIES = ['daily', 'office', 'other'];
const MOMENTS = [
  '2026-11-23T06:00:00Z',
  '2026-11-24T15:00:00Z',
  '2026-12-01T13:00:00Z',
  '2026-11-22T20:30:00Z',
];

const clouds = new Map<string, Cloud>();
afterEach(async () => {
  await Promise.all([...clouds.values()].map((cloud) => cloud.close()));
  clouds.clear();
});

const mostly = <T>(usual: T, ...others: T[]) =>
  fc.oneof(
    { weight: 5, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

const snapshots = fc.record({
  policy: fc.constantFrom(...POLICIES, ...POLICIES, 'removed', 'adhoc'),
  runs: fc.integer({ min: 0, max: 5 }),
  status: mostly('active', 'killed', 'error', 'queued', 'saving', 'deactivated', 'empty'),
  gigabytes: fc.integer({ min: 2, max: 9 }),
  hold: mostly('none', 'forever', '2026-12-24'),
  visibility: mostly<'private' | 'shared'>('private', 'shared'),
});
const servers = fc.record({
  name: fc.constantFrom(...NAMES),
  ageHours: fc.constantFrom(3, 40, 700, 9_000),
  tag: fc.constantFrom('', 'a'),
  exists: mostly(true, false),
  snapshots: fc.array(snapshots, { maxLength: 5 }),
});
const policies = fc.record({
  timetable: fc.constantFrom(...TIMETABLES),
  regions: mostly<string[] | undefined>(undefined, ['DFW'], ['ORD']),
  select: fc.constantFrom<KnownPolicy['select']>({ all: true }, { names: 'web-' }, { tag: 'a' }),
  accounts: fc.constantFrom(['rackspace'], ['rackspace', 'customer-b'], ['customer-b']),
});
const worlds = fc.record({
  now: fc.constantFrom(...MOMENTS),
  policies: fc.array(policies, { minLength: 1, maxLength: 3 }),
  regions: fc.tuple(
    ...['rackspace', 'customer-b'].flatMap((account) =>
      ['DFW', 'ORD'].map((region) =>
        fc.record({
          account: fc.constant(account),
          region: fc.constant(region),
          readable: mostly(true, false),
          servers: fc.array(servers, { maxLength: 4 }),
        }),
      ),
    ),
  ),
});
type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

/** Makes the clouds of a world; what is known of them is all that the reckoning gets. */
function build({ now, policies: asked, regions }: World): { known: KnownRegion[]; policies: KnownPolicy[] } {
  const wanted = asked.map((one, i): KnownPolicy => ({ ...one, policy: POLICIES[i]! }));
  const known = regions.map(({ account, region, readable, servers: specs }, r): KnownRegion => {
    const cloud = clouds.get(account)!;
    const place = cloud.region(region);
    const found: KnownRegion = { account, region, readable, servers: [], snapshots: [] };
    if (!readable) {
      cloud.faults.push({
        service: 'image',
        region,
        answer: answers.forbidden,
        times: Number.POSITIVE_INFINITY,
      });
    }
    for (const [s, { name, ageHours, tag, exists, snapshots: its }] of specs.entries()) {
      const id = `00000000-0000-4000-8000-0000000000${r}${s}`;
      const createdAt = new Date(Date.parse(now) - ageHours * HOUR_MS);
      found.servers.push({ id, name, createdAt, tag, exists });
      if (exists) place.addServer({ id, name, createdAt, metadata: tag ? { tag } : {} });
      for (const [i, { policy: of, runs, status, gigabytes, hold, visibility }] of its.entries()) {
        const timetable = wanted.find((one) => one.policy === of)?.timetable ?? TIMETABLES[0]!;
        const time = timeBefore(timetable, new Date(now), runs);
        if (!time) continue;
        const slot = new Date(Math.floor(time.getTime() / 1000) * 1000);
        const made = new Date(slot.getTime() + 20_000);
        const isDone = !['queued', 'saving'].includes(status);
        const bytes = isDone && status !== 'empty' ? gigabytes * 1e9 : 0;
        const marker = markerOf(
          of === 'adhoc'
            ? { owner: OWNER, server: id, slot, expires: undefined, request: `request-${i}` }
            : { owner: OWNER, server: id, slot, policy: of },
        );
        const image = place.addImage({
          name: imageName({ id, name }, of, slot),
          owner: cloud.account.projectId,
          createdAt: made,
          status: status === 'empty' ? 'active' : status,
          size: bytes,
          visibility,
          properties: { ...marker, autosnap_hold: hold, image_type: 'snapshot', instance_uuid: id },
        });
        const seen = status === 'empty' ? 'active' : status;
        found.snapshots.push({
          id: image.id,
          policy: of,
          server: id,
          slot,
          createdAt: made,
          status: seen,
          bytes,
          heldUntil: HOLDS[hold],
        });
      }
    }
    return found;
  });
  return { known, policies: wanted };
}

/** The audit of a world, with what it should have found. */
async function audited(world: World) {
  setTime(world.now);
  await Promise.all([...clouds.values()].map((cloud) => cloud.close()));
  clouds.clear();
  for (const account of ['rackspace', 'customer-b'])
    clouds.set(account, await startCloud({ projectId: `project-of-${account}` }));
  const { known, policies: wanted } = build(world);
  const now = new Date(world.now);
  const asked = wanted.flatMap(({ policy: name, timetable, accounts, regions, select }) =>
    accounts.map((account) =>
      parsePolicy(
        policy({
          policy: name,
          schedule: timetable.expression,
          account,
          ...(regions ? { regions } : {}),
          servers:
            'all' in select
              ? select
              : 'names' in select
                ? { names: [`${select.names}*`] }
                : { tagged: { tag: select.tag } },
        }),
      ),
    ),
  );
  const login = (account: string) =>
    connect(async () => parseSecret(account, clouds.get(account)!.secret('rackspace')), {
      remainingMs: () => 60_000,
    });
  const run = { owner: OWNER, now, requestId: 'r', policies: asked };
  const found = await audit(asked, run, login);
  const used = new Set(wanted.flatMap(({ accounts }) => accounts));
  const regions = known.filter(({ account }) => used.has(account));
  return { found, regions, policies: wanted, now, expected: reckon(regions, wanted, now) };
}

/** When the holds end. A bare date ends when the day has ended in every time zone. */
const HOLDS: Record<string, Date | undefined> = {
  forever: new Date(8.64e15),
  '2026-12-24': new Date('2026-12-25T12:00:00Z'),
};

const keyOf = ({
  account,
  region,
  policy: name,
  server,
}: Pick<Reckoned, 'account' | 'region' | 'policy' | 'server'>) => `${account} ${region} ${name} ${server}`;

/** Each series as a line, of the audit and of the reckoning. */
function linesOf(series: Omit<Reckoned, 'due' | 'isGone' | 'failing'>[]): string[] {
  return series
    .map(
      (one) =>
        `${keyOf(one)}: ${one.state} ${one.name} ${JSON.stringify(one.counts)} ${one.bytes} ${one.images.toSorted()}`,
    )
    .sort();
}

const sum = <T>(all: readonly T[], of: (one: T) => number) => all.reduce((total, one) => total + of(one), 0);

/** What was emitted for CloudWatch for a policy as a whole. */
function metricsOf(found: Audit): Map<string, Record<string, number>> {
  stubEnvironment('http://127.0.0.1:9');
  const lines = captureLogs();
  publishMetrics(found);
  const emitted = lines.filter((line) => line.includes('CloudWatchMetrics')).map((line) => JSON.parse(line));
  return new Map(emitted.flatMap((one) => (one.server || one.account ? [] : [[one.policy, one] as const])));
}

test('property: series, totals, sentence, digest, page and metrics agree with the docs', () =>
  always(
    fc.asyncProperty(worlds, async (world) => {
      const { found, regions, policies: wanted, now, expected } = await audited(world);
      const unread = regions.filter(({ readable }) => !readable);
      const several = new Set(regions.map(({ account }) => account)).size > 1;

      expect(
        linesOf(
          found.series.map(({ good, pending, stuck, failed, unknown, snapshots: its, ...one }) => ({
            ...one,
            counts: { good, pending, stuck, failed, unknown },
            images: its.map(({ image }) => image),
          })),
        ),
      ).toEqual(linesOf(expected));
      const dueOf = new Map(expected.map((one) => [keyOf(one), one.due]));
      for (const one of found.series.filter(({ state, cause }) => state === 'late' && !cause)) {
        const due = dueOf.get(keyOf(one))!;
        expect(1000 * one.lateSeconds!).toBe(now.getTime() - due.getTime());
      }
      const stored = sum(
        regions.filter(({ readable }) => readable).flatMap((one) => one.snapshots),
        (one) => one.bytes,
      );
      expect(found.bytes).toBe(stored);
      expect(found.unmanagedBytes).toBe(stored - sum(expected, (one) => one.bytes));
      expect(found.uncovered.map(({ server }) => server).sort()).toEqual(uncoveredBy(regions, wanted).sort());
      expect(found.unlisted).toHaveLength(unread.length);
      for (const one of found.policies) {
        const { timetable: _, ...its } = wanted.find((w) => w.policy === one.policy)!;
        const isNone = matchesNothing({ ...its, timetable: TIMETABLES[0]! }, one.account, regions);
        expect(one.nothingSelected, `${one.policy} of ${one.account}`).toBe(isNone);
      }

      // The sentence.
      const worstSeriesOfServers = standingsOf(expected);
      const having = (...states: string[]) =>
        worstSeriesOfServers.filter(({ state }) => states.includes(state)).length;
      const said = headline(found);
      const bad = having('late', 'never');
      if (worstSeriesOfServers.length > 0) {
        expect(said).toContain(`${having('protected')} of ${worstSeriesOfServers.length} server`);
        expect(/; (\d+) servers have no fresh snapshot/.exec(said)?.[1] ?? '1').toBe(`${Math.max(bad, 1)}`);
        expect(
          /(is .* late|has no good \w+ snapshot|have no fresh|: the schedule has ended)/.test(said),
        ).toBe(bad > 0);
        expect(/(\d+) waits? for/.exec(said)?.[1] ?? '0').toBe(`${having('waiting')}`);
      }
      const wantedUnread = unread.filter(({ account, region }) =>
        wanted.some(
          (one) => one.accounts.includes(account) && (!one.regions || one.regions.includes(region)),
        ),
      );
      expect(said.includes("can't be read")).toBe(wantedUnread.length > 0);

      // The digest.
      const { text, good } = digest(found, [], undefined);
      const late = expected.filter(({ state }) => state === 'late' || state === 'never');
      const watched = expected.filter(({ state, isGone }) =>
        state === 'adhoc' ? !isGone : !['deselected', 'orphaned'].includes(state),
      );
      const failed = watched.filter(({ failing }) => failing > 0);
      const stuck = watched.filter(({ counts }) => counts.stuck > 0);
      const unknown = watched.filter(({ counts }) => counts.unknown > 0);
      const sectionOf = (title: string) =>
        text
          .split('\n\n')
          .find((part) => part.startsWith(`${title}\n`))
          ?.split('\n')
          .slice(1) ?? [];
      const placesOf = (series: Reckoned[]) =>
        series
          .map(
            ({ name, region, account, policy: of }) =>
              `${name} in ${several ? `${region} (${account})` : region}, ${of}`,
          )
          .sort();
      for (const [title, its] of [
        ['Late', late],
        ['Snapshots that failed', failed],
        ['Snapshots that are stuck', stuck],
        ['Snapshots that do not count', unknown],
      ] as const) {
        const lines = sectionOf(title);
        if (its.length <= 20) {
          const names = lines.map((line) => line.slice(2).split(':')[0]!);
          // Servers of the same name have their ids, so that no two lines are of the same server.
          expect(new Set(names).size, title).toBe(its.length);
          const withoutId = names.map((name) => name.replace(/ \([0-9a-f-]{8,}\)(?= in )/, ''));
          expect(withoutId.sort(), title).toEqual(placesOf(its));
        }
      }
      const ended = found.policies.some(({ nextRun }) => !nextRun);
      const nothing = found.policies.some(({ nothingSelected }) => nothingSelected);
      const isBad =
        late.length + failed.length + stuck.length + unknown.length + wantedUnread.length > 0 ||
        ended ||
        nothing;
      expect(good).toBe(!isBad && found.policies.every(({ problems }) => problems.length === 0));
      if (isBad) expect(good).toBe(false);
      expect(text).toContain(
        `Stored: ${unread.length > 0 ? 'at least ' : ''}${(stored / 1e9).toFixed(1)} GB`,
      );

      // The page: a row for each series, a line for each snapshot.
      const html = reportPage(found);
      const rows = [
        ...html.matchAll(
          /<li class="row" id="row-(\d+)" data-account="([^"]*)" data-region="([^"]*)" data-policy="([^"]*)" data-state="([^"]*)" data-server="([^"]*)"/g,
        ),
      ];
      const data: PageData = JSON.parse(/id="data">(.*?)<\/script>/s.exec(html)![1]!);
      const onPage = rows.map(
        ([, i, account, region, of, state, server]) =>
          `${account} ${region} ${of} ${server}: ${state} ${data.rows[Number(i)]!.map(([image]) => image).toSorted()}`,
      );
      expect(onPage.sort()).toEqual(
        expected.map((one) => `${keyOf(one)}: ${one.state} ${one.images.toSorted()}`).sort(),
      );
      const kinds = data.rows.flat().map((line) => data.text[line[2]]!.split(',')[0]!);
      for (const kind of ['good', 'pending', 'stuck', 'failed', 'unknown'] as const)
        expect(kinds.filter((one) => one === kind).length, kind).toBe(
          sum(expected, ({ counts }) => counts[kind]),
        );

      // The metrics.
      const metrics = metricsOf(found);
      for (const { policy: of, accounts, regions: its } of wanted) {
        const isRead = !wantedUnread.some(
          ({ account, region }) => accounts.includes(account) && (!its || its.includes(region)),
        );
        const emitted = metrics.get(of);
        expect(emitted !== undefined, of).toBe(isRead);
        if (!emitted) continue;
        const series = expected.filter((one) => one.policy === of);
        expect([emitted.Good, emitted.Pending, emitted.StorageBytes]).toEqual([
          sum(series, ({ counts }) => counts.good),
          sum(series, ({ counts }) => counts.pending),
          sum(series, (one) => one.bytes),
        ]);
        // What was made by hand counts for the first policy of its region.
        const firstOf = ({ account, region }: Reckoned) =>
          wanted.find(
            (one) => one.accounts.includes(account) && (!one.regions || one.regions.includes(region)),
          )?.policy;
        const own = watched.filter((one) =>
          one.state === 'adhoc' ? firstOf(one) === of : one.policy === of,
        );
        expect([emitted.Failed, emitted.Stuck, emitted.Unknown ?? 0]).toEqual([
          sum(own, ({ counts }) => counts.failed),
          sum(own, ({ counts }) => counts.stuck),
          sum(own, ({ counts }) => counts.unknown),
        ]);
        const inTrouble =
          series.some(({ state }) => state === 'late' || state === 'never') ||
          own.some(({ failing, counts }) => failing + counts.stuck + counts.unknown > 0) ||
          found.policies.some((one) => one.policy === of && one.nothingSelected);
        expect(emitted.Troubles! > 0, of).toBe(inTrouble);
        if (series.some(({ due }) => due)) expect(emitted.Overdue).toBeGreaterThanOrEqual(1.5);
        else if (emitted.Overdue !== undefined) expect(emitted.Overdue).toBeLessThan(1.5);
      }
    }),
  ));
