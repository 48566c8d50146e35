import { expect } from 'vitest';
import { listVolumes } from '../../lib/openstack/volumes.ts';
import { test } from './connected.ts';

test.for([
  ['no attachments', { id: 'vol-1', size: 1 }],
  ['attachments of another form', { id: 'vol-1', size: 1, attachments: 'none' }],
  ['an attachment without its server', { id: 'vol-1', size: 1, attachments: [{ device: '/dev/vdb' }] }],
] as const)('a volume with %s is an error, because it may be attached', async ([, volume], { replay }) => {
  replay.app.get('/volume/volumes/detail', (c) => c.json({ volumes: [volume] }));
  const session = await replay.connect();
  await expect(listVolumes(session, 'DFW')).rejects.toMatchObject({ code: 'BAD_ANSWER' });
});
