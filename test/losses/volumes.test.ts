import { beforeEach, describe, expect, test } from 'vitest';
import { newVolumeSnapshot } from '../../lib/volumes/marker.ts';
import { answers, leavingOut } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, CloudVolumeSnapshot, Region } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import { DAY_MS, MIDNIGHT, slotOf } from '../history.ts';
import { inProcesses } from '../processes.ts';

// The losses of the other files of this folder, for snapshots of volumes. See CONTRIBUTING.md.

const OWNER = 'autosnap-test';

let h: Harness;
let region: Region;
let web: CloudServer;
let data: CloudVolume;

beforeEach(async () => {
  setTime('2026-11-23T06:00:00Z');
  h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0, volumeMs: 1000 } });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  region = h.cloud.region('DFW');
  data = region.addVolume({ name: 'data' });
  web = region.addServer({ name: 'web', volumeIds: [data.id] });
});

/** Adds a snapshot of a volume of that age in days; a good one of the policy "daily" by default. */
function addPart(
  age: number,
  { of = data, name = 'daily', ...changes }: Partial<CloudVolumeSnapshot> & { of?: CloudVolume } = {},
): CloudVolumeSnapshot {
  const slot = slotOf(age);
  const marker = { owner: OWNER, policy: name, server: web.id, slot };
  const made = newVolumeSnapshot({ id: of.id, name: of.name }, marker);
  return region.addVolumeSnapshot({ ...made, createdAt: new Date(slot.getTime() + 20_000), ...changes });
}

const parts = (count: number, changes: Parameters<typeof addPart>[1] = {}) =>
  Array.from({ length: count }, (_, age) => addPart(age, changes));
const left = () => region.volumeSnapshots.map(({ id }) => id).sort();
const idsOf = (some: readonly { id: string }[]) => some.map(({ id }) => id).sort();
const clean = (keep: object, changes: object = {}) => h.run('cleanup', policy({ keep, ...changes }));

test.each(['creating', 'error', 'error_deleting', 'backing-up', 'restoring', 'odd'])(
  'L1: as many newer snapshots that are %s displace no good one',
  async (status) => {
    const good = [3, 4, 5].map((age) => addPart(age));
    const bad = [0, 1, 2].map((age) => addPart(age, { status }));
    addPart(6);
    await clean({ last: 3 });
    // Failed ones that are older than a day go only if a newer one is good.
    expect(left()).toEqual(idsOf([...good, ...bad]));
  },
);

test('L3: the only good one stays when the cloud refuses the next', async () => {
  const only = addPart(1);
  setTime('2026-11-23T00:00:10Z');
  h.cloud.faults.push({ service: 'volume', method: 'POST', times: 9, answer: answers.serverError });
  await h.fail('snapshot', policy());
  setTime('2026-11-23T06:00:00Z');
  await clean({ last: 1 });
  expect(left()).toEqual([only.id]);
});

test('L4: five newer incomplete ones do not count for `last: 5`', async () => {
  const complete = [5, 6, 7, 8, 9].map((age) => addPart(age));
  const incomplete = [0, 1, 2, 3, 4].map((age) => addPart(age, { status: 'creating' }));
  await clean({ last: 5 });
  expect(left()).toEqual(idsOf([...complete, ...incomplete]));
});

test('L5: three failed tries for a slot, then a good one, displace no good one', async () => {
  const good = [1, 2].map((age) => addPart(age));
  const tries = Array.from({ length: 3 }, () => addPart(0, { status: 'error' }));
  const last = addPart(0);
  await clean({ last: 3 });
  expect(left()).toEqual(idsOf([...good, ...tries, last]));
});

test('L6: a failed newest snapshot does not count for its day', async () => {
  const good = [addPart(0.5), addPart(1.5)];
  for (const status of ['error', 'creating', 'odd']) addPart(0.3, { status });
  await clean({ daily: 2 });
  expect(left()).toEqual(expect.arrayContaining(idsOf(good)));
});

