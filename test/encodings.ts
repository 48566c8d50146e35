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
};
