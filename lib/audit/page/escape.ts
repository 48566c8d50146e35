import { printable } from '../../openstack/printable.ts';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it may stand in an element or a quoted attribute, wherever it came from. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/**
 * A value as JSON that may stand in a script element: nothing in it ends that, or begins a comment.
 */
export function escapeJson(value: unknown): string {
  const json = JSON.stringify(value, (_, part) => (typeof part === 'string' ? printable(part) : part));
  return json.replaceAll('<', '\\u003c');
}
