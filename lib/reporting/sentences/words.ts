import { printableJson } from '../../openstack/printable.ts';

/**
 * How sentences name what a run was asked for: as the fields of an event, or as the options of a
 * command (deploy/commands/option-words.ts).
 */
export interface Words {
  /** How a refusal begins: "The event is refused". */
  refused: string;
  /** The field that a problem begins with: `at`, `servers.names.0`. */
  label(path: string): string;
  /** A field in a sentence: `"at"`. */
  named(field: string): string;
  /** A field with its value: `"to": "new"`. */
  given(field: string, value: string): string;
  /** How to run a function: `invoke restore with {"server": "web-1", "to": "new"}`. */
  run(job: string, event: object): string;
}

/** The words for those who send events. */
export const EVENT_WORDS: Words = {
  refused: 'The event is refused',
  label: (path) => path,
  named: (field) => `"${field}"`,
  given: (field, value) => `"${field}": "${value}"`,
  run: (job, event) => `invoke ${job} with ${printableJson(event)}`,
};
