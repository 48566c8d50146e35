import { expect, test } from 'vitest';
import { policy } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import { auditedDeployment } from './deployment.ts';

const ACCOUNTS = ['customer-a', 'customer-b'];

async function customers() {
  const d = await auditedDeployment('2026-11-23T00:30:00Z', policy({ account: 'customer-*' }));
  for (const account of ACCOUNTS)
    d.cloud.secrets.set(`autosnap/test/${account}`, d.cloud.secret('rackspace'));
  addSnapshot(d, d.addServer('web'), 0);
  await d.audit('2026-11-23T00:40:00Z');
  return d;
}

test('an e-mail of several accounts names the account of a late server once', async () => {
  const d = await customers();
  const { mails } = await d.audit('2026-11-25T06:00:00Z');
  const lines = mails.flatMap(({ text }) => text.split('\n')).filter((line) => /^- .*web in DFW/.test(line));
  expect(lines).not.toEqual([]);
  for (const line of lines) expect(line.match(/customer-[ab]/g)).toHaveLength(1);
});

test('all accounts of a prefix that are gone are one incident', async () => {
  const d = await customers();
  for (const account of ACCOUNTS) d.cloud.secrets.delete(`autosnap/test/${account}`);
  const { mails } = await d.audit('2026-11-23T01:40:00Z');
  expect(mails).toHaveLength(1);
  expect(mails[0]!.subject).not.toMatch(/ more\)$/);
  expect(mails[0]!.text).toContain('acceptDropped');
  expect((await d.audit('2026-11-23T02:40:00Z')).mails).toEqual([]);
});
