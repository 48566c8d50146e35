import { describe, expect, test } from 'vitest';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { type Harness, policy } from '../harness.ts';
import { addSnapshot, DAY_MS, decisionOn, deletions, history, idsIn, idsOf, MIDNIGHT } from '../history.ts';

const adopting = (changes: Record<string, unknown> = {}) => policy({ adopt: 'autosnap.py', ...changes });

/** An image as autosnap.py creates it, that many days before midnight, with `changes`. */
function addLegacy(
  { cloud }: Pick<Harness, 'cloud'>,
  server: Pick<CloudServer, 'id' | 'name'>,
  age: number,
  changes: Partial<CloudImage> = {},
): CloudImage {
  return cloud.region('DFW').addImage({
    name: `${server.name}-autosnap-${server.id}`,
    owner: cloud.account.projectId,
    createdAt: new Date(MIDNIGHT.getTime() - age * DAY_MS),
    ...changes,
    properties: { image_type: 'snapshot', instance_uuid: server.id, ...changes.properties },
  });
}

test('adopted and marked images are one series, ordered by age', async () => {
  const h = await history(0);
  const images = [0, 1, 2, 3, 4, 5].map((age) => (age % 2 ? addSnapshot : addLegacy)(h, h.web, age));
  const report = await h.run('cleanup', adopting());
  expect(report.totals).toEqual({ deleted: 3, kept: 3 });
  expect(report.entries).toHaveLength(1);
  expect(images.map((image) => decisionOn(report, image))).toEqual([
    'kept: last 1 of 3',
    'kept: last 2 of 3',
    'kept: last 3 of 3',
    ...Array(3).fill('deleted: no rule keeps it'),
  ]);
  expect(idsIn(h)).toEqual(idsOf(images.slice(0, 3)));
});

test('the newest adopted image of a server without other snapshots stays', async () => {
  const h = await history(0);
  const images = [300, 301, 302].map((age) => addLegacy(h, h.web, age));
  await h.run('cleanup', adopting({ keep: { last: 1 } }));
  expect(idsIn(h)).toEqual(idsOf(images.slice(0, 1)));
});

test('without adopt, images of autosnap.py are never touched and do not count', async () => {
  const h = await history(5);
  const legacy = [0, 1, 90].map((age) => addLegacy(h, h.web, age));
  const report = await h.run('cleanup', policy());
  expect(report).toMatchObject({ totals: { deleted: 2, kept: 3 }, warnings: [] });
  expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 3), ...legacy]));
});

describe('all conditions of an adoption have to hold', () => {
  const OTHER = '11111111-2222-4333-8444-555555555555';
  /** A very old image that would be deleted at once if it were adopted. */
  async function afterCleanup(change: (h: Awaited<ReturnType<typeof history>>) => Partial<CloudImage>) {
    const h = await history(3);
    const legacy = addLegacy(h, h.web, 90, change(h));
    const report = await h.run('cleanup', adopting());
    return { h, legacy, report };
  }

  test('if they hold, the image is deleted', async () => {
    const { h, legacy, report } = await afterCleanup(() => ({}));
    expect(decisionOn(report, legacy)).toBe('deleted: no rule keeps it');
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });

  type Change = Parameters<typeof afterCleanup>[0];
  const named =
    (name: (web: CloudServer) => string): Change =>
    ({ web }) => ({ name: name(web) });
  const having = (properties: Record<string, string>): Change => {
    return () => ({ properties });
  };

  test.each<[string, Change]>([
    ["another server's name", named(({ id }) => `web2-autosnap-${id}`)],
    ['a part of the name', named(({ id }) => `eb-autosnap-${id}`)],
    ['the name in other letters', named(({ id }) => `Web-autosnap-${id}`)],
    ['no name', named(({ id }) => `-autosnap-${id}`)],
    ['no uuid', named(() => 'web-autosnap-')],
    ['a uuid that no server has', named(() => `web-autosnap-${OTHER}`)],
    ['a uuid in capitals', named(({ id }) => `web-autosnap-${id.toUpperCase()}`)],
    ['something before the name', named(({ id }) => `my web-autosnap-${id}`)],
    ['something after the uuid', named(({ id }) => `web-autosnap-${id}-keep`)],
    ['a line end after the uuid', named(({ id }) => `web-autosnap-${id}\n`)],
    ['another word', named(({ id }) => `web-snapshot-${id}`)],
    ['made from another server', having({ instance_uuid: OTHER })],
    ['made from nobody knows what', having({ instance_uuid: '' })],
    ['a marker of this deployment that is not whole', having({ autosnap_owner: 'autosnap-test' })],
    ["another deployment's marker", having({ autosnap_owner: 'autosnap-prod' })],
    [
      "Rackspace's own schedule made it",
      having({ 'org.openstack__1__created_by': 'scheduled_images_service' }),
    ],
    ['a hold that can not be read', having({ autosnap_hold: 'for ever' })],
    ["another project's, shared with us", () => ({ owner: '999', visibility: 'shared' })],
    ["another project's", () => ({ owner: '999' })],
  ])('%s: the image is never touched', async (_, change) => {
    const { h, legacy, report } = await afterCleanup(change);
    expect(report.totals).toEqual({ kept: 3 });
    expect(decisionOn(report, legacy)).toBeUndefined();
    expect(deletions(h)).toEqual([]);
    expect(h.cloud.region('DFW').images).toContain(legacy);
  });

  test.each(['public', 'shared', 'community'])(
    'an image that is %s is adopted, and stays',
    async (visibility) => {
      const { h, legacy, report } = await afterCleanup(() => ({ visibility }));
      expect(decisionOn(report, legacy)).toBe(
        `kept: the image is ${visibility}: it stays until it is private again`,
      );
      expect(deletions(h)).toEqual([]);
    },
  );

  test('an image without instance_uuid is never touched', async () => {
    const h = await history(3);
    const legacy = addLegacy(h, h.web, 90);
    delete legacy.properties.instance_uuid;
    expect((await h.run('cleanup', adopting())).totals).toEqual({ kept: 3 });
    expect(h.cloud.region('DFW').images).toContain(legacy);
  });

  test('an image of a server that was renamed since is never touched', async () => {
    const h = await history(3);
    const legacy = addLegacy(h, h.web, 90);
    h.web.name = 'renamed';
    expect((await h.run('cleanup', adopting())).totals).toEqual({ kept: 3 });
    expect(h.cloud.region('DFW').images).toContain(legacy);
  });
});

