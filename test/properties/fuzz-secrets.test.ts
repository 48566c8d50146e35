import fc from 'fast-check';
import { expect, test } from 'vitest';
import { redactor } from '../../lib/openstack/redact.ts';
import { connect } from '../../lib/openstack/session.ts';
import { ALTERATIONS, ENCODINGS } from '../encodings.ts';
import { credentialsOf, unhurried } from '../openstack/connected.ts';
import { always } from './always.ts';
import { oneCloud } from './embedded.ts';

// Secrets that come back as a cloud, a proxy or a library may write them.

const shared = oneCloud();

/** Such secrets are in no text by chance, also in part. */
const secrets = fc
  .string({ unit: 'grapheme', minLength: 8, maxLength: 60 })
  .filter((text) => new Set(text).size > 5 && text.isWellFormed() && text.trim() === text);
const encodings = fc.constantFrom(...Object.values(ENCODINGS));
/** Two escapes, one in the other; base64 as the inner one. */
const encoded = fc
  .tuple(secrets, encodings, fc.option(encodings))
  .filter(([, , outer]) => !outer || !isBase64(outer))
  .map(([secret, inner, outer]) => ({ secret, text: outer ? outer(inner(secret)) : inner(secret) }));
const around = fc.constantFrom('', ' ', '"', '<b>', 'user:', '%20', '&amp;', '\\"', '=', 'ü');

function isBase64(encode: (text: string) => string): boolean {
  return encode('<%&\\=') === encode('<%&\\=').replace(/[^\w+/=-]/g, '') && !encode('<').startsWith('=');
}

test('an encoded secret is taken out of a text, and the text around it stays', async () => {
  await always(
    fc.property(encoded, around, around, ({ secret, text }, before, behind) => {
      const clean = redactor(secret).redact(`it was ${before}${text}${behind} here`);
      expect(clean).toContain('[secret]');
      expect(clean).not.toContain(text);
      expect(clean).toMatch(/^it was .* here$/su);
    }),
    { pure: true },
  );
});

test('an error of the cloud that repeats an encoded secret does not show it', async () => {
  await always(
    fc.asyncProperty(encoded, around, around, async ({ secret, text }, before, behind) => {
      const { cloud } = shared;
      cloud.faults.splice(0);
      const message = `No: ${before}${text}${behind}`;
      cloud.faults.push({
        service: 'identity',
        times: 9,
        answer: { status: 400, body: { error: { code: 400, message } } },
      });
      const credentials = { ...credentialsOf(cloud), apiKey: secret };
      const error = await connect(async () => credentials, unhurried).catch((thrown: Error) => thrown);
      expect(String((error as Error).stack)).not.toContain(text);
      expect((error as Error).message).toContain('No: ');
      expect((error as Error).message).toContain('[secret]');
    }),
  );
});

test('an error of the cloud that repeats an altered secret shows no part of it', async () => {
  const words = fc.string({
    unit: fc.constantFrom(...'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ123456789-_.é&<'),
    minLength: 20,
    maxLength: 40,
  });
  const secret = words.filter((text) => (text.match(/[a-z\d]/gi)?.length ?? 0) >= 16);
  const alterations = fc.constantFrom(...Object.values(ALTERATIONS));
  await always(
    fc.property(secret, alterations, around, around, (key, alter, before, behind) => {
      const clean = redactor(key).redactStrictly(`it was ${before}${alter(key)}${behind} here`);
      expect(clean).not.toContain(alter(key));
      expect(clean).toMatch(/\[secret\]|withheld/);
    }),
    { pure: true },
  );
});
