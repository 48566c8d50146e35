/** How much of a text is examined. {@link Redactor.redact} then takes less than 0.1 s. */
const MAX_EXAMINED = 20_000;
/**
 * How much of a longer text is returned. A secret that begins before this length is examined
 * completely.
 */
const MAX_RETURNED = 10_000;

/** Removes secrets from texts. */
export interface Redactor {
  add(secret: string): void;
  /**
   * Replaces each secret in a text with "[secret]": the secret itself, and the forms in which
   * software repeats it. These are escapes with backslashes, for JSON, for HTML, for URLs and for
   * quoted-printable, also nested, base64 together with other text, also in several lines, and
   * hexadecimal. Returns the first {@link
   * MAX_RETURNED} characters of a text that is longer than {@link MAX_EXAMINED}.
   */
  redact(text: string): string;
  /**
   * Like {@link Redactor.redact}, for texts of a cloud that was sent the secret. If the redacted
   * text still repeats a part of a secret, cut, split, masked in the middle or encoded in another
   * way, the whole text is replaced.
   */
  redactStrictly(text: string): string;
}

/** What replaces a text that repeats a part of a secret. */
const WITHHELD = '[withheld: this text repeats a part of a secret]';

/** Creates a {@link Redactor} of these secrets. */
export function redactor(...secrets: string[]): Redactor {
  const known = new Set<string>();
  const parts = new Set<string>();
  const ends: Ends[] = [];
  const add = (secret: string) => {
    if (!secret || known.has(secret)) return;
    known.add(secret);
    for (const part of partsOf(secret)) parts.add(part);
    ends.push(...endsOf(secret));
  };
  secrets.forEach(add);
  const redact = (long: string) => {
    const text = long.slice(0, MAX_EXAMINED);
    const spans = decodedTextsOf(text).flatMap((decodedText) =>
      [...known].flatMap((secret) => spansOf(secret, decodedText)),
    );
    return masked(text, spans, long.length > MAX_EXAMINED ? MAX_RETURNED : text.length);
  };
  return {
    add,
    redact,
    redactStrictly(text) {
      const clean = redact(text);
      const plain = plainTextsOf(clean);
      return repeatsPart(plain, parts) || repeatsEnds(plain, ends) ? WITHHELD : clean;
    },
  };
}

/** This many characters in a row of a secret are a part that no text may repeat. */
const PART_LENGTH = 8;
/**
 * A shorter secret is a part as a whole, unless it is too short to be recognized in other words.
 */
const MIN_PART_LENGTH = 4;
/** What differs between two copies of a text that people would call the same. */
const TAGS = /<\/?[a-z][^>]*>/gi;
const ENCODED_SIGNS = /&#?\w+;|%u[\da-f]{4}|\\u[\da-f]{4}|(?:[%=]|\\x)[\da-f]{2}/gi;

/**
 * A text reduced to what copies of it share: without spaces, control and invisible characters; and
 * its ASCII letters and digits alone, with and without HTML tags. Variants of a character, such as
 * full-width letters, count as the same one.
 */
function essencesOf(text: string): string[] {
  const lower = text.normalize('NFKC').toLowerCase();
  return [
    lower.replace(/[\s\p{C}]/gu, ''),
    ...[lower, lower.replace(TAGS, '')].map((some) =>
      some.replace(ENCODED_SIGNS, '').replace(/[^a-z\d]/g, ''),
    ),
  ];
}

function partsOf(secret: string): string[] {
  return essencesOf(secret)
    .filter(({ length }) => length >= MIN_PART_LENGTH)
    .flatMap((essence) => rowsIn(essence, Math.min(PART_LENGTH, essence.length)));
}

/** Each row of `length` characters in a text. */
function rowsIn(text: string, length: number): string[] {
  return Array.from({ length: Math.max(0, text.length - length + 1) }, (_, i) => text.slice(i, i + length));
}

function repeatsPart(texts: readonly string[], parts: ReadonlySet<string>): boolean {
  const lengths = new Set([...parts].map(({ length }) => length));
  return texts.some((plain) =>
    essencesOf(plain).some((essence) =>
      lengths.values().some((length) => rowsIn(essence, length).some((row) => parts.has(row))),
    ),
  );
}

/** So many characters at both ends of a secret are too many for a word to repeat. */
const END_LENGTH = 5;
/** A shorter secret has too little between its ends to be masked. */
const MIN_MASKED_LENGTH = 12;

/** The beginning and the end of a secret, in one of its essences. */
interface Ends {
  essence: number;
  from: string;
  to: string;
}

function endsOf(secret: string): Ends[] {
  return essencesOf(secret).flatMap((one, essence) =>
    one.length < MIN_MASKED_LENGTH
      ? []
      : [{ essence, from: one.slice(0, END_LENGTH), to: one.slice(-END_LENGTH) }],
  );
}

/** Whether a word has the beginning and the end of a secret, as a masked secret does. */
function repeatsEnds(texts: readonly string[], ends: readonly Ends[]): boolean {
  const hasEnds = (text: string) => {
    const essences = essencesOf(text);
    return ends.some(({ essence, from, to }) => {
      const start = essences[essence]!.indexOf(from);
      return start >= 0 && essences[essence]!.indexOf(to, start + from.length) >= 0;
    });
  };
  // Few texts have both ends, so few are split into words.
  return texts.some((plain) => hasEnds(plain) && plain.split(/\s+/).some(hasEnds));
}

