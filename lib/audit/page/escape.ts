import { printable } from '../../openstack/printable.ts';
import type { Sentence } from '../../reporting/sentences/sentence.ts';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes untrusted text for an HTML element or a quoted attribute. */
export function escapeHtml(text: Sentence): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/**
 * Serializes a value as JSON for a script element: the JSON can neither end the element nor start a
 * comment.
 */
export function escapeJson(value: unknown): string {
  const json = JSON.stringify(value, (_, part) => (typeof part === 'string' ? printable(part) : part));
  return json.replaceAll('<', '\\u003c');
}
