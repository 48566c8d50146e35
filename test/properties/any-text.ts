import fc from 'fast-check';

const character = fc
  .oneof(fc.nat({ max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((codePoint) => String.fromCodePoint(codePoint));

/**
 * Any text, names such as `__proto__` among them. `fc.string({ unit: 'binary' })` would first list
 * all million characters, which takes a second.
 */
export function anyText(length: { maxLength?: number } = {}): fc.Arbitrary<string> {
  return fc.oneof(fc.string(length), fc.string({ unit: character, ...length }));
}