/** Notations of bytes, without a sign that the decoders know. */
const NOTATIONS: readonly { pattern: RegExp; bytesOf(part: string): Buffer }[] = [
  { pattern: /[\w+/-]{6,}/g, bytesOf: (part) => Buffer.from(part, 'base64') },
  { pattern: /[a-z2-7]{7,}/gi, bytesOf: fromBase32 },
  {
    pattern: /(?:[\da-f]{2}[:\s-]?){4,}/gi,
    bytesOf: (part) => Buffer.from(part.replace(/[^\da-f]/gi, ''), 'hex'),
  },
  {
    pattern: /(?:0x[\da-f]{1,2}|\d{1,3})(?:[,;\s]+(?:0x[\da-f]{1,2}|\d{1,3})){3,}/gi,
    bytesOf: (list) => Buffer.from(list.split(/[,;\s]+/).map(Number)),
  },
];

/** RFC 4648 base32. */
function fromBase32(part: string): Buffer {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  const bits = [...part.toLowerCase()].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/**
 * A text with its escapes decoded, and what its parts in other notations of bytes stand for, twice:
 * a text of its own for each notation, with its parts in lines.
 */
function plainTextsOf(text: string): string[] {
  const found = new Set(decodedTextsOf(text).map((decoded) => decoded.text));
  let latest = [...found];
  for (let depth = 0; depth < 2; depth++) {
    latest = latest
      .flatMap((one) =>
        NOTATIONS.map(({ pattern, bytesOf }) =>
          (one.match(pattern) ?? []).map((part) => bytesOf(part).toString('latin1')).join('\n'),
        ),
      )
      .filter((one) => one !== '' && !found.has(one));
    for (const one of latest) found.add(one);
  }
  return [...found];
}

/**
 * A part of the original text: the index of its first character, and the index after its last
 * character.
 */
type Span = readonly [from: number, to: number];

/**
 * A text with its escapes decoded, and the part of the original text that each of its characters
 * comes from.
 */
interface DecodedText {
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
  // Where a long line was broken: base64 of 76 characters a line, = at the end in quoted-printable.
  // The next line may be indented, or begin with a space of the secret.
  { escapes: /=?\r?\n[ \t]*/g, decode: () => '' },
  { escapes: /=?\r?\n/g, decode: () => '' },
  {
    escapes: /&(?:(?:#\d{1,7}|#x[\da-f]{1,6});?|(?:amp|lt|gt|quot|apos);)/gi,
    decode(escaped) {
      const name = escaped.slice(1).replace(';', '').toLowerCase();
      if (!name.startsWith('#')) return ENTITIES[name] ?? escaped;
      const code = Number(name.startsWith('#x') ? `0x${name.slice(2)}` : name.slice(1));
      return code > 0x10ffff ? escaped : String.fromCodePoint(code);
    },
  },
  {
    escapes: new RegExp(
      `${bytes('\\\\x')}|\\\\u[\\da-f]{4}|\\\\u\\{[\\da-f]{1,5}\\}|(?:\\\\[0-3][0-7]{2})+|\\\\[^]`,
      'gi',
    ),
    decode(escaped) {
      if (/^\\x./i.test(escaped)) return fromBytes(escaped);
      if (/^\\u./i.test(escaped))
        return String.fromCodePoint(Number(`0x${escaped.slice(2).replace(/[{}]/g, '')}`));
      if (/^\\\d{3}/.test(escaped))
        return Buffer.from(
          escaped
            .slice(1)
            .split('\\')
            .map((one) => Number.parseInt(one, 8)),
        ).toString();
      return LETTERS[escaped.slice(1)] ?? escaped.slice(1);
    },
  },
];
/** How many nested escapes are decoded. */
const MAX_DEPTH = 3;

/** A text in its original form, and with its escapes decoded in every order. */
function decodedTextsOf(text: string): DecodedText[] {
  const plain = { text, origins: Array.from({ length: text.length }, (_, i): Span => [i, i + 1]) };
  const found = new Map<string, DecodedText>([[text, plain]]);
  let latest: DecodedText[] = [plain];
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const next = latest.flatMap((decodedText) =>
      DECODERS.map((decoder) => decodeEscapes(decodedText, decoder)),
    );
    latest = next.filter((decodedText) => !found.has(decodedText.text));
    for (const decodedText of latest) found.set(decodedText.text, decodedText);
  }
  return [...found.values()];
}

function decodeEscapes({ text, origins }: DecodedText, { escapes, decode }: Decoder): DecodedText {
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

/** Shorter pieces of base64 occur in many texts by chance. */
const MIN_BASE64_LENGTH = 4;

function spansOf(secret: string, { text, origins }: DecodedText): Span[] {
  const hex = Buffer.from(secret).toString('hex');
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/');
  return [
    ...[secret, hex, hex.toUpperCase()].flatMap((form) => occurrences(form, text)),
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
 * The characters of base64 that depend on the secret alone, when the encoded text contains the
 * secret, such as `<user>:<secret>`. Three bytes become four characters, so there are three forms.
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

/**
 * Extends a match by the characters at its ends that depend on both the secret and the surrounding
 * text.
 */
function withEnds([from, to]: Span, text: string): Span {
  const before = /[a-z\d+/]$/i.exec(text.slice(0, from))?.[0].length ?? 0;
  const behind = /^[a-z\d+/]?=*/i.exec(text.slice(to))?.[0].length ?? 0;
  return [from - before, to + behind];
}

/** The first `length` characters of a text, with each span replaced. */
function masked(text: string, spans: readonly Span[], length: number): string {
  let clean = '';
  let end = 0;
  for (const [from, to] of spans.toSorted(([a], [b]) => a - b)) {
    if (from >= length) break;
    if (from >= end) clean += `${text.slice(end, from)}[secret]`;
    end = Math.max(end, to);
  }
  return clean + text.slice(end, Math.max(end, length));
}
