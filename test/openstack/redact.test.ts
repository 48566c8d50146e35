import { describe, expect, test } from 'vitest';
import { redactor } from '../../lib/openstack/redact.ts';
import { ALTERATIONS, ENCODINGS } from '../encodings.ts';

const SECRETS = ['aaaaa-bbbbb-ccccc-12345678', String.raw`p<w>&"o'rd \9/é+=?😀 x`, 'gAAAA_x-Y=='];

describe.each(SECRETS)('the secret %s is hidden', (secret) => {
  const hide = redactor(secret).redact;

  test.each(Object.entries(ENCODINGS))('when a text has it as %s', (_, encode) => {
    const clean = hide(`no: ${encode(secret)}.`);
    expect(clean).toMatch(/^no: .{0,5}\[secret\].{0,14}\.$/);
    expect(clean).not.toContain(encode(secret));
  });

  test.each(Object.entries(ENCODINGS))('when a text has it as %s, and is escaped in turn', (_, encode) => {
    const once = encode(secret);
    for (const again of [JSON.stringify, encodeURIComponent, ENCODINGS['escaped for HTML']!]) {
      expect(hide(again(once))).not.toContain(again(once));
      expect(hide(again(once))).toContain('[secret]');
    }
  });
});

test.each(['\n', '\r\n'])('a secret is hidden in base64 whose lines of 76 characters end with %j', (end) => {
  for (const secret of SECRETS) {
    for (let before = 45; before < 60; before++) {
      const encoded = Buffer.from(`${'u'.repeat(before)}:${secret}, and more`).toString('base64');
      const lines = encoded.match(/.{1,76}/g)!.join(end);
      expect(redactor(secret).redact(lines)).toMatch(/^.{56,84}\[secret\].{10,20}$/s);
    }
  }
});

test('a line of quoted-printable that is broken right before a space of the secret is hidden', () => {
  expect(redactor('one two three').redact('it was one=\r\n two three here')).toBe('it was [secret] here');
});

test('a text without the secret stays as it is', () => {
  const text = 'Policy doesn\'t allow 50% of "it" &amp; 2 &lt; 3 \\ aGVsbG8= to be performed.';
  expect(redactor(...SECRETS).redact(text)).toBe(text);
});

test('a secret that contains another one is hidden completely', () => {
  expect(redactor('abcd', 'abcd-efgh').redact('abcd-efgh and abcd')).toBe('[secret] and [secret]');
});

test.each([9_990, 19_990])('a secret after %d characters is hidden completely', (length) => {
  const [secret] = SECRETS as [string];
  for (const [name, encode] of Object.entries(ENCODINGS)) {
    const clean = redactor(secret).redact(`${'.'.repeat(length)}${encode(secret)}${'.'.repeat(20_000)}`);
    expect(clean, name).toMatch(/^\.+\w{0,4}(\[secret\].{0,14}\.*)?$/);
  }
});

test('a text of 20,000 characters stays complete, and a longer one is shortened to its beginning', () => {
  const text = 'no '.repeat(6_666);
  expect(redactor(...SECRETS).redact(text)).toBe(text);
  expect(redactor(...SECRETS).redact(text + text)).toBe(text.slice(0, 10_000));
});

test('a secret that becomes known later is hidden from then on', () => {
  const secrets = redactor();
  expect(secrets.redact('token-77')).toBe('token-77');
  secrets.add('token-77');
  secrets.add('');
  expect(secrets.redact('token-77')).toBe('[secret]');
});

describe.each([
  'aaaaa-bbbbb-ccccc-12345678',
  String.raw`k<1>&"2" \3/4+é=`,
  'correct horse battery',
  'gAAAAABmX-Y_42==',
])('the secret %s is hidden', (secret) => {
  const hide = redactor(secret).redactStrictly;

  test.each(Object.entries(ALTERATIONS))('when a text has it altered: %s', (_, alter) => {
    const clean = hide(`no: ${alter(secret)} is wrong.`);
    expect(clean === '[withheld: this text repeats a part of a secret]' || clean.includes('[secret]')).toBe(
      true,
    );
    expect(clean).not.toContain(alter(secret));
  });

  test.each(Object.entries(ENCODINGS))(
    'when a text has it as %s, and the text around it stays',
    (_, encode) => {
      expect(hide(`no: ${encode(secret)}.`)).toMatch(/^no: .{0,5}\[secret\].{0,20}\.$/);
    },
  );
});

test.each(['k7Qx', 'pass-1', '9f2b-7c'])('the short secret %s is hidden in two encodings', (secret) => {
  const hide = redactor(secret).redactStrictly;
  const hex = Buffer.from(secret).toString('hex');
  for (const encoded of [
    Buffer.from(hex).toString('base64'),
    Buffer.from(Buffer.from(secret).toString('base64')).toString('hex'),
    Buffer.from(Buffer.from(secret).toString('base64')).toString('base64'),
  ]) {
    expect(hide(`no: ${encoded}`)).toBe('[withheld: this text repeats a part of a secret]');
  }
});

test('words that only begin or end like a secret stay', () => {
  const text = 'autosaved by an action; aaaaa, 45678';
  expect(redactor('autosnap-production', 'aaaaa-bbbbb-ccccc-12345678').redactStrictly(text)).toBe(text);
});

test('a text with fewer than eight characters in a row of a secret stays as it is', () => {
  const text = 'No server has this id: aaaaa-b, <b>12345</b>, YWFhYWEtYg==';
  expect(redactor('aaaaa-bbbbb-ccccc-12345678', 'ab').redactStrictly(text)).toBe(text);
});
