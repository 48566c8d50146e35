import { beforeEach, describe, expect, test } from 'vitest';
import type { CloudServer, Region } from '../../local/cloud/state.ts';
import { KINDS } from '../cloud-kinds.ts';
import { textsOf } from '../finding-texts.ts';
import { type Harness, policy, setTime } from '../harness.ts';
import { dbWorld } from './db-world.ts';

// Sets that lack a part rotate, and a set stays whole if one of its parts is held or in use.

const SECRET = 'autosnap/test/rackspace';
const LAST_ONE = { keep: { last: 1 } };

let h: Harness;
let region: Region;
let db: CloudServer;

beforeEach(async () => {
  ({ h, region, db } = await dbWorld({ since: '2026-11-10T00:00:10Z' }));
});

const daysOf = (slots: (string | undefined)[]) =>
  slots.flatMap((slot) => (slot ? [Number(slot.slice(8, 10))] : [])).sort();
const imageDays = () => daysOf(region.images.map(({ properties }) => properties.autosnap_slot));
const partDays = () => daysOf(region.volumeSnapshots.map(({ metadata }) => metadata?.autosnap_slot));

/** Takes a snapshot on each day; those of the volume are refused. */
async function takeDaysWithoutPart(
  first: number,
  last: number,
  rules: Record<string, unknown>,
): Promise<void> {
  for (let day = first; day <= last; day++) {
    setTime(`2026-11-${day}T00:00:10Z`);
    h.cloud.faults.length = 0;
    h.cloud.faults.push({
      ...{ service: 'volume', method: 'POST' },
      answer: { status: 400, body: { badRequest: { code: 400, message: 'This type has no snapshots.' } } },
    });
    await h.fail('snapshot', policy(rules));
  }
  h.cloud.faults.length = 0;
}

describe.each(KINDS)('in a cloud by %s', (kind) => {
  beforeEach(() => void h.cloud.secrets.set(SECRET, h.cloud.secret(kind)));

  test('of sets whose part is refused at each slot, the rules keep as many as of others', async () => {
    await takeDaysWithoutPart(10, 13, LAST_ONE);
    setTime('2026-11-13T06:00:00Z');
    await h.run('cleanup', policy(LAST_ONE));
    expect([imageDays(), partDays()]).toEqual([[13], []]);
  });

  test('the last whole set stays beside sets whose part was refused', async () => {
    await h.run('snapshot', policy(LAST_ONE));
    await takeDaysWithoutPart(11, 14, LAST_ONE);
    setTime('2026-11-14T06:00:00Z');
    const report = await h.run('cleanup', policy(LAST_ONE));
    expect([imageDays(), partDays()]).toEqual([[10, 14], [10]]);
    expect(report.codes).not.toHaveProperty('SET_LACKS_PART');
  });

  test('a set that lacks a part stays while newer ones were requested with fewer parts, and says so', async () => {
    await takeDaysWithoutPart(10, 12, LAST_ONE);
    const without = policy({ ...LAST_ONE, volumes: { except: { names: ['db-data'] } } });
    for (const day of [13, 14]) {
      setTime(`2026-11-${day}T00:00:10Z`);
      await h.run('snapshot', without);
    }
    setTime('2026-11-14T06:00:00Z');
    const report = await h.run('cleanup', without);
    expect(imageDays()).toEqual([12, 14]);
    expect(report.codes).toMatchObject({ SET_LACKS_PART: 1 });
  });

  test('a hold that is put on the image of an ad-hoc set after the plan keeps all parts', async () => {
    const byHand = { adhoc: true, request: 'upgrade', expires: '1d', servers: { names: ['db'] } };
    await h.run('snapshot', byHand);
    setTime('2026-11-12T06:00:00Z');
    const image = region.images.find(({ properties }) => properties.autosnap_policy === 'adhoc')!;
    h.cloud.faults.push({
      ...{ service: 'image', method: 'GET', path: /\/images\/[^/]+$/ },
      answer: () => void Object.assign(image.properties, { autosnap_hold: 'forever' }),
    });
    await h.run('cleanup', policy(LAST_ONE));
    expect([imageDays(), partDays()]).toEqual([[10], [10]]);
  });

  test('a volume that is made from a part after the plan keeps all parts of its set', async () => {
    for (const day of [10, 11]) {
      setTime(`2026-11-${day}T00:00:10Z`);
      await h.run('snapshot', policy(LAST_ONE));
    }
    setTime('2026-11-11T06:00:00Z');
    const { id } = region.volumeSnapshots[0]!;
    h.cloud.faults.push({
      ...{ service: 'volume', path: /\/volumes\/detail$/, skip: 2 },
      answer: () => void region.addVolume({ name: 'new', size: 10, status: 'creating', snapshotId: id }),
    });
    await h.run('cleanup', policy(LAST_ONE));
    expect(imageDays()).toEqual([10, 11]);
    expect(partDays()).toEqual([10, 11]);
  });

  test('orphans shrinks the sets of a deleted server that lack a part, as its warning says', async () => {
    const rules = { keep: { last: 3 }, orphans: { after: '1d', keep: 1 } };
    await takeDaysWithoutPart(10, 12, rules);
    region.removeServer(db);
    setTime('2026-11-16T06:00:00Z');
    const report = await h.run('cleanup', policy(rules));
    expect(imageDays()).toEqual([12]);
    expect(textsOf(report.warnings)).toContainEqual(expect.stringMatching(/1 of 3 daily snapshots stays$/));
  });
});
