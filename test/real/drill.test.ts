import { expect, test } from 'vitest';
import { setTime } from '../harness.ts';
import { bench, dayAt, idsOf, policyOf, takeDays } from './bench.ts';
import { environment } from './environment.ts';
import { killedOnItsWay } from './killing.ts';
import type { GlanceImage } from './openstack.ts';
import { seeded } from './seeded.ts';

const server = environment.serverIds[0]!;
const daily = policyOf([server], { drill: { schedule: 'rate(1 day)' } });

async function withSnapshot() {
  const running = await bench();
  await takeDays(running, [server], [-1]);
  setTime(dayAt(0));
  const [snapshot] = await running.ours();
  return { ...running, snapshot: snapshot!, before: idsOf(await running.cloud.servers()) };
}

/** That the snapshot is the only one there is, and says itself that it was booted. */
function expectProven(id: string, [proven, ...others]: GlanceImage[]): void {
  expect(others).toEqual([]);
  expect(proven).toMatchObject({ id, status: 'active' });
  expect(proven!.autosnap_proven).toMatch(new RegExp(`^${id} \\d{4}-`));
  expect(proven!.autosnap_drilled).toBe(proven!.autosnap_proven);
}

test('the newest snapshot is booted, proven and kept, and the throw-away server goes', async () => {
  const { cloud, run, snapshot, before, ours } = await withSnapshot();
  expect(await run('drill', daily)).toMatchObject({ totals: { proven: 1 } });
  expect(idsOf(await cloud.servers())).toEqual(before);
  expectProven(snapshot.id, await ours());
});

test('killed at request after request, it proves the snapshot and leaves no server behind', async () => {
  const { cloud, snapshot, before, ours } = await withSnapshot();
  await killedOnItsWay('drill', daily, { chance: seeded(), stride: 3 });
  expect(idsOf(await cloud.servers())).toEqual(before);
  expectProven(snapshot.id, await ours());
});
