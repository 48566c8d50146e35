/**
 * Control and escape characters, including line ends, and characters that change the direction of a
 * text.
 */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
const REPLACEMENT = '\ufffd';
/** What only separates words: in one line it is a space. */
const WORD_BREAK = /\r?\n|\t/g;

/**
 * Makes a text of the cloud, such as the name of a server, safe for a terminal, a mail or a page:
 * replaces the characters that move the cursor, start a new line or reverse the text. Line ends and
 * tabs become spaces.
 */
export function printable<S extends string>(text: S): S {
  return text.toWellFormed().replace(WORD_BREAK, ' ').replace(UNPRINTABLE, REPLACEMENT) as S;
}

/** {@link printable} for a text of several lines. */
export function printableLines(text: string): string {
  return text.split(/\r?\n/).map(printable).join('\n');
}

/**
 * Applies {@link printable} to all texts in a value. Texts under the key `message` keep their line
 * ends.
 */
export function printableIn<T>(value: T, key?: string): T;
export function printableIn(value: unknown, key?: string): unknown {
  if (typeof value === 'string') return key === 'message' ? printableLines(value) : printable(value);
  if (Array.isArray(value)) return value.map((one) => printableIn(one, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, printableIn(one, name)]));
}

/** A value as JSON that is {@link printable}. Parsing the JSON returns the same value. */
export function printableJson(value: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(UNPRINTABLE, escaped);
}

/** A message of the cloud without its full stop, to be continued. */
export function withoutStop(text: string): string {
  return text.replace(/[.\s]+$/, '');
}
