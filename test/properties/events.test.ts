import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deploy, harness, policy, setTime } from '../harness.ts';
import { always } from './always.ts';
import { become, present, reported } from './embedded.ts';
import { events, NOW, worlds } from './worlds.ts';

// Invariant 12 of rotation for the function as Lambda runs it: events against the deployed
// policies.

const narrowing = fc.record(
  {
    servers: fc.constantFrom<object>({ names: ['web-0'] }, { names: ['web-1'] }, { tagged: { a: 'b' } }),
    regions: fc.constantFrom(['DFW'], ['ORD']),
    keep: fc.constantFrom<unknown>({ last: 1 }, { last: 1, atLeast: 1 }, {}, null, { last: 0 }, { last: -1 }),
    maxDeletes: fc.constantFrom<unknown>(1_000_000, 1e9, -1),
    orphans: fc.constant({ after: '1h', keep: 1 }),
    adopt: fc.constant('autosnap.py'),
    schedule: fc.constantFrom('rate(1 minute)', 'rate(9000 days)'),
    timezone: fc.constantFrom('Pacific/Kiritimati', 'nowhere'),
    account: fc.constantFrom<unknown>('rackspace', ['rackspace'], 'another', '*'),
    policy: fc.constantFrom<unknown>('daily', 'weekly', 'Daily', 'adhoc', '../daily', 'none', undefined, [
      'daily',
    ]),
    adhoc: fc.constantFrom(true, false),
    dryRun: fc.constantFrom<unknown>(false, 'no', 0, null),
    POLICY: fc.constant('daily'),
    next: fc.constant({ policy: 'daily' }),
  },
  { requiredKeys: [] },
);
/** An event of an older or an invented policy, complete or in part. */
// With more changes, nearly every event would be refused.
const orders = fc
  .tuple(events, narrowing, fc.boolean(), fc.nat(), fc.nat(2))
  .map(([older, all, whole, at, few]) => ({
    ...(whole ? older : { policy: 'daily' }),
    ...Object.fromEntries(
      Object.entries(all)
        .slice(at % 16)
        .slice(0, few),
    ),
  }));

test('12: an older, limited or forged event deletes nothing that the deployed policy keeps', async () => {
  setTime(NOW);
  const h = await harness({ regions: ['DFW', 'ORD'] });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  deploy([]);
  const file = process.env.AUTOSNAP_POLICIES!;
  const weekly = policy({ policy: 'weekly', schedule: 'cron(0 0 ? * MON *)', keep: { last: 99 } });
  await always(
    fc.asyncProperty(worlds(), orders, async (world, order) => {
      writeFileSync(file, JSON.stringify([world.event, weekly]));
      become(h.cloud, world);
      const before = present(h.cloud);
      // Deferred images replace those whose deletion the cloud refuses.
      const isRefused = world.images.some(({ image }) => image.refusesDelete);
      const allowed = new Set<string>();
      for (const deployed of [world.event, weekly]) {
        const plan = await h.run('cleanup', { ...deployed, dryRun: true });
        for (const id of reported(plan, 'planned')) allowed.add(id);
        for (const id of isRefused ? reported(plan, 'deferred') : []) allowed.add(id);
      }
      await h.run('cleanup', order).catch(() => undefined);
      const left = present(h.cloud);
      const gone = [...before].filter((id) => !left.has(id)).map((id) => id.replace('snapshot-of-', ''));
      for (const id of gone) expect(allowed, JSON.stringify(order)).toContain(id);
    }),
  );
});
