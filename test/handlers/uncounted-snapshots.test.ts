import { expect, test } from 'vitest';
import { policy } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import { auditedDeployment } from '../incidents/deployment.ts';

test.each([
  [{ status: 'deactivated' }, 'deactivated'],
  [{ size: 0 }, 'active without data'],
])('snapshots with %j are in the sentence, the digest and a metric', async (changes, state) => {
  const d = await auditedDeployment('2026-11-22T06:00:00Z', policy());
  const [web, db] = [d.addServer('web'), d.addServer('db')];
  for (const age of [-1, 0, 1]) {
    addSnapshot(d, web, age, changes);
    addSnapshot(d, db, age);
  }
  addSnapshot(d, web, 2);
  const { result, mails } = await d.audit('2026-11-24T06:30:00Z', { digest: 'always' });
  expect(result.sentence).toContain(`; 3 snapshots of web do not count: ${state}`);
  const digest = mails.find(({ text }) => text.includes('In the last 24 hours'))!;
  expect(digest.text).toMatch(
    new RegExp(`\nSnapshots that do not count\n- web in DFW, daily: 3 snapshots do not count: ${state}: `),
  );
  expect(d.logs()).toContain('"Unknown":3');
});
