import { expect, test } from 'vitest';
import { fieldTables } from '../../deploy/json-schema.ts';
import { volumeWorld } from '../drill/volume-world.ts';
import { addLookalike, drillEvent, drillWorld, record } from '../drill/world.ts';
import type { AnyJob } from '../functions.ts';
import type { Harness } from '../harness.ts';
import { policy } from '../harness.ts';
import { addSnapshot, history } from '../history.ts';
import { copyEvent, rackspace } from '../offsite/rackspace.ts';

/**
 * Two events that differ in one option only, and the world and the job that show the difference.
 */
interface Effect {
  world(): Promise<Harness>;
  job: AnyJob;
  events: readonly [object, object];
  remainingMs?: number;
  /** The part of the result in which the difference is; by default all of it and the requests. */
  shown?(result: unknown): unknown;
}

const LARGE = { id: 'large', name: 'large', ram: 4_096, disk: 40, ephemeral: 150 };
const GONE = { id: 'gone-1', name: 'old' };
const VOLUME = '22222222-2222-4333-8444-555555555555';
const WEB = '11111111-2222-4333-8444-555555555555';

/** Servers in two regions, one of them with local disks; and a server that is gone. */
async function fleet(): Promise<Harness> {
  const h = await history(0, ['DFW', 'ORD']);
  const dfw = h.cloud.region('DFW');
  dfw.flavors.push({ ...dfw.flavors[0]!, ...LARGE });
  const web = dfw.addServer({ id: WEB, name: 'web-1', metadata: { autosnap: 'daily' } });
  const db = dfw.addServer({ name: 'db-1', flavor: LARGE.id });
  h.cloud.region('ORD').addServer({ name: 'mail-1' });
  for (const age of [1, 2, 3, 40, 400, 800]) addSnapshot(h, web, age);
  for (const age of [90, 91, 92]) addSnapshot(h, GONE, age);
  dfw.addImage({
    name: `db-1-autosnap-${db.id}`,
    owner: h.cloud.account.projectId,
    createdAt: new Date('2026-10-01T00:00:00Z'),
    properties: { image_type: 'snapshot', instance_uuid: db.id },
  });
  return h;
}

/** The same, with a volume at the first server. */
async function fleetWithVolume(): Promise<Harness> {
  const h = await fleet();
  const dfw = h.cloud.region('DFW');
  dfw.addVolume({ id: VOLUME, name: 'web-data', size: 10, metadata: { kind: 'scratch' } });
  dfw.servers.find(({ id }) => id === WEB)!.volumeIds.push(VOLUME);
  return h;
}

/** Snapshots to copy to Cloud Files, and copies of three days. */
async function copies(): Promise<Harness> {
  const r = await rackspace();
  await r.copyMany(3);
  r.pass(24);
  r.addSnapshot();
  return r.h;
}

/** One server, because the order of several servers is random. */
const drills = () => drillWorld(['web']);

const severalDrills = () => drillWorld(['web', 'db', 'mail']);

/** A server with two volumes, and a snapshot of all. */
const drillsWithVolumes = () => volumeWorld('password');

/** A drill whose server is active since three hours. */
async function runningDrill(): Promise<Harness> {
  const h = await drillWorld();
  const at = '2026-11-23T03:00:00Z';
  const server = addLookalike(h, h.newest[0]!, { createdAt: new Date(at), addresses: ['127.0.0.1'] });
  record(h.newest[0]!, server.id, at);
  return h;
}