test('only images of servers that the policy selects are adopted', async () => {
  const h = await history(0);
  const mail = h.cloud.region('DFW').addServer({ name: 'mail' });
  const scratch = h.cloud.region('DFW').addServer({ name: 'web-scratch' });
  const ours = [1, 2].map((age) => addLegacy(h, h.web, age));
  const others = [mail, scratch].flatMap((server) => [1, 2].map((age) => addLegacy(h, server, age)));
  const servers = { names: ['web*'], except: { names: ['*-scratch'] } };
  await h.run('cleanup', adopting({ servers, keep: { last: 1 } }));
  expect(idsIn(h)).toEqual(idsOf([ours[0]!, ...others]));
});

test('images of a deleted server are never touched, whatever orphans allows', async () => {
  const h = await history(0);
  const gone = { id: '11111111-2222-4333-8444-555555555555', name: 'gone' };
  const legacy = [90, 91, 92].map((age) => addLegacy(h, gone, age));
  const report = await h.run('cleanup', adopting({ orphans: { after: '1d', keep: 1 } }));
  expect(report.totals).toEqual({});
  expect(idsIn(h)).toEqual(idsOf(legacy));
});

test('the warnings of a dry run name what would be adopted, and nothing is deleted', async () => {
  const h = await history(1);
  const mail = h.cloud.region('DFW').addServer({ name: 'mail' });
  const legacy = [1, 2, 3, 4].map((age) => addLegacy(h, h.web, age));
  legacy.push(addLegacy(h, mail, 1));
  const report = await h.run('cleanup', adopting({ dryRun: true }));
  expect(textsOf(report.warnings).sort()).toEqual([
    'DFW: 1 images of mail made by autosnap.py are adopted',
    'DFW: 4 images of web made by autosnap.py are adopted',
  ]);
  expect(report.totals).toEqual({ planned: 2, kept: 4 });
  expect(decisionOn(report, legacy[3]!)).toBe('planned: no rule keeps it');
  expect(deletions(h)).toEqual([]);
});

test('a held image stays and does not count, and is deleted after its release', async () => {
  const h = await history(3);
  const held = addLegacy(h, h.web, 90);
  await h.run('hold', { hold: held.id });
  const report = await h.run('cleanup', adopting());
  expect(decisionOn(report, held)).toBe('kept: held forever');
  expect(report.totals).toEqual({ kept: 4 });
  await h.run('hold', { release: held.id });
  expect(decisionOn(await h.run('cleanup', adopting()), held)).toBe('deleted: no rule keeps it');
});

test('an image that failed or is not finished does not count', async () => {
  const h = await history(0);
  const bad = (['killed', 'queued', 'deactivated'] as const).map((status, age) =>
    addLegacy(h, h.web, age, { status, size: null }),
  );
  const good = [3, 4, 5, 6].map((age) => addLegacy(h, h.web, age));
  await h.run('cleanup', adopting());
  expect(idsIn(h)).toEqual(idsOf([...bad, ...good.slice(0, 3)]));
});
