import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, test } from 'vitest';
import { CloudClient } from '../local/client.ts';
import { EXCHANGES } from '../local/exchanges.ts';
import { environment } from './environment.ts';

const client = new CloudClient({ ...environment, pass: () => sleep(250), now: () => new Date() });

beforeAll(() => client.logIn());
afterEach(() => client.cleanUp());

// The embedded cloud gives the same answers, in test/local/exchanges.test.ts.
describe.each(Object.entries(EXCHANGES))('a real OpenStack: %s', (name, exchanges) => {
  const needsCinder = name.startsWith('volume') && !environment.volumeServerId;
  test.skipIf(needsCinder).each(exchanges)('%s', async (_title, run) => {
    await run(client);
  });
});
