import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blueprintText, fingerprint, readBlueprint, UNKNOWN } from '../../lib/snapshots/blueprint.ts';
import { always } from '../properties/always.ts';
import { anyText } from '../properties/any-text.ts';

const NAME = 'web-1-daily-20261123T000000Z';
const web = { flavorId: 'general1-2', keyName: 'ops', securityGroups: ['default', 'web'] };

test.each([
  ['all that is known', web, { flavor: 'general1-2', keyName: 'ops', securityGroups: ['default', 'web'] }],
  [
    'a server without a key pair, which differs from an unknown key pair',
    { ...web, keyName: undefined, securityGroups: [] },
    { flavor: 'general1-2', keyName: null, securityGroups: [] },
  ],
  [
    'too many security groups',
    { ...web, securityGroups: Array(40).fill('group') },
    { flavor: 'general1-2', keyName: 'ops' },
  ],
  [
    'too many security groups and a long key pair',
    { ...web, keyName: 'k'.repeat(255), securityGroups: [] },
    { flavor: 'general1-2' },
  ],
  ['a flavor that is too long', { ...web, flavorId: 'f'.repeat(255) }, {}],
  ['no flavor', { ...web, flavorId: undefined }, {}],
  [
    'names in other alphabets',
    { ...web, keyName: '鍵 🗝' },
    { flavor: 'general1-2', keyName: '鍵 🗝', securityGroups: ['default', 'web'] },
  ],
])('%s: the image records $2', (_, server, blueprint) => {
  expect(readBlueprint(blueprintText({ region: 'DFW', ...server }, NAME))).toEqual({
    region: 'DFW',
    named: fingerprint(NAME),
    ...blueprint,
  });
});

test('for any names the text is printable ASCII, fits into any request, and is read back', async () => {
  const name = anyText({ maxLength: 60 });
  const server = fc.record({
    flavorId: name,
    keyName: fc.option(name, { nil: undefined }),
    securityGroups: fc.array(name),
  });
  const property = fc.property(server, (its) => {
    const text = blueprintText({ region: 'DFW', ...its }, NAME);
    expect(text).toMatch(/^[\x20-\x7e]{1,190}$/);
    const read = readBlueprint(text);
    expect(read).toMatchObject({ region: 'DFW', named: fingerprint(NAME) });
    if (read?.flavor !== undefined) expect(read.flavor).toBe(its.flavorId);
    if (read?.keyName !== undefined) expect(read.keyName).toBe(its.keyName ?? null);
    if (read?.securityGroups) expect(read.securityGroups).toEqual(its.securityGroups);
  });
  await always(property, { pure: true });
});

test.each(['', 'unknown', '2', '{"flavor":2}', '{"flavor":"2","keyName":7}', '{'])(
  '%j is not a blueprint',
  (text) => {
    expect(readBlueprint(text)).toBeUndefined();
  },
);

test('the fingerprint of a name ignores spaces and the form of accents, and differs for other names', () => {
  expect(fingerprint('  café web-1-daily ')).toBe(fingerprint('cafe\u0301 web-1-daily'));
  for (const other of ['golden', `golden-${NAME}`, `${NAME}-2`, NAME.replace('web', 'db'), '本番']) {
    expect(fingerprint(other)).not.toBe(fingerprint(NAME));
  }
});

test('a blueprint that is too long contains only the fingerprint of the name', () => {
  expect(blueprintText({ region: 'r'.repeat(200), ...web }, NAME)).toBe(`{"named":"${fingerprint(NAME)}"}`);
  expect(readBlueprint(UNKNOWN)).toBeUndefined();
});
