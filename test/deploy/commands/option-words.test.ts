import { expect, test } from 'vitest';
import { OPTION_OF, optionWords } from '../../../deploy/commands/option-words.ts';
import { VERBS } from '../../../deploy/commands/verbs.ts';
import type { Reason } from '../../../lib/reporting/reasons.ts';
import { sentenceIn, sentenceOf } from '../../../lib/reporting/sentences.ts';

const words = optionWords('prod');

test('each field has an option that a command has', () => {
  const options = new Set(Object.values(VERBS).flatMap((verb) => Object.keys(verb.options)));
  expect(Object.values(OPTION_OF).filter((option) => !options.has(option))).toEqual([]);
});

test.each<[Reason, string, string]>([
  [
    { code: 'EVENT_INVALID', problems: [{ field: 'servers.names.0', text: 'must be a name' }] },
    'The event is refused: servers.names.0: must be a name',
    'The command is refused: --server: must be a name',
  ],
  [
    { code: 'EVENT_INVALID', problems: [{ text: 'it must be a JSON object' }] },
    'The event is refused: it must be a JSON object',
    'The command is refused: it must be a JSON object',
  ],
  [
    { code: 'IMAGE_UNKNOWN', field: 'release', image: 'i', regions: ['DFW'] },
    'The event is refused: release: this project has no image i in DFW',
    'The command is refused: --image: this project has no image i in DFW',
  ],
  [
    { code: 'JOB_REFUSED', job: 'restore', reasons: [{ code: 'RESTORE_LOCKED', name: 'web' }] },
    'The restore is refused: server: web is locked, so the cloud does not rebuild it: unlock it, or use "to": "new"',
    'The restore is refused: --server: web is locked, so the cloud does not rebuild it: unlock it, or use the command without --in-place',
  ],
  [
    { code: 'RESTORE_DELETED_SINCE' },
    'the server has been deleted since: start a new restore, without "request"',
    'the server has been deleted since: start a new restore, without --request',
  ],
  [
    { code: 'RESTORE_PASSED_OVER_FAILED', image: 'i', slot: 's', drilled: 'd' },
    'passed over: the snapshot of s (i): its last drill, at d, failed; to restore it anyway, give "at": "i"',
    'passed over: the snapshot of s (i): its last drill, at d, failed; to restore it anyway, give --at i',
  ],
  [
    { code: 'RESTORE_WAY_BACK', event: { server: 'web 1', to: 'in-place', at: 'i' } },
    'to put the old disk back, invoke restore with {"server":"web 1","to":"in-place","at":"i"}',
    "to put the old disk back, npx autosnap restore --stage prod --server 'web 1' --in-place --at i",
  ],
  [
    { code: 'RESTORE_SERVER_UNCERTAIN' },
    'server: give the id of the server, or its "region"',
    '--server: give the id of the server, or its "region" in an event for the function restore (docs/restore.md)',
  ],
])('%o, for those who send events and for those who type commands', (reason, ofEvent, ofCommand) => {
  expect(sentenceOf(reason)).toBe(ofEvent);
  expect(sentenceIn(words, reason)).toBe(ofCommand);
});
