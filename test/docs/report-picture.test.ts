import { expect, test } from 'vitest';
import { read } from './page.ts';
import { HASH_FILE, hashOf, picturedPage } from './report-picture.ts';

test('the pictures in docs show the report page as it is now; npm run screenshot makes them anew', async () => {
  expect(hashOf(await picturedPage())).toBe(read(HASH_FILE));
});
