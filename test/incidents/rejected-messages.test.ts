import { expect, test } from 'vitest';
import { deliverAll } from '../fleet/waiting.ts';
import { policy, setTime } from '../harness.ts';
import { auditedDeployment } from './deployment.ts';

test('a message that cannot be read causes one e-mail, with the reason and the command that removes it', async () => {
  const d = await auditedDeployment('2026-11-23T00:00:05Z', policy());
  d.addServer('web');
  await d.at('2026-11-23T00:00:10Z', 'snapshot', { policy: 'daily' });
  await d.audit('2026-11-23T00:10:00Z');
  setTime('2026-11-23T00:20:00Z');
  d.waiting.queue.send('garbage', 0);
  await deliverAll(d.waiting);
  const { mails } = await d.audit('2026-11-23T01:10:00Z');
  expect(mails.map(({ subject }) => subject)).toEqual([
    "Autosnap autosnap-test: 1 message of the queue can't be read",
  ]);
  expect(mails[0]!.text).toContain('the message is not a work item of this version');
  expect(mails[0]!.text).toContain('npx autosnap rerun --stage test --discard');
  expect(mails[0]!.text).not.toContain('failed in all tries');
  expect((await d.audit('2026-11-23T02:10:00Z')).mails).toEqual([]);
});
