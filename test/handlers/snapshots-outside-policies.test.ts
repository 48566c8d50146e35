import { expect, test } from 'vitest';
import { textsOf } from '../finding-texts.ts';
import { deploy, policy } from '../harness.ts';
import { addSnapshot, decisionOn, history } from '../history.ts';

const BYTES = 1e6;
const SIZED = { size: BYTES };
const ORPHANS = { after: '30d', keep: 1 };

/** A snapshot of "web" in DFW and three of a server in ORD; `policies` are deployed. */
async function withOrd(properties: Record<string, string>, ...policies: object[]) {
  const h = await history(0, ['DFW', 'ORD']);
  addSnapshot(h, h.web, 0, SIZED);
  const mail = h.cloud.region('ORD').addServer({ name: 'mail' });
  for (const age of [1, 2, 3]) addSnapshot(h, mail, age, { ...SIZED, properties }, 'ORD');
  deploy(policies);
  return h;
}

const DALLAS = policy({ regions: ['DFW'] });

test.each<[string, Record<string, string>, object[], RegExp]>([
  [
    'of a region that was taken out of their policy',
    {},
    [DALLAS],
    /^ORD: the policy daily is not for this region: no cleanup looks at its 3 snapshots here, 3\.0 MB/,
  ],
  [
    'of such a region, where another policy is for it',
    {},
    [DALLAS, policy({ policy: 'weekly', servers: { names: ['web'] } })],
    /^ORD: the policy daily is not for this region/,
  ],
  [
    'by hand, with an end that has passed, in a region that no policy is for',
    { autosnap_policy: 'adhoc', autosnap_expires: '2026-11-22T00:00:00Z r' },
    [DALLAS],
    /^ORD: no policy is for this region, so no cleanup looks at its 3 ad-hoc snapshots, 3\.0 MB/,
  ],
  [
    'of a policy that is no longer deployed, in a region that no policy is for',
    { autosnap_policy: 'removed' },
    [DALLAS],
    /^ORD: the policy removed is no longer configured: its 3 snapshots, 3\.0 MB, are all kept/,
  ],
  [
    'of a policy that is no longer deployed, in a region of another',
    { autosnap_policy: 'removed' },
    [policy({ servers: { names: ['web'] } })],
    /^ORD: the policy removed is no longer configured: its 3 snapshots, 3\.0 MB, are all kept/,
  ],
])('snapshots %s are reported once, and their bytes count', async (_, properties, policies, warning) => {
  const h = await withOrd(properties, ...policies);
  const { warnings, bytes } = await h.run('audit', {});
  expect(textsOf(warnings).filter((one) => warning.test(one))).toHaveLength(1);
  expect(textsOf(warnings).filter((one) => one.includes('3.0 MB'))).toHaveLength(1);
  expect(bytes).toBe(4 * BYTES);
});

test('snapshots of a policy for all regions are not reported', async () => {
  const h = await withOrd({}, policy());
  const { warnings, bytes } = await h.run('audit', {});
  expect(warnings).toEqual([]);
  expect(bytes).toBe(4 * BYTES);
});

test.each([
  [
    'with orphans, past its time',
    { orphans: ORPHANS },
    'server old (gone-1) no longer exists: 1 of 4 daily snapshots stays',
  ],
  ['without orphans', {}, 'server old (gone-1) no longer exists: 4 of 4 daily snapshots stay'],
])('audit and cleanup report the same about a deleted server: %s', async (_, changes, warning) => {
  const h = await history(1);
  const gone = [60, 61, 62, 63].map((age) => addSnapshot(h, { id: 'gone-1', name: 'old' }, age));
  deploy([policy(changes)]);
  const audited = await h.run('audit', {});
  expect(textsOf(audited.warnings).filter((one) => one.includes('(gone-1) no longer exists'))).toEqual([
    `DFW: ${warning}`,
  ]);
  const report = await h.run('cleanup', { policy: 'daily', dryRun: true });
  expect(textsOf(report.warnings)).toEqual([`DFW: ${warning}`]);
  if (!('orphans' in changes)) expect(decisionOn(report, gone[3]!)).toContain('its server is gone');
});
