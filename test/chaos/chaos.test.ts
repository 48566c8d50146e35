import { expect, onTestFinished, test } from 'vitest';
import { isoSeconds } from '../../lib/config/dates.ts';
import { textsOf } from '../finding-texts.ts';
import { setTime } from '../harness.ts';
import { type Bench, bench, idsOf, policyOf } from '../real/bench.ts';
import { environment } from '../real/environment.ts';
import { type CinderSnapshot, eventually, type GlanceImage } from '../real/openstack.ts';
import { seeded } from '../real/seeded.ts';
import { type ServerWithVolume, serverWithVolume } from '../real/server-with-volume.ts';
import { blowBy, mendAll } from './blows.ts';
import { keptOf, type Shown } from './rules.ts';
import { type Witness, witness } from './witness.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const MINUTES = 20;
const KEEP = { last: 4, hourly: 2 };
/** The time that Lambda gives a run: short, to spend little time waiting for frozen services. */
const RUN_MS = 12_000;

const imageServers = environment.serverIds.slice(0, 2);
const { log } = console;

type Job = 'snapshot' | 'cleanup';

interface Invocation {
  job: Job;
  /** The request id, the same for each try. */
  requestId: string;
  /** The number of earlier tries. */
  tries: number;
}

/** The jobs that are due in each minute. */
type Agenda = Invocation[][];

function first(job: Job): Invocation {
  return { job, requestId: crypto.randomUUID(), tries: 0 };
}

/** Everything that has happened to the snapshots so far. */
interface History extends Witness {
  /** The snapshots that were ever good in Glance and Cinder. */
  goods: Map<string, Shown>;
  /** The snapshots that stayed queued until an operator deleted them. */
  swept: Set<string>;
}

/** The servers of the policy, and the volume of the last one. */
interface Fleet {
  servers: string[];
  data: ServerWithVolume;
  policy: Record<string, unknown>;
}

