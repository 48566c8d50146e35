import { describe, expect, test } from 'vitest';
import type { Diagnosis } from '../../lib/doctor/diagnosis.ts';
import { bench, passwordSecret, policyOf } from './bench.ts';
import { environment } from './environment.ts';
import { watchTraffic } from './traffic.ts';

const {
  authUrl,
  applicationCredentialId,
  applicationCredentialSecret,
  region,
  regionTwo,
  volumeServerId,
  readerUsername,
} = environment;
const server = environment.serverIds[0]!;

/** A policy whose cleanups keep up with a snapshot a minute. */
const policyFor = (serverIds: string[], changes: Record<string, unknown> = {}) =>
  policyOf(serverIds, { cleanup: 'rate(5 minutes)', ...changes });

/** `pass login: project … in RegionOne` */
const lines = ({ checks }: Diagnosis) =>
  checks.map(({ check, verdict, detail }) => `${verdict} ${check}: ${detail}`);

describe('a deployment without problems', () => {
  const forms = [
    { form: 'a password', secret: passwordSecret },
    {
      form: 'an application credential (needs OS_APPLICATION_CREDENTIAL_ID)',
      secret: { authUrl, applicationCredentialId, applicationCredentialSecret },
      skipped: !applicationCredentialId,
    },
  ];
  for (const { form, secret, skipped = false } of forms) {
    test.skipIf(skipped)(`with ${form}: every check passes, and only GETs are sent`, async () => {
      const { cloud, run, setSecret } = await bench();
      setSecret(secret);
      const before = await cloud.images();
      const { exchanges, tokens } = watchTraffic();
      const diagnosis = await run('doctor', { policies: [policyFor([server])] });
      expect(diagnosis.checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([]);
      expect(lines(diagnosis)).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^pass login: project \w+ in .*Region/),
          expect.stringMatching(
            /^pass rights: the user's roles are .*member.*: it may make and delete images and volume snapshots$/,
          ),
          expect.stringMatching(
            `^pass region: ${region}: servers \\d+, images \\d+, of these 0 by autosnap-real-`,
          ),
          `pass regions: ${region}`,
          expect.stringMatching(/^pass servers: 1: \w/),
        ]),
      );
      expect(exchanges.length).toBeGreaterThan(0);
      expect(new Set(exchanges.map(({ method }) => method))).toEqual(new Set(['GET']));
      expect(tokens).toHaveLength(1);
      expect(await cloud.images()).toEqual(before);
    });
  }

  test.skipIf(!volumeServerId)(
    'with a volume-backed server: its volume snapshots can be listed (needs VOLUME_SERVER_ID)',
    async () => {
      const { run } = await bench();
      const diagnosis = await run('doctor', { policies: [policyFor([volumeServerId])] });
      expect(lines(diagnosis)).toContainEqual(
        expect.stringMatching(`^pass volumes: ${region}: \\d+ volume snapshots$`),
      );
    },
  );

  test.skipIf(!regionTwo)('in all regions (needs REGION_TWO)', async () => {
    const { run } = await bench();
    const { regions: _, ...everywhere } = policyFor([server]);
    expect(lines(await run('doctor', { policies: [everywhere] }))).toContain(
      `pass regions: ${[region, regionTwo].sort().join(', ')} (all)`,
    );
  });
});

test('all problems are named together, and only GETs are sent', async () => {
  const { fail, logs } = await bench();
  const { exchanges } = watchTraffic();
  const unknown = crypto.randomUUID();
  const error = await fail('doctor', {
    policies: [
      policyFor([server, unknown]),
      policyFor([server], { policy: 'hourly', schedule: 'cron(0 * * * ? *)' }),
      policyFor([server], { policy: 'away', regions: ['Atlantis'] }),
    ],
  });
  expect(error.message).toMatch(/^doctor: 2 of \d+ checks failed\./);
  expect(error.message).toContain(`policy daily, servers: ids: there is no server ${unknown}`);
  expect(error.message).toContain('policy away, regions: the account has no region Atlantis: it has ');
  expect(logs()).toMatch(/policy hourly(.|\n)*! schedule +it fires 0 minutes from daily/);
  expect(logs()).toMatch(/\d+ checks: \d+ good, 2 to look at, 2 failed\./);
  expect(new Set(exchanges.map(({ method }) => method))).toEqual(new Set(['GET']));
});

test('a refused login is named, and no secret is shown', async () => {
  const { fail, logs, setSecret } = await bench();
  setSecret({ ...passwordSecret, password: 'no-such-thing-4b1f' });
  const error = await fail('doctor', { policies: [policyFor([server])] });
  expect(error.message).toMatch(
    /^doctor: 1 of 4 checks failed\.\n- account rackspace, login: .* does not accept these credentials/,
  );
  expect(`${error.stack}${logs()}`).not.toContain('no-such-thing-4b1f');
});

test.skipIf(!readerUsername)(
  'the rights of a reader are unknown, because they differ between clouds (needs READER_USERNAME)',
  async () => {
    const { run, setSecret } = await bench();
    setSecret({ ...passwordSecret, username: readerUsername });
    const diagnosis = await run('doctor', { policies: [policyFor([server])] });
    expect(lines(diagnosis)).toContain(
      "warn rights: the user's roles are reader: it is not certain that it may make and delete images and volume snapshots",
    );
  },
);
