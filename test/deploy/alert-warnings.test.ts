import { expect, test } from 'vitest';
import { alertWarnings } from '../../deploy/settings.ts';

test.each<[string, object | undefined, boolean]>([
  ['no custom block', undefined, true],
  ['the shipped settings', { alerts: [], heartbeat: '' }, true],
  ['an address', { alerts: [{ Protocol: 'email', Endpoint: 'ops@example.com' }] }, false],
  ['a heartbeat alone', { alerts: [], heartbeat: 'https://hc.example/x' }, false],
])('a deployment with %s warns if nobody is notified', (_, custom, warns) => {
  expect(alertWarnings(custom)).toHaveLength(warns ? 1 : 0);
});
