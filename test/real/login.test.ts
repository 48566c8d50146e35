import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import { parseSecret } from '../../lib/credentials/parse-secret.ts';
import { connect } from '../../lib/openstack/session.ts';
import { cleanUp } from '../../lib/snapshots/cleanup.ts';
import { takeSnapshots } from '../../lib/snapshots/create.ts';
import { setTime } from '../harness.ts';
import { bench, passwordSecret, policyOf, slotAt, slotOf } from './bench.ts';
import { environment } from './environment.ts';
import { eventually } from './openstack.ts';
import { watchTraffic } from './traffic.ts';

const { authUrl, applicationCredentialId, applicationCredentialSecret, tokenTtl } = environment;
const server = environment.serverIds[0]!;

describe('valid credentials', () => {
  const forms = [
    { form: 'a password', secret: passwordSecret },
    {
      form: 'an application credential (needs OS_APPLICATION_CREDENTIAL_ID)',
      secret: { authUrl, applicationCredentialId, applicationCredentialSecret },
      skipped: !applicationCredentialId,
    },
  ];
  for (const { form, secret, skipped = false } of forms) {
    test.skipIf(skipped)(`take a snapshot and clean up with ${form}`, async () => {
      const { owner, ours, run, setSecret, settle } = await bench();
      setSecret(secret);
      for (const days of [-2, -1]) {
        setTime(slotAt(days));
        await run('snapshot', policyOf([server]));
        await settle();
      }
      await run('cleanup', policyOf([server], { keep: { last: 1 } }));
      expect(await ours()).toEqual([
        expect.objectContaining({
          status: 'active',
          visibility: 'private',
          instance_uuid: server,
          autosnap_owner: owner,
          autosnap_policy: 'daily',
          autosnap_server: server,
          autosnap_slot: slotOf(slotAt(-1)),
          autosnap_hold: 'none',
        }),
      ]);
    });
  }

  test('are read again once the cloud refuses those in memory', async () => {
    const { fail, ours, run, setSecret } = await bench();
    setSecret({ ...passwordSecret, password: 'the one before it was changed' });
    expect((await fail('snapshot', policyOf([server]))).message).toMatch(/does not accept these credentials/);
    setSecret(passwordSecret);
    await run('snapshot', policyOf([server]));
    expect(await ours()).toHaveLength(1);
  });
});

describe('invalid credentials', () => {
  const wrong = 'no-such-thing-4b1f';
  const checkSecret = 'The cloud does not accept these credentials: check the name and the key in the secret';
  const cases = [
    { what: 'a wrong password', secret: { ...passwordSecret, password: wrong }, hidden: wrong },
    {
      what: 'a project that the user does not have',
      secret: { ...passwordSecret, projectName: 'no-such-project' },
      hidden: passwordSecret.password,
    },
    {
      what: 'an unknown application credential',
      secret: { authUrl, applicationCredentialId: '0'.repeat(32), applicationCredentialSecret: wrong },
      hidden: wrong,
      remedy: 'The application credential does not exist, or there is no identity service at this address',
    },
    {
      what: 'a wrong secret of an application credential (needs OS_APPLICATION_CREDENTIAL_ID)',
      secret: { authUrl, applicationCredentialId, applicationCredentialSecret: wrong },
      hidden: wrong,
      skipped: !applicationCredentialId,
    },
  ];
  for (const { what, secret, hidden, remedy = checkSecret, skipped = false } of cases) {
    test.skipIf(skipped)(`${what}: the run fails with the remedy and shows no secret`, async () => {
      const { fail, logs, ours, setSecret } = await bench();
      setSecret(secret);
      for (const job of ['snapshot', 'cleanup'] as const) {
        const error = await fail(job, policyOf([server]));
        expect(error.message).toContain(remedy);
        const shown = [inspect(error, { depth: null, showHidden: true }), JSON.stringify(error), logs()];
        expect(shown.join('\n')).not.toContain(hidden);
      }
      expect(await ours()).toEqual([]);
    });
  }
});

describe('a token that becomes invalid during a run', () => {
  /**
   * The result of a handler's login, for the jobs behind the handlers: a handler would end before
   * its token expires.
   */
  const logIn = () => {
    const endsMs = performance.now() + 120_000;
    const deadline = { remainingMs: () => endsMs - performance.now() };
    return connect(async () => parseSecret('test', JSON.stringify(passwordSecret)), deadline);
  };
  const keepOne = parsePolicy(policyOf([server], { keep: { last: 1 } }));

  // A cloud caches valid tokens for minutes, so it must not have seen this one before its
  // revocation.
  test('is replaced once after its revocation, and the run finishes', async () => {
    const { cloud, owner, ours, settle } = await bench();
    const older = { owner, now: slotAt(-2), requestId: 'older' };
    const newer = { owner, now: slotAt(-1), requestId: 'newer' };
    setTime(older.now);
    await takeSnapshots(await logIn(), keepOne, older);
    await settle();
    const jobs = [takeSnapshots, cleanUp];
    const slots = [[slotOf(older.now), slotOf(newer.now)], [slotOf(newer.now)]];
    for (const [i, job] of jobs.entries()) {
      const { exchanges, tokens } = watchTraffic();
      setTime(newer.now);
      const session = await logIn();
      await cloud.revoke(tokens[0]!);
      await job(session, keepOne, newer);
      await settle();
      expect((await ours()).map((image) => image.autosnap_slot)).toEqual(slots[i]);
      expect(exchanges.map(({ status }) => status)).toContain(401);
      expect(tokens).toHaveLength(2);
    }
  });

  test.skipIf(tokenTtl > 60)('is replaced once after its expiry (needs a TOKEN_TTL up to 60)', async () => {
    const { cloud, owner, ours, settle } = await bench();
    const { exchanges, tokens } = watchTraffic();
    setTime(slotAt(-2));
    const session = await logIn();
    await takeSnapshots(session, keepOne, { owner, now: slotAt(-2), requestId: 'before' });
    await settle();
    await eventually('the token expired', async () => ((await cloud.accepts(tokens[0]!)) ? undefined : true));
    setTime(slotAt(-1));
    await takeSnapshots(session, keepOne, { owner, now: slotAt(-1), requestId: 'after' });
    await settle();
    expect((await ours()).map((image) => image.autosnap_slot)).toEqual(
      [-2, -1].map((index) => slotOf(slotAt(index))),
    );
    expect(exchanges.map(({ status }) => status)).toContain(401);
    expect(tokens).toHaveLength(2);
  });
});