const snapshot = (one: object, other: object, base: object = {}): Effect => ({
  world: fleet,
  job: 'snapshot',
  events: [policy({ dryRun: true, ...base, ...one }), policy({ dryRun: true, ...base, ...other })],
});
const servers = (one: object, other: object) => snapshot({ servers: one }, { servers: other });
const cleanup = (one: object, other: object): Effect => ({
  world: fleet,
  job: 'cleanup',
  events: [policy({ dryRun: true, ...one }), policy({ dryRun: true, ...other })],
});
const volumes = (one: object, other: object): Effect => ({ ...snapshot(one, other), world: fleetWithVolume });
const kept = (rule: object) => cleanup({ keep: { last: 1 } }, { keep: { last: 1, ...rule } });
const copied = (one: object, other: object): Effect => ({
  world: copies,
  job: 'offsite',
  events: [copyEvent(one), copyEvent(other)],
});
const copiesKept = (rule: object) => copied({ keep: { last: 1 } }, { keep: { last: 1, ...rule } });
const begun = (one: object, other: object): Effect => ({
  world: drills,
  job: 'drill',
  events: [drillEvent(one, { dryRun: true }), drillEvent(other, { dryRun: true })],
});
const judged = (one: object, other: object): Effect => ({
  world: runningDrill,
  job: 'drill',
  events: [drillEvent({ networks, ...one }), drillEvent({ networks, ...other })],
  // Otherwise a run would wait for a server that does not answer.
  remainingMs: 35_000,
});
const diagnosed = (one: Record<string, unknown>, other: Record<string, unknown>): Effect => ({
  world: fleet,
  job: 'doctor',
  events: [{ policies: [policy(one)] }, { policies: [policy(other)] }],
});

const MIDNIGHT = 'cron(0 0 * * ? *)';
const FIVE = 'cron(0 5 * * ? *)';
const networks = ['11111111-1111-1111-1111-111111111111'];
const keep = { last: 1 };
const orphans = { after: '30d', keep: 1 };

const DRILL = { schedule: FIVE };

const totals = (result: unknown) => (result as { totals: object }).totals;

/** What each option changes. An option that nothing reads changes nothing. */
const EFFECTS: Record<string, Effect> = {
  regions: snapshot({}, { regions: ['ORD'] }),
  'servers.ids': servers({ names: ['db-*'] }, { names: ['db-*'], ids: [WEB] }),
  'servers.names': servers({ ids: [WEB] }, { ids: [WEB], names: ['db-*'] }),
  'servers.tagged': servers({ names: ['db-*'] }, { names: ['db-*'], tagged: { autosnap: 'daily' } }),
  'servers.all': servers({ names: ['db-*'] }, { all: true }),
  'servers.except.ids': servers({ all: true }, { all: true, except: { ids: [WEB] } }),
  'servers.except.names': servers({ all: true }, { all: true, except: { names: ['db-*'] } }),
  'servers.except.tagged': servers({ all: true }, { all: true, except: { tagged: { autosnap: 'daily' } } }),
  schedule: snapshot({ schedule: MIDNIGHT }, { schedule: FIVE }),
  cleanup: diagnosed({ cleanup: MIDNIGHT }, { cleanup: FIVE }),
  timezone: snapshot({}, { timezone: 'America/Chicago' }),
  'keep.atLeast': kept({ atLeast: 3 }),
  'keep.last': kept({ last: 2 }),
  'keep.hourly': kept({ hourly: 2 }),
  'keep.daily': kept({ daily: 2 }),
  'keep.weekly': kept({ weekly: 2 }),
  'keep.monthly': kept({ monthly: 2 }),
  'keep.yearly': kept({ yearly: 2 }),
  'keep.within': kept({ within: '2d' }),
  adopt: cleanup({}, { adopt: 'autosnap.py' }),
  'orphans.after': cleanup({ orphans }, { orphans: { ...orphans, after: '999d' } }),
  'orphans.keep': cleanup({ orphans }, { orphans: { ...orphans, keep: 2 } }),
  maxDeletes: cleanup({ keep: { last: 1 } }, { keep: { last: 1 }, maxDeletes: 1 }),
  volumes: volumes({}, { volumes: 'none' }),
  'volumes.except.ids': volumes({}, { volumes: { except: { ids: [VOLUME] } } }),
  'volumes.except.names': volumes({}, { volumes: { except: { names: ['web-d*'] } } }),
  'volumes.except.tagged': volumes({}, { volumes: { except: { tagged: { kind: 'scratch' } } } }),
  localDisks: snapshot({}, { localDisks: 'accepted' }),
  'offsite.schedule': diagnosed(
    { offsite: { schedule: MIDNIGHT, keep } },
    { offsite: { schedule: FIVE, keep } },
  ),
  'offsite.keep.atLeast': copiesKept({ atLeast: 3 }),
  'offsite.keep.last': copiesKept({ last: 2 }),
  'offsite.keep.hourly': copiesKept({ hourly: 2 }),
  'offsite.keep.daily': copiesKept({ daily: 2 }),
  'offsite.keep.weekly': copiesKept({ weekly: 2 }),
  'offsite.keep.monthly': copiesKept({ monthly: 2 }),
  'offsite.keep.yearly': copiesKept({ yearly: 2 }),
  'offsite.keep.within': copiesKept({ within: '2d' }),
  'offsite.maxBytesPerMonth': copied({}, { maxBytesPerMonth: '0.001MB' }),
  'offsite.to': copied({}, { to: 's3' }),
  'offsite.volumes': copied({}, { volumes: 'backup' }),
  'offsite.container': copied({ to: 'cloud-files' }, { to: 'cloud-files', container: 'elsewhere' }),
  'drill.schedule': begun({ schedule: MIDNIGHT }, { schedule: FIVE }),
  'drill.atOnce': { ...begun({}, { atOnce: 3 }), world: severalDrills, shown: totals },
  'drill.hours': judged({ check: { port: 1 } }, { check: { port: 1 }, hours: 9 }),
  'drill.flavor': begun({}, { flavor: '3' }),
  'drill.networks': begun({}, { networks }),
  'drill.securityGroups': {
    ...begun({ networks }, {}),
    events: [drillEvent({ networks }), drillEvent({ networks, securityGroups: ['nowhere'] })],
  },
  'drill.check.port': judged({ check: { port: 1 } }, { check: { port: 2 } }),
  'drill.check.path': judged({ check: { port: 1 } }, { check: { port: 1, path: '/health' } }),
  'drill.volumes': { ...begun({}, { volumes: true }), world: drillsWithVolumes },
  'objectives.point': diagnosed({}, { objectives: { point: '1h' } }),
  'objectives.time': diagnosed({ drill: DRILL }, { drill: DRILL, objectives: { time: '15m' } }),
  account: snapshot({}, { account: 'other' }),
};

