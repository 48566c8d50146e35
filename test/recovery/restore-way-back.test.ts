import { beforeEach, describe, expect, test } from 'vitest';
import type { Reason } from '../../lib/reporting/reasons.ts';
import { sentenceOf } from '../../lib/reporting/sentences.ts';
import type { Restoration } from '../../lib/restore/restoration.ts';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { KINDS } from '../cloud-kinds.ts';
import { type Harness, policy, setTime } from '../harness.ts';
import { person } from '../losses/person.ts';
import { restoreUntil, twoVolumes } from '../restore/two-volumes.ts';
import { again } from '../restore/world.ts';

// What a restore in place says of the way back, and of the restores that do not end.

const IN_PLACE = { server: 'db', to: 'in-place', confirm: 'db' };

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;
let logs: CloudVolume;

async function begin(kind = 'password' as (typeof KINDS)[number]): Promise<void> {
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret(kind));
  await h.run('snapshot', policy());
  setTime('2026-11-22T06:00:00Z');
}

beforeEach(async () => {
  ({ h, region, db, data, logs } = await twoVolumes({ buildMs: 60_000 }));
});

const later = () => h.cloud.advance(300_000);

const until = (code: string, event: object = IN_PLACE) => restoreUntil(h, code, event);

/**
 * Carries out a command of the `openstack` client with the request that the client sends, as a
 * person without the product.
 */
async function carryOut(command: string): Promise<void> {
  const [, verb, device, server, volume] =
    /^openstack server (stop|start|remove volume|add volume)(?: --device (\S+))? (\S+)(?: (\S+))?$/.exec(
      command,
    ) ?? [];
  const client = await person(h);
  const attachments = `/servers/${server}/os-volume_attachments`;
  const [method, path, body] =
    verb === 'add volume'
      ? (['POST', attachments, { volumeAttachment: { volumeId: volume, device } }] as const)
      : verb === 'remove volume'
        ? (['DELETE', `${attachments}/${volume}`, undefined] as const)
        : (['POST', `/servers/${server}/action`, { [`os-${verb}`]: null }] as const);
  expect((await client.send('compute', method, path, body)).status, command).toBeLessThan(300);
  later();
}

const commandsIn = ({ lines }: Restoration) =>
  lines
    .filter((line) => line.startsWith('to put the old volumes back'))
    .flatMap((line) => [...line.matchAll(/\((openstack [^)]+)\)/g)].map(([, command]) => command!));
const attached = () => db.volumeIds.map((id) => `${region.deviceOf(db, id)} ${id}`).sort();

describe.each(KINDS)('in a cloud by %s', (kind) => {
  test('the last answer has the commands that put the old volumes back, and the event for the disk', async () => {
    await begin(kind);
    const last = await until('RESTORED');
    expect(last.state).toBe('done');
    const [stop, ...others] = commandsIn(last);
    const start = others.pop();
    expect([stop, start]).toEqual([`openstack server stop ${db.id}`, `openstack server start ${db.id}`]);
    expect(others).toHaveLength(4);
    for (const command of [stop!, ...others]) await carryOut(command);
    expect(attached()).toEqual([`/dev/vdb ${logs.id}`, `/dev/vdc ${data.id}`]);
    const line = last.lines.find((one) => one.startsWith('to put the old disk back'))!;
    const event = JSON.parse(line.slice(line.indexOf('{')));
    expect(event).toMatchObject({ server: db.id, volumes: 'none' });
    await until('RESTORED_SHUTOFF', event);
    expect(db.image).toBe(event.at);
    await carryOut(start!);
    expect(db.vmState).toBe('active');
    expect(attached()).toEqual([`/dev/vdb ${logs.id}`, `/dev/vdc ${data.id}`]);
  });
});

test('a restore that has failed half way has the commands, and its next event', async () => {
  await begin();
  const report = await until('RESTORE_VOLUME_DETACHING');
  const fault = { service: 'compute', method: 'POST', path: /os-volume_attachments/ } as const;
  h.cloud.faults.push({ ...fault, answer: answers.forbidden });
  const { report: failed } = await h.fail('restore', again(report));
  expect(failed).toMatchObject({ state: 'failed', next: { request: failed!.request } });
  h.cloud.faults.length = 0;
  for (const command of commandsIn(failed!).filter((one) => !/server stop/.test(one)))
    await carryOut(command);
  expect(db.volumeIds.toSorted()).toEqual([data.id, logs.id].sort());
  expect(db.vmState).toBe('active');
});

test('an old volume that somebody detached by hand is named by every later answer', async () => {
  await begin();
  const report = await until('RESTORE_STOPPING');
  db.volumeIds = [logs.id];
  const last = await until('RESTORED', again(report));
  expect(data.name).toBe('db-data');
  expect(last.lines.join('\n')).toContain(`the old volume "db-data" (${data.id}) stays`);
  expect(last.lines.join('\n')).toContain(`(${logs.id}) stays`);
});

test('a renamed old volume that somebody detached by hand is named, and is put back', async () => {
  await begin();
  const report = await until('RESTORE_STOPPING');
  const fault = { service: 'compute', method: 'DELETE', path: /os-volume_attachments/ } as const;
  h.cloud.faults.push({ ...fault, answer: answers.forbidden });
  const { report: failed } = await h.fail('restore', again(report));
  h.cloud.faults.length = 0;
  db.volumeIds = [];
  const last = await until('RESTORED', failed!.next!);
  const renamed = [data, logs].filter(({ name }) => /replaced/.test(name));
  expect(renamed).toHaveLength(1);
  for (const { id } of [data, logs]) expect(last.lines.join('\n')).toContain(`(${id}) stays`);
  expect(commandsIn(last).join()).toContain(renamed[0]!.id);
});

test('the error of a call that has no report names the restore with which to go on', async () => {
  await begin();
  const first = await h.run('restore', { ...IN_PLACE, request: 'mine' });
  region.removeServer(db);
  const { error } = await h.fail('restore', again(first));
  expect(error).toMatchObject({ name: 'ValidationError', request: 'mine' });
  const { error: planned } = await h.fail('restore', { ...again(first), dryRun: true });
  expect(planned).not.toHaveProperty('request');
});

test.each(['RESTORE_VOLUME_FAILED', 'RESTORE_CALL_AGAIN', 'RESTORE_CHECK_AGAIN'] as const)(
  'the text of %s does not ask for another call of the function, because the queue makes them',
  (code) => {
    const which = { volume: data.id, name: 'db-data', status: 'error' };
    expect(sentenceOf({ code, ...which } as Reason)).not.toMatch(/call again|"next"/i);
  },
);
