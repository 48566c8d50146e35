import { expect, test } from 'vitest';
import { read } from './page.ts';
import { HASH_FILE, hashOf, picturedPage } from './report-picture.ts';

test('the pictures in docs are those of the current report page; npm run screenshot regenerates them', async () => {
  expect(hashOf(await picturedPage())).toBe(read(HASH_FILE));
});
