import { expect, test } from 'vitest';
import { parsePolicy } from '../lib/config/policy.ts';
import { CloudError } from '../lib/openstack/errors.ts';
import type { CloudRequest, Session } from '../lib/openstack/session.ts';
import { cleanUp } from '../lib/snapshots/cleanup.ts';
import { startCloud } from '../local/cloud/cloud.ts';
import { policy } from './harness.ts';
import { addSnapshot } from './history.ts';
import { connected } from './openstack/connected.ts';

const NOW = new Date('2026-11-23T06:00:00Z');
const OWNER = 'autosnap-test';

test('7: a read that fails in one series stops another series that is between its reads and its deletion', async ({
  onTestFinished,
}) => {
  const cloud = await startCloud({ regions: ['DFW'] });
  onTestFinished(() => cloud.close());
  const region = cloud.region('DFW');
  const oldest = ['web', 'mail'].map((name) => {
    const server = region.addServer({ name });
    const images = [2, 1].map((age) => addSnapshot({ cloud }, server, age));
    return `/images/${images[0]?.id}`;
  });
  const [ofWeb, ofMail] = oldest;

  const session = await connected(cloud);
  const webHasFailed = Promise.withResolvers<void>();
  const delayed: Session = {
    ...session,
    async request(request: CloudRequest) {
      if (request.method === 'GET' && request.path === ofWeb) {
        // Everything that follows from the failure is done before the next turn of the event loop.
        setImmediate(webHasFailed.resolve);
        throw new CloudError('FORBIDDEN', 'no');
      }
      const answer = await session.request(request);
      if (request.method === 'GET' && request.path === ofMail) await webHasFailed.promise;
      return answer;
    },
  };
  const report = await cleanUp(delayed, parsePolicy(policy({ keep: { last: 1 } })), {
    owner: OWNER,
    now: NOW,
    requestId: 'r',
  });
  expect(cloud.received.filter(({ method }) => method === 'DELETE')).toEqual([]);
  expect(report.totals).toEqual({ failed: 1, deferred: 1, kept: 2 });
});
