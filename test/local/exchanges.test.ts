import { describe } from 'vitest';
import { test } from './embedded.ts';
import { EXCHANGES } from './exchanges.ts';

// test/real/embedded.test.ts runs the same exchanges on a real OpenStack.
describe.for(Object.entries(EXCHANGES))('the embedded cloud: %s', ([, exchanges]) => {
  test.for(exchanges)('%s', async ([, run], { client }) => {
    await run(client);
    await client.cleanUp();
  });
});
