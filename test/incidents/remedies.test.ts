import { expect, test } from 'vitest';
import { FAILURE_REMEDIES } from '../../lib/reporting/sentences/incident.ts';
import { policy } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import { auditedDeployment } from './deployment.ts';

test('the e-mail about a late server with a stuck image has the remedy for the image, and only that', async () => {
  const d = await auditedDeployment('2026-11-22T00:00:05Z', policy());
  const db = d.addServer('db');
  addSnapshot(d, db, 3);
  addSnapshot(d, db, 2, { status: 'queued', size: null });
  const { mails } = await d.audit('2026-11-23T06:00:00Z');
  const { text } = mails[0]!;
  expect(text).toContain(`- db (SERIES_STUCK): ${FAILURE_REMEDIES.SERIES_STUCK}`);
  expect(text).not.toContain('db (SERIES_LATE)');
});

test('the e-mail about many accounts with a wrong key names ten, and the command for the secret', async () => {
  const d = await auditedDeployment('2026-11-22T00:00:05Z', policy({ account: 'customer-*' }));
  const good = d.cloud.secret('rackspace');
  const names = Array.from({ length: 13 }, (_, i) => `customer-${String.fromCharCode(97 + i)}`);
  for (const name of names) {
    d.cloud.secrets.set(`autosnap/test/${name}`, good.replace(d.cloud.account.apiKey, 'wrong'));
  }
  const { mails } = await d.audit('2026-11-22T06:00:00Z');
  const [{ subject, text }] = mails as [(typeof mails)[number]];
  expect(subject).toBe("Autosnap autosnap-test: 13 accounts can't be read");
  expect(text.match(/^- the account customer-/gm)).toHaveLength(10);
  expect(text).toContain('- … and 3 more');
  expect(text).toContain('customer-i, customer-j and 3 more (UNAUTHORIZED): Put the current key');
  expect(text).toContain(
    'put the credentials of customer-a into its secret, and likewise of the others: aws secretsmanager put-secret-value --secret-id autosnap/test/customer-a --secret-string file:///dev/stdin',
  );
});
