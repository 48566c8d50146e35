import { beforeEach, expect, test, vi } from 'vitest';
import { bareServer } from '../../lib/openstack/compute.ts';
import { blueprintText } from '../../lib/snapshots/blueprint.ts';
import { copyEvent, type Rackspace, rackspace } from '../offsite/rackspace.ts';

vi.setConfig({ testTimeout: 30_000 });

// Only the servers that the policy selects are copied; no copy is deleted because its server is
// deselected.

let r: Rackspace;
beforeEach(async () => {
  r = await rackspace();
});

const DESELECTED = { servers: { all: true, except: { names: ['web-1'] } } };
const run = (changes: object = {}) => r.h.run('offsite', copyEvent({}, changes));
const tasks = () => r.region.tasks.all.length;

test('a server that the policy does not select is not copied, and is in no report', async () => {
  r.addSnapshot();
  const dryRun = await run({ ...DESELECTED, dryRun: true });
  const report = await run(DESELECTED);
  expect([dryRun.entries, report.entries]).toEqual([[], []]);
  expect([tasks(), r.names()]).toEqual([0, []]);
});

test('the copies of a deselected server stay, and its newer snapshots are not copied', async () => {
  const copied = await r.copyOne();
  r.pass(24);
  r.addSnapshot();
  for (let i = 0; i < 2; i++) {
    const report = await run(DESELECTED);
    expect(report.entries[0]?.snapshots?.map(({ image, outcome }) => [image, outcome])).toEqual([
      [copied.id, 'kept'],
    ]);
    r.pass(1);
  }
  r.expectCopiesOf(copied);
});

test('a copy that is begun is finished although its server is deselected', async () => {
  const image = r.addSnapshot();
  await run();
  r.pass(1);
  await run(DESELECTED);
  r.expectCopiesOf(image);
});

test('the last snapshot of a server that no longer exists is copied', async () => {
  const image = r.addSnapshot();
  const blueprint = blueprintText(bareServer({ ...r.server, region: 'DFW' }), image.name);
  image.properties.autosnap_restore_as = blueprint;
  r.region.servers.splice(0);
  await run();
  r.pass(1);
  await run();
  r.expectCopiesOf(image);
});