test('L7: twelve series interleaved each keep their own', async () => {
  const volumes = Array.from({ length: 6 }, (_, i) => region.addVolume({ name: `v${i}` }));
  web.volumeIds.push(...volumes.map(({ id }) => id));
  for (const of of volumes) for (const name of ['daily', 'weekly']) parts(5, { of, name });
  await clean({ last: 2 });
  for (const { id } of volumes) {
    const its = region.volumeSnapshots.filter(({ volumeId }) => volumeId === id);
    expect(its.filter(({ name }) => name.includes('-daily-'))).toHaveLength(2);
    expect(its.filter(({ name }) => name.includes('-weekly-'))).toHaveLength(5);
  }
});

test('L8: volumes whose names begin alike have a series each', async () => {
  const volumes = ['data', 'data2', 'data golden'].map((name) => region.addVolume({ name }));
  web.volumeIds.push(...volumes.map(({ id }) => id));
  for (const of of volumes) parts(3, { of });
  await clean({ last: 1 });
  for (const { id } of volumes) {
    expect(region.volumeSnapshots.filter(({ volumeId }) => volumeId === id)).toHaveLength(1);
  }
});

test('L9, L10: one without the marker stays, whatever it is called', async () => {
  const [mine] = parts(3);
  const foreign = addPart(9, { metadata: {}, description: null, name: mine!.name });
  await clean({ last: 1 });
  expect(left()).toEqual(idsOf([mine!, foreign]));
});

test('L11, X9: an outage of ten times the retention ages nothing', async () => {
  const all = parts(5);
  setTime(new Date(MIDNIGHT.getTime() + 50 * DAY_MS));
  await clean({ within: '5d' });
  expect(left()).toEqual(idsOf(all));
});

test('L12: failures for twice the `within` delete no good one', async () => {
  const good = [20, 21, 22].map((age) => addPart(age));
  for (let age = 0; age < 20; age += 2) addPart(age, { status: 'error' });
  await clean({ within: '10d' });
  expect(left()).toEqual(expect.arrayContaining(idsOf(good)));
});

test('L18, L19: a second cleanup, and a hundredth, delete nothing more', async () => {
  parts(6);
  await clean({ daily: 2, weekly: 1 });
  const after = left();
  for (let day = 0; day < 100; day += 10) {
    setTime(new Date(MIDNIGHT.getTime() + day * DAY_MS));
    await clean({ daily: 2, weekly: 1 });
  }
  expect(left()).toEqual(after);
});

describe('L22, L23: listings of several pages', () => {
  beforeEach(() => void Object.assign(h.cloud, { pageSize: 2 }));

  test('a page that fails prevents all deletions', async () => {
    const all = parts(6);
    h.cloud.faults.push({
      ...{ service: 'volume', path: /\/snapshots\/detail$/, skip: 1, times: 9 },
      answer: answers.serverError,
    });
    await h.fail('cleanup', policy({ keep: { last: 1 } }));
    expect(left()).toEqual(idsOf(all));
  });

  test('the newest counts, on whatever page it is', async () => {
    const all = parts(6);
    await clean({ last: 2 });
    expect(left()).toEqual(idsOf(all.slice(0, 2)));
  });
});

test('L24: two cleanups at once leave what one leaves', async () => {
  const all = parts(12);
  await inProcesses(h, 2, 'cleanup', policy({ keep: { last: 5 }, maxDeletes: 20 }));
  expect(left()).toEqual(idsOf(all.slice(0, 5)));
});

test('L25: one that vanishes with another is reported', async () => {
  const all = parts(5);
  const answer = () => void region.volumeSnapshots.splice(region.volumeSnapshots.indexOf(all[1]!), 1);
  h.cloud.faults.push({ service: 'volume', method: 'DELETE', answer });
  const { error } = await h.fail('cleanup', policy());
  expect(error.message).toContain(`${all[1]!.id} of web`);
  expect(error.message).toContain('was to be kept and has disappeared');
});

