import { expect, test } from 'vitest';
import { type Progress, progressOf, progressText } from '../../../deploy/commands/take-progress.ts';
import type { Entry } from '../../../lib/reporting/report.ts';

const entry = (changes: Partial<Entry> = {}): Entry => ({
  server: 's',
  name: 'web-1',
  region: 'DFW',
  outcome: 'taken',
  image: 'i1',
  ...changes,
});
const volume = (snapshot: string) =>
  ({ volume: 'v', name: 'data', outcome: 'taken', code: 'TAKEN', reason: '', snapshot }) as const;
const withVolume = entry({ volumes: [volume('v1')] });
const busy = entry({ outcome: 'skipped', code: 'SERVER_BUSY' });
delete busy.image;

test.each<[string, Entry[], [string, string][], Progress['state'], string]>([
  ['a good image', [entry()], [['i1', 'good']], 'good', '1 of 1 snapshots are good'],
  ['an image that no listing has yet', [entry()], [], 'pending', '0 of 1 snapshots are good, 1 pending'],
  [
    'a pending snapshot of a volume',
    [withVolume],
    [
      ['i1', 'good'],
      ['v1', 'pending'],
    ],
    'pending',
    '1 of 2 snapshots are good, 1 pending',
  ],
  ['a failed image', [entry()], [['i1', 'failed']], 'failed', '0 of 1 snapshots are good, 1 failed'],
  ['an image that is stuck', [entry()], [['i1', 'stuck']], 'failed', '0 of 1 snapshots are good, 1 failed'],
  ['a busy server', [busy], [], 'pending', '0 of 1 snapshots are good, 1 not requested yet'],
  [
    'a busy server beside a good one',
    [entry(), busy],
    [['i1', 'good']],
    'pending',
    '1 of 2 snapshots are good, 1 not requested yet',
  ],
])('the progress of %s', (_, entries, listed, state, text) => {
  const snapshots = listed.map(([image, kind]) => ({ image, kind: kind as 'good' }));
  const progress = progressOf({ entries }, snapshots);
  expect(progress.state).toBe(state);
  expect(progressText(progress)).toBe(text);
});
