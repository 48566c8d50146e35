/** How software repeats a text that it was sent. */
export const ENCODINGS: Record<string, (text: string) => string> = {
  'as it is': (text) => text,
  'escaped for HTML': (text) =>
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&#x27;'),
  'in decimal HTML entities': (text) => [...text].map((c) => `&#${c.codePointAt(0)};`).join(''),
  'in hexadecimal HTML entities': (text) =>
    [...text].map((c) => `&#X${c.codePointAt(0)!.toString(16).toUpperCase()};`).join(''),
  'in HTML entities without semicolons': (text) => [...text].map((c) => `&#${c.codePointAt(0)}`).join(''),
  'encoded for a URL': (text) => encodeURIComponent(text),
  'encoded for a form': (text) => new URLSearchParams({ text }).toString().slice('text='.length),
  'in percent signs alone': (text) => `%${Buffer.from(text).toString('hex').match(/../g)!.join('%')}`,
  'in JSON': (text) => JSON.stringify(text).slice(1, -1),
  'in JSON of ASCII': (text) =>
    JSON.stringify(text)
      .slice(1, -1)
      .replace(
        /[\u007f-\uffff]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`,
      ),
  'with a backslash before all signs': (text) => text.replace(/[^\w\s]/gu, String.raw`\$&`),
  'as bytes of Python': (text) =>
    [...Buffer.from(text)].map((b) => `\\x${b.toString(16).padStart(2, '0')}`).join(''),
  'quoted-printable': (text) =>
    [...Buffer.from(text)].map((b) => `=${b.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
  'quoted-printable in several lines': (text) => text.replaceAll('=', '=3D').replace(/^.{6}/su, '$&=\r\n'),
  'in hexadecimal': (text) => Buffer.from(text).toString('hex'),
  'in hexadecimal capitals': (text) => Buffer.from(text).toString('hex').toUpperCase(),
  'in base64': (text) => Buffer.from(text).toString('base64'),
  'in base64 after one byte': (text) => Buffer.from(`:${text}`).toString('base64'),
  'in base64 between a user and more': (text) => Buffer.from(`it:${text}, and more`).toString('base64'),
  'in base64 for URLs': (text) => Buffer.from(`me:${text}`).toString('base64url'),
  'as JavaScript writes code points': (text) =>
    [...text].map((c) => `\\u{${c.codePointAt(0)!.toString(16)}}`).join(''),
  'in octal': (text) => [...Buffer.from(text)].map((b) => `\\${b.toString(8).padStart(3, '0')}`).join(''),
};

const NAMED: Record<string, string> = {
  é: 'eacute',
  '+': 'plus',
  '/': 'sol',
  '=': 'equals',
  '\\': 'bsol',
  '<': 'lt',
  '>': 'gt',
  '&': 'amp',
  '"': 'quot',
};
const inside = (what: string) => (text: string) => `${text.slice(0, 8)}${what}${text.slice(8)}`;
const base64 = (text: string | Buffer) => Buffer.from(text as string).toString('base64');

function base32(text: string): string {
  const bits = [...Buffer.from(text)].map((b) => b.toString(2).padStart(8, '0')).join('');
  const letters = bits.match(/.{1,5}/g)!.map((five) => Number.parseInt(five.padEnd(5, '0'), 2));
  return letters.map((n) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[n]).join('');
}

/**
 * How software may alter a text that it was sent, so that the text can't be found as it is, but a
 * person could still read it.
 */
export const ALTERATIONS: Record<string, (text: string) => string> = {
  'with a tag inside': inside('<wbr>'),
  'in two elements': (text) => `<b>${text.slice(0, 6)}</b><i class="x">${text.slice(6)}</i>`,
  'with a line break of HTML inside': inside('<br/>'),
  'with a tab inside': inside('\t'),
  'with a carriage return inside': inside('\r'),
  'with a soft hyphen inside': inside('&shy;'),
  'with a zero-width space inside': inside('\u200b'),
  'with a colour of a terminal inside': inside('\u001b[1m'),
  'in named entities': (text) => [...text].map((c) => (NAMED[c] ? `&${NAMED[c]};` : c)).join(''),
  'in Latin-1, encoded for a URL': (text) =>
    [...Buffer.from(text, 'latin1')].map((b) => `%${b.toString(16).padStart(2, '0')}`).join(''),
  'escaped as JavaScript once did': (text) =>
    [...text].map((c) => (c > '\u007f' ? `%u${c.charCodeAt(0).toString(16).padStart(4, '0')}` : c)).join(''),
  'in base64 of JSON': (text) => base64(JSON.stringify({ apiKey: text })),
  'in base64 of HTML': (text) => base64(ENCODINGS['escaped for HTML']!(text)),
  'in base64 of Latin-1': (text) => base64(Buffer.from(text, 'latin1')),
  'in base64 of base64': (text) => base64(base64(`user:${text}`)),
  'in base64 of UTF-16': (text) => base64(Buffer.from(text, 'utf16le')),
  'in hexadecimal with colons': (text) => Buffer.from(text).toString('hex').match(/../g)!.join(':'),
  'in hexadecimal of mixed case': (text) =>
    Buffer.from(text)
      .toString('hex')
      .replace(/[a-f]/, (c) => c.toUpperCase()),
  'in base64 of hexadecimal': (text) => base64(Buffer.from(text).toString('hex')),
  'in base32': base32,
  'as a list of bytes': (text) => [...Buffer.from(text)].join(', '),
  'as an array of hexadecimal bytes': (text) =>
    `{${[...Buffer.from(text)].map((b) => `0x${b.toString(16).padStart(2, '0')}`).join(',')}}`,
  'in full-width letters': (text) =>
    text.replace(/[!-~]/g, (c) => String.fromCodePoint(c.codePointAt(0)! + 0xfee0)),
  'in JSON, four times': (text) => JSON.stringify(JSON.stringify(JSON.stringify(JSON.stringify(text)))),
  'in capitals': (text) => text.toUpperCase(),
  'in small letters': (text) => text.toLowerCase(),
  'cut after 12 characters': (text) => `${text.slice(0, 12)}…`,
  'masked in the middle': (text) => `${text.slice(0, 7)}****${text.slice(-7)}`,
  'without its first 5 characters': (text) => text.slice(5),
};
