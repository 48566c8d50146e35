import { expect, test } from 'vitest';
import { addFleet, DEMO } from '../../local/fleet.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, harness, policy } from '../harness.ts';

async function demo() {
  const h = await harness({ regions: ['DFW', 'ORD'], ...DEMO });
  addFleet(h.cloud, 'autosnap-test', 0);
  return h;
}

test('the demo fleet is copied to Cloud Files in seconds', async () => {
  const h = await demo();
  deploy([
    policy({
      servers: { tagged: { autosnap: 'daily' } },
      offsite: { schedule: 'rate(6 hours)', keep: { last: 1 }, to: 'cloud-files' },
    }),
  ]);
  const { totals: begun } = await h.run('offsite', { policy: 'daily' });
  expect(begun).toEqual({ exporting: 7 });
  h.cloud.advance(3_000);
  const { totals, failures } = await h.run('offsite', { policy: 'daily' });
  expect(textsOf(failures)).toEqual([]);
  expect(totals).toEqual({ copied: 7 });
  const sizes = h.cloud.region('DFW').images.flatMap(({ size }) => size ?? []);
  expect(Math.max(...sizes)).toBeLessThan(10_000_000);
});

test('the server of the demo fleet that is gone is restored with the flavor that it had', async () => {
  const h = await demo();
  const plan = await h.run('restore', { server: 'shop', to: 'new', dryRun: true });
  expect(plan.state).toBe('planned');
  expect(plan.lines.join()).toContain('flavor 2 GB General Purpose v1, as the original had');
});