test('20 minutes while services are frozen, killed and restarted: Glance and Cinder contain exactly the snapshots that the rules keep', async () => {
  const chance = seeded();
  const running = await bench();
  const { cloud, run, turn } = running;
  const data = await serverWithVolume(running);
  const servers = [...imageServers, data.server];
  const policy = policyOf(servers, { schedule: 'cron(* * * * ? *)', cleanup: 'rate(3 minutes)', keep: KEEP });
  const fleet: Fleet = { servers, data, policy };
  const chronicle: string[] = [];
  onTestFinished(async () => {
    log(chronicle.join('\n'));
    mendAll();
    await ready(running, fleet);
  });
  const history: History = { ...witness(), goods: new Map(), swept: new Set() };
  const foreign = await addForeign(running);
  await turn('fake_snapshot_delay', '1');

  // Slots in the next hour, because the cloud's clock cannot be set (see slotAt); if possible
  // across a full hour, because of `hourly`.
  const soonestMs = Math.ceil(realNow() / MINUTE_MS + 5) * MINUTE_MS;
  const nextHourMs = Math.ceil(soonestMs / HOUR_MS) * HOUR_MS;
  const startMs =
    nextHourMs - soonestMs < 35 * MINUTE_MS ? Math.max(soonestMs, nextHourMs - 10 * MINUTE_MS) : soonestMs;
  const agenda: Agenda = Array.from({ length: MINUTES }, () => []);
  let mendedIn: number | undefined;

  for (let minute = 0; minute < MINUTES; minute++) {
    setTime(new Date(startMs + minute * MINUTE_MS + chance.between(0, 30_000)));
    const story = [isoSeconds(new Date()).slice(11, 16)];
    const blow = mendedIn === undefined ? blowBy(chance) : undefined;
    if (blow) {
      mendedIn = minute + blow.minutes;
      history.at(blow.atRequest, blow.strike);
      story.push(blow.text);
    }
    agenda[minute]!.push(first('snapshot'));
    // EventBridge may deliver an event twice.
    if (chance.number() < 0.2) agenda[minute]!.push(first('snapshot'));
    if (minute % 3 === 2) agenda[minute]!.push(first('cleanup'));
    const runs = (['snapshot', 'cleanup'] as const).map((job) =>
      runDue(running, policy, agenda, minute, job),
    );
    story.push(...(await Promise.all(runs)).flat());
    await history.done();
    if (mendedIn === undefined || mendedIn <= minute) {
      mendAll();
      mendedIn = undefined;
      await ready(running, fleet);
      const queued = await look(running, fleet, history);
      if (chance.number() < 0.5) await sweep(running, history, queued);
    }
    chronicle.push(story.join('; '));
  }

  // The cloud works again. An hour later, images that are still queued count as stuck, and no
  // longer block others.
  mendAll();
  await ready(running, fleet);
  // The latest time at which new images still belong to their slot.
  const calm = () => new Date(realNow() + HOUR_MS - 5_000);
  const since = isoSeconds(new Date(calm().getTime() - MINUTE_MS));
  const isProtected = (of: string) =>
    [...history.goods.values()].some((good) => good.of === of && good.slot >= since);
  for (let tries = 0; ![...servers, data.volume].every(isProtected); tries++) {
    expect(tries).toBeLessThan(60);
    setTime(calm());
    // A service that has just been restarted may still let a request hang until the deadline. What
    // matters is that each server gets its snapshot in the end.
    await run('snapshot', policy).catch(() => {});
    await cloud.idle(servers);
    await look(running, fleet, history);
    // Cinder's quota is ten volume snapshots.
    await run('cleanup', policy).catch(() => {});
  }
  const { warnings, totals } = await run('cleanup', policy);
  const stuck = await look(running, fleet, history);
  const present = [...idsOf(await daily(running)), ...idsOf(await dailyParts(fleet))].sort();
  chronicle.push(...summary(history, present, stuck));
  expect(totals.deferred).toBeUndefined();
  for (const { id } of stuck) expect(textsOf(warnings).join()).toContain(`image ${id} of `);
  const kept = keptOf([...history.goods.values()], KEEP, stuck.map(shown));
  expect(present).toEqual([...kept, ...idsOf(stuck)].sort());
  expect(await Promise.all(foreign.map(({ id }) => cloud.image(id)))).toEqual(foreign);
});

/**
 * Runs the due events of a job, one after the other, and returns the results. Like Lambda, it
 * retries failures twice: after a minute, and after two.
 */
async function runDue(
  { run }: Bench,
  policy: Fleet['policy'],
  agenda: Agenda,
  minute: number,
  job: Job,
): Promise<string[]> {
  const said: string[] = [];
  for (const invocation of agenda[minute]!.filter((one) => one.job === job)) {
    const { requestId, tries } = invocation;
    const failed = await run(job, policy, { requestId, remainingMs: RUN_MS }).then(
      () => false,
      () => true,
    );
    said.push(`${job}${tries > 0 ? ', tried again,' : ''} ${failed ? 'failed' : 'went well'}`);
    if (failed && tries < 2) agenda[minute + tries + 1]?.push({ ...invocation, tries: tries + 1 });
  }
  return said;
}

/** Waits until every service answers, and no server and no volume snapshot is busy. */
async function ready({ cloud }: Bench, { servers, data }: Fleet): Promise<void> {
  await eventually('the cloud well again', () =>
    Promise.all([cloud.images(), cloud.servers(), data.snapshots()]).then(
      () => true,
      () => undefined,
    ),
  );
  await cloud.idle(servers);
  await eventually('every volume snapshot made or gone', async () =>
    (await data.snapshots()).every(({ status }) => status === 'available' || status === 'error')
      ? true
      : undefined,
  );
}

/** The volume snapshots of the policy. */
async function dailyParts({ data }: Fleet): Promise<CinderSnapshot[]> {
  return (await data.snapshots()).filter(({ metadata }) => metadata.autosnap_policy === 'daily');
}

