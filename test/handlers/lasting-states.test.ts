import { describe, expect, test } from 'vitest';
import { answers, type Fault } from '../../local/cloud/faults.ts';
import { startWaiting } from '../fleet/waiting.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot } from '../history.ts';

/** A server with a vm_state, and an idle server; the queue exists. */
async function inState(vmState: string) {
  setTime('2026-11-23T00:00:20Z');
  const h = await harness();
  const dfw = h.cloud.region('DFW');
  const web = dfw.addServer({ name: 'web', vmState });
  dfw.addServer({ name: 'idle' });
  return { ...h, web, waiting: await startWaiting() };
}

const keystone = ({ cloud }: Harness) =>
  cloud.secrets.set('autosnap/test/rackspace', cloud.secret('password'));

const LASTING = [
  ['error', 'ERROR', 'openstack server show'],
  ['rescued', 'RESCUE', 'openstack server unrescue'],
  ['shelved', 'SHELVED', 'openstack server unshelve'],
  ['shelved_offloaded', 'SHELVED_OFFLOADED', 'openstack server unshelve'],
  ['resized', 'VERIFY_RESIZE', 'openstack server resize confirm'],
] as const;

describe.each(LASTING)('a server in vm_state %s', (vmState, status, remedy) => {
  test('fails at once with the cause and the remedy; the other servers are taken, and nothing is deferred', async () => {
    const h = await inState(vmState);
    const { error, report } = await h.fail('snapshot', policy());
    expect(error.message).toContain(`the server is in ${status}`);
    expect(error.message).toContain(remedy);
    expect(report!.totals).toEqual({ failed: 1, taken: 1 });
    expect(report!.left).toBeUndefined();
  });

  test('is reported by a dry run', async () => {
    const h = await inState(vmState);
    const { report } = await h.fail('snapshot', policy({ dryRun: true }));
    expect(report!.codes.SERVER_IN_STATE).toBe(1);
  });

  test('fails doctor with a remedy', async () => {
    const h = await inState(vmState);
    const { error } = await h.fail('doctor', { policies: [policy()] });
    expect(error.message).toContain(`the cloud makes no image of servers in ${status}: web`);
    expect(error.message).toContain(remedy);
  });
});

test.each([
  ['active', 'rebooting'],
  ['error', 'deleting'],
  ['shelved_offloaded', 'spawning'],
  ['rescued', 'unrescuing'],
])(
  'a server in vm_state %s and task_state %s is busy, because its state may end without an operator',
  async (vmState, taskState) => {
    const h = await inState(vmState);
    h.web.taskState = taskState;
    const report = await h.run('snapshot', policy());
    expect(report.codes).toMatchObject({ SERVER_BUSY: 1 });
    expect(report.left?.busy?.servers).toEqual([{ name: 'web', region: 'DFW' }]);
  },
);

test.each(['active', 'stopped', 'paused', 'suspended'])(
  'a server in vm_state %s is taken',
  async (vmState) => {
    const h = await inState(vmState);
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 2 });
  },
);

test('a server with a snapshot of the slot does not fail because of its state', async () => {
  const h = await inState('error');
  addSnapshot(h, h.web, 0);
  expect((await h.run('snapshot', policy())).totals).toEqual({ skipped: 1, taken: 1 });
});

describe('a server whose image the cloud refuses with 409', () => {
  const refused = async (locked: boolean, ...faults: Fault[]) => {
    const h = await inState('active');
    keystone(h);
    h.web.locked = locked;
    const path = new RegExp(`${h.web.id}/action$`);
    h.cloud.faults.push({ service: 'compute', method: 'POST', path, answer: answers.conflict }, ...faults);
    return h;
  };

  test('fails at once if it is locked', async () => {
    const h = await refused(true);
    const { error, report } = await h.fail('snapshot', policy());
    expect(error.message).toContain('an image of a locked server');
    expect(error.message).toContain('openstack server unlock');
    expect(report!.left).toBeUndefined();
  });

  test('fails at once if its new state lasts', async () => {
    const h = await inState('active');
    h.cloud.faults.push({
      service: 'compute',
      method: 'POST',
      answer: () => {
        h.web.vmState = 'error';
      },
    });
    const { report } = await h.fail('snapshot', policy());
    expect(report!.codes.SERVER_IN_STATE).toBe(1);
  });

  test.each<[string, boolean, Fault[]]>([
    ['for another reason', false, []],
    [
      'and that can not be asked for',
      true,
      [{ service: 'compute', method: 'GET', path: /servers\/[0-9a-f-]+$/, answer: answers.forbidden }],
    ],
  ])('%s counts as busy', async (_, locked, faults) => {
    const h = await refused(locked, ...faults);
    expect((await h.run('snapshot', policy())).left?.busy?.servers).toEqual([{ name: 'web', region: 'DFW' }]);
  });
});