/**
 * The options without options of their own, and those with a default value, as the tables of
 * docs/fields.md have them.
 */
const [policyTable = ''] = fieldTables().split('## Settings');
const rows = [...policyTable.matchAll(/^\| `([\w.]+)` \| .* \| (`?)/gm)];
const options = rows.flatMap(([, path = '', defaulted]) =>
  defaulted || !rows.some(([, other = '']) => other.startsWith(`${path}.`)) ? [path] : [],
);

test('the table of effects has every option of a policy', () => {
  expect(Object.keys(EFFECTS)).toEqual(options);
});

/** What a run reports and requests, without the ids and the port of the cloud, which are random. */
async function observe({ world, job, remainingMs = 900_000, shown }: Effect, event: object): Promise<string> {
  const h = await world();
  h.cloud.secrets.set('autosnap/test/other', '{}');
  const before = h.cloud.received.length;
  const outcome = await h.run(job, event, { remainingMs }).catch((error: Error) => error.message);
  if (shown) return JSON.stringify(shown(outcome));
  const requests = h.cloud.received.slice(before).map(({ method, path }) => `${method} ${path}`);
  const [result, ...rest] = [outcome, ...requests].map((one) =>
    JSON.stringify(one).replace(
      /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{24}|(?<=127\.0\.0\.1:)\d+/g,
      '…',
    ),
  );
  return [result, ...rest.sort()].join('\n');
}

test.each(Object.entries(EFFECTS))('%s changes what a run does', async (_, effect) => {
  const [one, other] = effect.events;
  const first = await observe(effect, one);
  expect(await observe(effect, other)).not.toBe(first);
});

test.each(Object.entries(EFFECTS))('without a change of %s, the run is the same', async (_, effect) => {
  const [event] = effect.events;
  expect(await observe(effect, event)).toBe(await observe(effect, event));
});
