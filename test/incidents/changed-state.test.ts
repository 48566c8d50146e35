import { expect, test } from 'vitest';
import { policy } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import { auditedDeployment } from './deployment.ts';

test('a server that goes from one lasting state to another causes an e-mail with the new remedy', async () => {
  const d = await auditedDeployment('2026-11-22T00:00:05Z', policy());
  const db = d.addServer('db');
  addSnapshot(d, db, 2);
  await d.audit('2026-11-22T00:00:06Z');
  const mailsOf = async (day: number, vmState: string) => {
    db.vmState = vmState;
    await d.at(`2026-11-${day}T00:00:10Z`, 'snapshot', { policy: 'daily' });
    await d.at(`2026-11-${day}T00:01:10Z`, 'cleanup', { policy: 'daily' });
    return (await d.audit(`2026-11-${day}T00:15:00Z`)).mails;
  };
  await mailsOf(22, 'resized');
  const [same] = await mailsOf(23, 'resized');
  expect(same?.subject ?? 'still: ').toContain('still: ');
  const [mail] = await mailsOf(24, 'rescued');
  expect(mail!.subject).toBe('Autosnap autosnap-test: db: snapshot daily failed');
  expect(mail!.text).toContain('while the server is in RESCUE: end the rescue');
});
