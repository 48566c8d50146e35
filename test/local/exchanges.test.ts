import { describe } from 'vitest';
import { test } from './embedded.ts';
import { EXCHANGES } from './exchanges.ts';

// The same as on a real OpenStack, in test/real/embedded.test.ts.
describe.for(Object.entries(EXCHANGES))('the embedded cloud: %s', ([, exchanges]) => {
  test.for(exchanges)('%s', async ([, run], { client }) => {
    await run(client);
    await client.cleanUp();
  });
});
