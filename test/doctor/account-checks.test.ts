import { describe, expect } from 'vitest';
import { checkLogin, checkVolumes, listRegions } from '../../lib/doctor/account-checks.ts';
import { type CheckResult, pass, warn } from '../../lib/doctor/diagnosis.ts';
import type { Session } from '../../lib/openstack/session.ts';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { connected, credentialsOf, test } from '../openstack/connected.ts';
import { server } from '../snapshots.ts';

const RUN = { owner: 'autosnap-test', now: new Date('2026-11-23T09:00:00Z'), ids: [] };

async function all(examination: AsyncIterable<CheckResult>): Promise<CheckResult[]> {
  const findings: CheckResult[] = [];
  for await (const finding of examination) findings.push(finding);
  return findings;
}

/** The login to an account, with changes to the cloud's answer. */
async function logIn(cloud: Cloud, changes: Partial<Session>): Promise<CheckResult[]> {
  const session = { ...(await connected(cloud)), ...changes };
  return all(
    checkLogin(
      'rackspace',
      { credentials: async () => credentialsOf(cloud), login: async () => session },
      { needsVolumes: false, needsCopies: false },
    ),
  );
}

describe('the clocks', () => {
  const minutes = (n: number) => n * 60_000;

  test.for<[string, number, CheckResult]>([
    ['the same', 0, pass('clock', { code: 'CLOCKS_AGREE' })],
    ['two minutes apart', minutes(-2), pass('clock', { code: 'CLOCKS_AGREE' })],
    ['farther apart', minutes(3), warn('clock', { code: 'CLOCKS_DIFFER', minutes: 3, cloudIs: 'ahead' })],
    ['the other way', minutes(-61), warn('clock', { code: 'CLOCKS_DIFFER', minutes: 61, cloudIs: 'behind' })],
  ])('%s: a difference of $1 ms gives $2', async ([, clockAheadMs, expected], { cloud }) => {
    expect(await logIn(cloud, { clockAheadMs })).toContainEqual(expected);
  });

  test('are not compared if the cloud does not send its time', async ({ cloud }) => {
    const findings = await logIn(cloud, { clockAheadMs: undefined });
    expect(findings.map(({ check }) => check)).toEqual(['secret', 'login', 'rights']);
  });
});

test('roles that the cloud does not show are a warning', async ({ cloud }) => {
  expect(await logIn(cloud, { roles: undefined })).toContainEqual(
    warn('rights', {
      code: 'RIGHTS_UNKNOWN',
      roles: [],
      provider: 'rackspace',
      needsVolumes: false,
      needsCopies: false,
    }),
  );
});

describe('a programming error does not count as a problem of the account', () => {
  const mistake = new TypeError('a mistake of ours');
  const broken = (session: Session): Session => ({ ...session, request: () => Promise.reject(mistake) });

  test('during the login', async ({ cloud }) => {
    const login = () => Promise.reject(mistake);
    const access = { credentials: async () => credentialsOf(cloud), login };
    await expect(
      all(checkLogin('rackspace', access, { needsVolumes: false, needsCopies: false })),
    ).rejects.toBe(mistake);
  });

  test('during the check of a region', async ({ cloud }) => {
    const session = broken(await connected(cloud));
    await expect(all(listRegions(session, ['DFW'], RUN))).rejects.toBe(mistake);
  });

  test('during the check of volume snapshots', async ({ cloud }) => {
    const session = broken(await connected(cloud));
    await expect(all(checkVolumes(session, [server({ volumeBacked: true })]))).rejects.toBe(mistake);
  });
});
