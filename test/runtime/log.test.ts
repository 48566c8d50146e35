import { stripVTControlCharacters, styleText } from 'node:util';
import { expect, test, vi } from 'vitest';
import { addFleet } from '../../local/fleet.ts';
import { deploy, harness, policy } from '../harness.ts';

/** A fleet whose functions log for people, as those of the stage `local` do. */
async function fleet() {
  const h = await harness({ regions: ['DFW', 'ORD'] });
  vi.stubEnv('AUTOSNAP_LOG', 'text');
  h.cold();
  addFleet(h.cloud, 'autosnap-test', 0);
  deploy([policy({ servers: { tagged: { autosnap: 'daily' } }, keep: { last: 7 } })]);
  const lines = () =>
    h
      .logs()
      .split('\n')
      .filter((line) => !line.startsWith('{"_aws"'));
  return { h, lines };
}

test('a run has a short line with its result, and one for each warning', async () => {
  const { h, lines } = await fleet();
  await h.run('cleanup', { policy: 'daily' });
  expect(lines()).toEqual([
    expect.stringMatching(/^cleanup of daily \(rackspace\): \d+ deferred, \d+ deleted, \d+ kept$/),
    expect.stringMatching(/^ORD: server shop .* no longer exists/),
  ]);
});

test('a dry run has the plan below its line, and no JSON', async () => {
  const { h, lines } = await fleet();
  await h.run('cleanup', { policy: 'daily', dryRun: true });
  expect(lines()[0]).toMatch(
    /^cleanup of daily \(rackspace\), dry run: \d+ deferred, \d+ planned, \d+ kept$/,
  );
  expect(lines().at(-1)).toMatch(/^All: \d+ stay, \d+ to delete/);
  expect(lines().filter((line) => line.length > 400 || line.startsWith('{'))).toEqual([]);
});

test('a run without a result has its error, in red on a terminal', async () => {
  const { h, lines } = await fleet();
  await h.fail('cleanup', { policy: 'nightly' });
  expect(lines()).toEqual([
    expect.stringMatching(/^The event is refused: policy: there is no policy "nightly"/),
  ]);
  vi.stubEnv('FORCE_COLOR', '1');
  await h.fail('cleanup', { policy: 'nightly' });
  const line = lines().at(-1)!;
  expect(line).toBe(styleText('red', stripVTControlCharacters(line), { validateStream: false }));
});

test('the audit has its sentence', async () => {
  const { h, lines } = await fleet();
  await h.run('audit', {});
  expect(lines().at(-1)).toMatch(/^5 of 7 servers protected; .*\.$/);
  expect(lines()).toHaveLength(1);
});