async function daily({ ours }: Bench): Promise<GlanceImage[]> {
  return (await ours()).filter((image) => image.autosnap_policy === 'daily' && image.autosnap_slot);
}

/**
 * Checks Glance and Cinder while the cloud works: no slot was taken twice, and nothing that the
 * rules keep is gone, or was requested to be deleted. Returns unfinished images of idle servers.
 */
async function look(running: Bench, fleet: Fleet, { goods, deleted }: History): Promise<GlanceImage[]> {
  const images = await daily(running);
  for (const image of images) if (image.status === 'active') goods.set(image.id, shown(image));
  const parts = await dailyParts(fleet);
  for (const { id, status, metadata } of parts) {
    if (status !== 'available') continue;
    const { server, volume: of } = fleet.data;
    goods.set(id, { id, of, server, slot: String(metadata.autosnap_slot) });
  }
  const all = [...goods.values()];
  // Cinder does not refuse a second snapshot of a volume while it makes one. So if it was frozen
  // and carries out a request later, a slot can be taken twice.
  const slots = all.filter(({ of }) => of !== fleet.data.volume).map(({ of, slot }) => `${of} ${slot}`);
  expect(slots).toHaveLength(new Set(slots).size);
  const kept = keptOf(all, KEEP);
  const present = new Set([...images, ...parts].map(({ id }) => id));
  expect([...kept].filter((id) => !present.has(id) || deleted.has(id))).toEqual([]);
  expect([...deleted].filter((id) => !goods.has(id))).toEqual([]);
  return images.filter(({ status }) => status !== 'active');
}

function shown({ id, autosnap_server, autosnap_slot }: GlanceImage): Shown {
  const server = String(autosnap_server);
  return { id, of: server, server, slot: String(autosnap_slot) };
}

/** What an operator does with snapshots that will never finish. */
async function sweep({ cloud }: Bench, { swept }: History, queued: GlanceImage[]): Promise<void> {
  for (const { id } of queued) {
    swept.add(id);
    await cloud.deleteImage(id);
  }
}

/** Images that do not belong to this policy, whatever they look like. */
async function addForeign({ cloud, createImage, owner }: Bench): Promise<GlanceImage[]> {
  const [server = ''] = imageServers;
  const marker = { autosnap_server: server, autosnap_slot: '2020-01-01T00:00:00Z', autosnap_hold: 'none' };
  const ids = [
    await createImage(server, 'by hand-daily-20200101T000000Z'),
    await createImage(server, "another deployment's", {
      ...marker,
      autosnap_owner: 'x',
      autosnap_policy: 'daily',
    }),
    await createImage(server, "another policy's", {
      ...marker,
      autosnap_owner: owner,
      autosnap_policy: 'weekly',
    }),
    await createImage(server, 'half a marker', { autosnap_owner: owner, autosnap_policy: 'daily' }),
  ];
  return Promise.all(ids.map(async (id) => (await cloud.image(id))!));
}

/** The real time of day, whatever {@link setTime} sets. */
function realNow(): number {
  return performance.timeOrigin + performance.now();
}

/** Everything that happened to the requested snapshots. */
function summary(
  { accepted, deleted, goods, swept }: History,
  present: string[],
  stuck: GlanceImage[],
): string[] {
  const queued = new Set([...swept, ...idsOf(stuck)]);
  const rows: [string, number][] = [
    ['accepted by Nova', accepted.size],
    ['and lost by it: vanished', [...accepted].filter((id) => !goods.has(id) && !queued.has(id)).length],
    ['and lost by it: queued for ever', [...accepted].filter((id) => queued.has(id)).length],
    ['good, as Glance and Cinder have shown', goods.size],
    ['though nobody was told of them', [...goods.keys()].filter((id) => !accepted.has(id)).length],
    ['deleted, each by the rules', deleted.size],
    ['there at the end', present.length],
  ];
  return rows.map(([what, count]) => `${what.padEnd(40)}${String(count).padStart(3)}`);
}
