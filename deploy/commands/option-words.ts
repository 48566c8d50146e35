import { shellWord } from '../../lib/reporting/sentences/restore-command.ts';
import type { Words } from '../../lib/reporting/sentences/words.ts';

/** The option of the commands for each field of an event that has one. */
export const OPTION_OF: Readonly<Record<string, string>> = {
  account: 'account',
  at: 'at',
  expires: 'expires',
  flavor: 'flavor',
  hold: 'image',
  name: 'new-name',
  of: 'server',
  policy: 'policy',
  release: 'image',
  request: 'request',
  server: 'server',
  'servers.names': 'server',
  to: 'in-place',
  until: 'until',
  volume: 'volume',
};

/** The words for those who type commands: they know the options, and not the fields of events. */
export function optionWords(stage: string): Words {
  return {
    refused: 'The command is refused',
    label(path) {
      const field = Object.keys(OPTION_OF).find(
        (one) => path === one || (/^[ .]/.test(path.slice(one.length)) && path.startsWith(one)),
      );
      if (field === undefined) return path;
      // What follows is the value, or a place in a list, which has no option of its own.
      const value = path.slice(field.length);
      return `--${OPTION_OF[field]}${value.startsWith('.') ? '' : value}`;
    },
    named: (field) => (OPTION_OF[field] ? `--${OPTION_OF[field]}` : inEvent(`"${field}"`)),
    given: (field, value) => given(field, value) ?? inEvent(`"${field}": "${value}"`),
    run(job, event) {
      const options = Object.entries(event).flatMap(([field, value]) =>
        field === 'to' && value === 'new' ? [] : (given(field, String(value)) ?? []),
      );
      return `npx autosnap ${job} --stage ${stage} ${options.join(' ')}`;
    },
  };
}

function given(field: string, value: string): string | undefined {
  if (field === 'to') return value === 'new' ? 'the command without --in-place' : '--in-place';
  return OPTION_OF[field] && `--${OPTION_OF[field]} ${shellWord(value)}`;
}

/** A field for which the commands have no option. */
function inEvent(text: string): string {
  return `${text} in an event for the function restore (docs/restore.md)`;
}
