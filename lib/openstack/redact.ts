/** The time that {@link Redactor.redact} takes grows with the text: with this, it is below 0.1 s. */
const MAX_LENGTH = 20_000;

/** Knows secrets, and takes them out of texts. */
export interface Redactor {
  add(secret: string): void;
  /**
   * Replaces each secret in a text with "[secret]": as it is, and as software repeats it. That is
   * with backslashes or in JSON, escaped for HTML, a URL or quoted-printable, one within the other
   * too, and in base64 with other text around it. Of a text, no more than {@link MAX_LENGTH}
   * characters are returned.
   */
  redact(text: string): string;
}

export function redactor(...secrets: string[]): Redactor {
  const known = new Set<string>();
  const add = (secret: string) => {
    if (secret) known.add(secret);
  };
  secrets.forEach(add);
  return {
    add,
    redact(long) {
      const text = long.slice(0, MAX_LENGTH);
      const spans = readingsOf(text).flatMap((reading) =>
        [...known].flatMap((secret) => spansOf(secret, reading)),
      );
      return masked(text, spans);
    },
  };
}

/** A part of the original text: from a character to the one behind its last. */
type Span = readonly [from: number, to: number];

/** A text with escapes resolved, and where in the original each of its characters is. */
interface Reading {
  text: string;
  origins: readonly Span[];
}

interface Decoder {
  escapes: RegExp;
  decode(escaped: string): string;
}

/** A character of UTF-8 as hexadecimal bytes, each after a sign. */
const bytes = (sign: string) => {
  const [ascii, more] = [`${sign}[0-7][\\da-f]`, `${sign}[89ab][\\da-f]`];
  return `${ascii}|${sign}[cd][\\da-f]${more}|${sign}e[\\da-f](?:${more}){2}|${sign}f[0-7](?:${more}){3}`;
};
const fromBytes = (escaped: string) => Buffer.from(escaped.replace(/%|=|\\x/gi, ''), 'hex').toString();

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const LETTERS: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };

const DECODERS: readonly Decoder[] = [
  {
    // A form has + for a space.
    escapes: new RegExp(`${bytes('%')}|\\+`, 'gi'),
    decode: (escaped) => (escaped === '+' ? ' ' : fromBytes(escaped)),
  },
  { escapes: new RegExp(bytes('='), 'gi'), decode: fromBytes },
  {
    escapes: /&(?:#\d{1,7}|#x[\da-f]{1,6}|amp|lt|gt|quot|apos);/gi,
    decode(escaped) {
      const name = escaped.slice(1, -1).toLowerCase();
      if (!name.startsWith('#')) return ENTITIES[name] ?? escaped;
      const code = Number(name.startsWith('#x') ? `0x${name.slice(2)}` : name.slice(1));
      return code > 0x10ffff ? escaped : String.fromCodePoint(code);
    },
  },
  {
    escapes: new RegExp(`${bytes('\\\\x')}|\\\\u[\\da-f]{4}|\\\\[^]`, 'gi'),
    decode(escaped) {
      if (/^\\x./i.test(escaped)) return fromBytes(escaped);
      if (/^\\u./i.test(escaped)) return String.fromCharCode(Number(`0x${escaped.slice(2)}`));
      return LETTERS[escaped.slice(1)] ?? escaped.slice(1);
    },
  },
];
/** How many escapes are resolved that are one within the other. */
const MAX_DEPTH = 3;

/** A text as it is, and with its escapes resolved in every order. */
function readingsOf(text: string): Reading[] {
  const plain = { text, origins: Array.from({ length: text.length }, (_, i): Span => [i, i + 1]) };
  const found = new Map<string, Reading>([[text, plain]]);
  let latest: Reading[] = [plain];
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const next = latest.flatMap((reading) => DECODERS.map((decoder) => decoded(reading, decoder)));
    latest = next.filter((reading) => !found.has(reading.text));
    for (const reading of latest) found.set(reading.text, reading);
  }
  return [...found.values()];
}

function decoded({ text, origins }: Reading, { escapes, decode }: Decoder): Reading {
  const found: Span[] = [];
  let end = 0;
  const keepUntil = (index: number) => {
    for (; end < index; end++) found.push(origins[end]!);
  };
  const resolved = text.replace(escapes, (escaped, index: number) => {
    keepUntil(index);
    end += escaped.length;
    const plain = decode(escaped);
    const span: Span = [origins[index]![0], origins[end - 1]![1]];
    for (let i = 0; i < plain.length; i++) found.push(span);
    return plain;
  });
  keepUntil(text.length);
  return { text: resolved, origins: found };
}

/** Shorter pieces of base64 are in many texts by chance. */
const MIN_BASE64_LENGTH = 4;

function spansOf(secret: string, { text, origins }: Reading): Span[] {
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/');
  return [
    ...occurrences(secret, text),
    ...base64Cores(secret).flatMap((core) => occurrences(core, base64).map((span) => withEnds(span, base64))),
  ].map(([from, to]): Span => [origins[from]![0], origins[to - 1]![1]]);
}

function occurrences(needle: string, text: string): Span[] {
  const found: Span[] = [];
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
    found.push([at, at + needle.length]);
  }
  return found;
}

/**
 * Base64 of a text that contains the secret, such as `<user>:<secret>`, as far as it depends on the
 * secret alone. Three bytes make four characters, so there are three forms.
 */
function base64Cores(secret: string): string[] {
  return [0, 1, 2]
    .map((offset) => {
      const padded = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
      const [start, end] = [Math.ceil((offset * 8) / 6), Math.floor((padded.length * 8) / 6)];
      return padded.toString('base64').slice(start, end);
    })
    .filter(({ length }) => length >= MIN_BASE64_LENGTH);
}

/** A core with the characters at its ends that depend on the secret and on the text around it. */
function withEnds([from, to]: Span, text: string): Span {
  const before = /[a-z\d+/]$/i.exec(text.slice(0, from))?.[0].length ?? 0;
  const behind = /^[a-z\d+/]?=*/i.exec(text.slice(to))?.[0].length ?? 0;
  return [from - before, to + behind];
}

function masked(text: string, spans: readonly Span[]): string {
  let clean = '';
  let end = 0;
  for (const [from, to] of spans.toSorted(([a], [b]) => a - b)) {
    if (from >= end) clean += `${text.slice(end, from)}[secret]`;
    end = Math.max(end, to);
  }
  return clean + text.slice(end);
}
