import { type DecodedText, decodedTextsOf, type Span } from './decoded-texts.ts';

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
