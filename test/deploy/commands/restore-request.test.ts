import { expect, test } from 'vitest';
import type { Context, Values } from '../../../deploy/commands/command.ts';
import { optionWords } from '../../../deploy/commands/option-words.ts';
import { restore } from '../../../deploy/commands/restore.ts';
import { policy, setTime } from '../../harness.ts';
import { type DrivenWorld, drivenWorld, newServers } from '../../restore/self-driven-world.ts';

/** Runs the command against the functions of a deployment with a queue and a bucket. */
async function command(w: DrivenWorld, values: Values) {
  const [printed, notes]: [string[], string[]] = [[], []];
  const invoke = (job: string, event: unknown) => w.run(job as 'drill', event as object) as Promise<never>;
  const context = {
    deployment: { stage: 'prod' },
    terminal: {
      columns: undefined,
      style: (_: unknown, text: string) => text,
      print: (text: string) => printed.push(text),
      note: (text: string) => notes.push(text),
      during: (_: unknown, work: Promise<unknown>) => work,
      ask: async () => undefined,
    },
    functions: { invoke, close: async () => {} },
    invoke,
    words: optionWords('prod'),
    isJson: values.json === true,
    progressCommand: 'npx autosnap status --stage prod',
  } as unknown as Context;
  const code = await restore.run(values, context);
  return { code, printed, notes: notes.join('\n'), progressCommand: context.progressCommand };
}

const WORDS = { server: 'db', yes: true, wait: false };

test('the same words watch the restore that is under way, also once a newer snapshot is good', async () => {
  const w = await drivenWorld();
  const first = await command(w, WORDS);
  setTime('2026-11-22T06:01:00Z');
  await w.run('snapshot', policy({ policy: 'newer' }));
  setTime('2026-11-22T06:02:00Z');
  const second = await command(w, WORDS);
  expect(second.notes).toMatch(/This restore is under way, as restore-[0-9a-f]{12}: from \S+, and not from /);
  expect(second.progressCommand).toMatch(
    /^npx autosnap restore --stage prod --request restore-[0-9a-f]{12}$/,
  );
  expect(second.progressCommand).toBe(first.progressCommand);
  expect(newServers(w).length).toBeLessThanOrEqual(1);
  expect(w.region.volumes).toHaveLength(4);
});

test.each([{ flavor: '1 GB General Purpose v1' }, { 'new-name': 'db-b' }, { at: '2026-11-22 05:00' }])(
  'other words are another restore: %j',
  async (more) => {
    const w = await drivenWorld();
    const first = await command(w, WORDS);
    const second = await command(w, { ...WORDS, ...more });
    expect(second.notes).not.toContain('under way');
    expect(second.progressCommand).not.toBe(first.progressCommand);
  },
);

test('with --json each command prints one document', async () => {
  const w = await drivenWorld();
  const words = { server: 'db', yes: true, wait: false, json: true };
  const begun = await command(w, words);
  expect(begun.printed.map((text) => JSON.parse(text))).toMatchObject([{ last: { name: 'db' } }]);
  const watched = await command(w, words);
  expect(watched.printed.map((text) => JSON.parse(text))).toMatchObject([{ last: { name: 'db' } }]);
  const unanswered = await command(w, { server: 'db', 'new-name': 'b', json: true });
  expect(unanswered.printed.map((text) => JSON.parse(text))).toMatchObject([{ state: 'planned' }]);
  expect(unanswered.code).toBe(2);
});
