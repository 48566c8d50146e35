/**
 * A part of the original text: the index of its first character, and the index after its last
 * character.
 */
export type Span = readonly [from: number, to: number];

/**
 * A text with its escapes decoded, and the part of the original text that each of its characters
 * comes from.
 */
export interface DecodedText {
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
export function decodedTextsOf(text: string): DecodedText[] {
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