test('X2: a renamed volume keeps its series, and eight failed runs delete no good one', async () => {
  const good = Array.from({ length: 8 }, (_, i) => addPart(16 - i));
  data.name = 'renamed';
  for (let age = 8; age > 0; age--) addPart(age, { status: 'error', name: 'daily' });
  await clean({ last: 8 });
  expect(left()).toEqual(expect.arrayContaining(idsOf(good)));
  const newest = addPart(0);
  await clean({ last: 8 });
  expect(left()).toEqual(expect.arrayContaining(idsOf([...good.slice(1), newest])));
});

test('X3: the floor holds although others delete meanwhile', async () => {
  const all = parts(8);
  const answer = () => void region.volumeSnapshots.splice(0, 2);
  h.cloud.faults.push({ service: 'volume', method: 'DELETE', answer });
  await h.fail('cleanup', policy({ keep: { last: 5, atLeast: 5 } }));
  expect(left()).toEqual(idsOf(all.slice(2, 7)));
});

test('X8: the oldest is chosen by time, not by name', async () => {
  const [b, a] = [addPart(1), addPart(0)];
  Object.assign(b, { name: b.name.replace('data', 'zzz') });
  Object.assign(a, { name: a.name.replace('data', 'aaa') });
  await clean({ last: 1 });
  expect(left()).toEqual([a.id]);
});

test('Y4: a volume that a listing leaves out once is not gone', async () => {
  const all = parts(8, {}).map((one) => one);
  setTime(new Date(MIDNIGHT.getTime() + 60 * DAY_MS));
  web.volumeIds = [];
  h.cloud.faults.push({ service: 'volume', path: /\/volumes\/detail$/, answer: leavingOut(data.id) });
  await clean({ last: 8 }, { orphans: { after: '30d', keep: 1 } });
  expect(left()).toEqual(idsOf(all));
});

test('Y4: a volume whose server a listing leaves out once is not detached', async () => {
  const all = parts(8);
  region.unlisted.add(web.id);
  await clean({ last: 8 }, { orphans: { after: '1d', keep: 1 } });
  expect(left()).toEqual(idsOf(all));
});

test('Y11: good ones that vanish during the run are reported', async () => {
  const all = parts(8);
  const answer = () => void region.volumeSnapshots.splice(0, 3);
  h.cloud.faults.push({ service: 'volume', method: 'DELETE', skip: 1, answer });
  const { report } = await h.fail('cleanup', policy({ keep: { last: 5 } }));
  const said = textsOf(report?.failures).join();
  for (const { id } of all.slice(0, 3)) expect(said).toContain(id);
});

test('Y26: two deliveries of one event take one snapshot of each volume', async () => {
  const volumes = Array.from({ length: 10 }, (_, i) => region.addVolume({ name: `v${i}` }));
  for (const { id, name } of volumes) region.addServer({ name, volumeIds: [id] });
  setTime('2026-11-23T00:00:10Z');
  let second: ReturnType<Harness['run']> | undefined;
  const answer = () => {
    second ??= h.run('snapshot', policy());
    return second;
  };
  h.cloud.faults.push({ service: 'volume', method: 'POST', skip: 3, answer });
  await h.run('snapshot', policy());
  expect(await second!).toMatchObject({ totals: {}, warnings: [{ code: 'OTHER_RUN' }] });
  const taken = Map.groupBy(region.volumeSnapshots, ({ volumeId }) => volumeId);
  expect([...taken.values()].map((its) => its.length)).toEqual(Array(11).fill(1));
});

test('Y27: ten that the cloud does not delete do not stand in the way, and are reported', async () => {
  const all = parts(16);
  const stuck = all.slice(6);
  for (const { id } of stuck) {
    const path = new RegExp(`/snapshots/${id}`);
    h.cloud.faults.push({ service: 'volume', method: 'DELETE', path, times: 99, answer: answers.conflict });
  }
  const { warnings } = await clean({ last: 2 });
  expect(left()).toEqual(idsOf([...all.slice(0, 2), ...stuck]));
  expect(warnings.filter(({ code }) => code === 'NOT_DELETABLE')).toHaveLength(10);
});
