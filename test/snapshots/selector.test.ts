import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Selector } from '../../lib/config/policy.ts';
import { maySelect, selectServers, selectsServer } from '../../lib/snapshots/selector.ts';
import { server } from '../snapshots.ts';

const SERVERS = [
  server({ id: '1', name: 'web-1', metadata: { autosnap: 'daily' } }),
  server({ id: '2', name: 'web-2', metadata: { autosnap: 'daily, weekly', tier: 'gold' } }),
  server({ id: '3', name: 'db.prod' }),
  server({ id: '4', name: 'dbXprod', metadata: { autosnap: 'daily-ish' } }),
  server({ id: '5', name: 'web golden' }),
  server({ id: '6', name: 'web-scratch', metadata: { tier: 'gold' } }),
  server({ id: '7', name: 'two\nlines' }),
];

describe('the selected servers', () => {
  test.each<[string, Selector, string]>([
    ['by id', { ids: ['3', '1'] }, '13'],
    ['by exact name, without its lookalikes', { names: ['db.prod'] }, '3'],
    ['by pattern', { names: ['web-*'] }, '126'],
    ['a question mark is one character', { names: ['web-?'] }, '12'],
    ['a pattern matches the whole name', { names: ['web'] }, ''],
    ['by tag, a comma-separated value for each part', { tagged: { autosnap: 'daily' } }, '12'],
    ['by every one of several tags', { tagged: { autosnap: 'daily', tier: 'gold' } }, '2'],
    ['by tag, any part of it', { tagged: { autosnap: 'weekly' } }, '2'],
    ['a pattern goes over lines', { names: ['two*lines'] }, '7'],
    ['a pattern with stars in the middle and at the end', { names: ['w*b*1*'] }, '1'],
    ['a star may stand for nothing', { names: ['*web-1*'] }, '1'],
    ['a tag key that no server has', { tagged: { constructor: 'x' } }, ''],
    ['all', { all: true }, '1234567'],
    ['the union, each once', { ids: ['1'], names: ['web-1', 'db*'] }, '134'],
    ['minus exceptions by name', { all: true, except: { names: ['*-scratch', 'db*'] } }, '1257'],
    [
      'minus exceptions by id and tag',
      { all: true, except: { ids: ['3'], tagged: { tier: 'gold' } } },
      '1457',
    ],
    [
      'minus those that have all of several tags',
      { all: true, except: { tagged: { autosnap: 'daily', tier: 'gold' } } },
      '134567',
    ],
    ['an exception wins over an id', { ids: ['1'], except: { ids: ['1'] } }, ''],
  ])('%s: the servers "$2" are selected', (_, selector, ids) => {
    expect(
      selectServers(SERVERS, selector)
        .servers.map(({ id }) => id)
        .join(''),
    ).toBe(ids);
  });
});

test('property: a pattern matches the same names as the corresponding regular expression', () => {
  const some = (...characters: string[]) =>
    fc.string({ unit: fc.constantFrom(...characters), maxLength: 12 });
  fc.assert(
    fc.property(some('a', 'b', '*', '?'), some('a', 'b', '\n'), (pattern, name) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
      const { servers } = selectServers([server({ id: '1', name })], { names: [pattern] });
      expect(servers.length === 1).toBe(expression.test(name));
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['NFD', 'NFC'],
  ['NFC', 'NFD'],
])('a server whose name is in %s is selected by its name in %s', (of, by) => {
  const cafe = server({ id: '8', name: 'Café-1'.normalize(of) });
  expect(selectServers([cafe], { names: ['Café-?'.normalize(by)] }).servers).toEqual([cafe]);
});

test('a pattern with many stars is matched quickly', () => {
  const name = 'a'.repeat(255);
  const { servers } = selectServers([server({ id: '1', name })], { names: [`${'*a'.repeat(30)}*b`] });
  expect(servers).toEqual([]);
});

test('an id that no server has is missing, even if all servers are selected', () => {
  expect(selectServers(SERVERS, { all: true, ids: ['1', '99'] }).missingIds).toEqual(['99']);
});

test('patterns that match are not reported, and only requested ids can be missing', () => {
  for (const selector of [{ names: ['web-*'] }, { tagged: { tier: 'gold' } }, { all: true as const }]) {
    expect(selectServers(SERVERS, selector)).toMatchObject({ unmatched: [], missingIds: [] });
  }
  expect(selectServers([], { ids: ['1'] }).unmatched).toEqual([]);
});

test('each selector that matches nothing is reported', () => {
  const { unmatched } = selectServers(SERVERS, {
    names: ['web-1', 'mail-*'],
    tagged: { autosnap: 'hourly' },
  });
  expect(unmatched).toEqual(['names "mail-*"', 'tagged {"autosnap":"hourly"}']);
  expect(selectServers([], { all: true }).unmatched).toEqual(['all']);
});

test.each<[string, Selector, string[]]>([
  ['by id', { ids: ['1', '2'], except: { ids: ['2'] } }, ['2']],
  ['by name', { ids: ['1', '2', '3'], except: { names: ['web-*'] } }, ['1', '2']],
  ['none', { ids: ['1', '2'], except: { names: ['db*'] } }, []],
  ['none by a pattern, which may mean others too', { names: ['web-*'], except: { ids: ['2'] } }, []],
  ['none that no server has', { ids: ['99'], except: { ids: ['99'] } }, []],
])('an id that is both requested and excluded is reported: %s', (_, selector, ids) => {
  expect(selectServers(SERVERS, selector).exceptedIds).toEqual(ids);
});

test('each exception that matches nothing is reported', () => {
  const except = { ids: ['1', '99'], names: ['web-1', 'mail-*'], tagged: { autosnap: 'hourly' } };
  expect(selectServers(SERVERS, { all: true, except }).unmatchedExceptions).toEqual([
    'except.ids "99"',
    'except.names "mail-*"',
    'except.tagged {"autosnap":"hourly"}',
  ]);
  const matching = { ids: ['1'], names: ['db*'], tagged: { tier: 'gold' } };
  expect(selectServers(SERVERS, { all: true, except: matching }).unmatchedExceptions).toEqual([]);
});

test('a server that two regions list is selected once', () => {
  const twice = [SERVERS[0]!, { ...SERVERS[0]!, region: 'ORD' }];
  expect(selectServers(twice, { all: true }).servers).toHaveLength(1);
});

describe('the servers whose snapshots are selected', () => {
  const web = server({ id: '1', name: 'web-1', metadata: { autosnap: 'daily' } });

  test.each<[string, Selector, boolean, boolean]>([
    ['by its id', { ids: ['1'] }, true, true],
    ['all', { all: true }, true, true],
    ['by its name, which goes with it', { names: ['web-*'] }, true, false],
    ['by its metadata, likewise', { tagged: { autosnap: 'daily' } }, true, false],
    ['another', { ids: ['2'] }, false, false],
    ['all but this one', { all: true, except: { ids: ['1'] } }, false, false],
    ['this one, and not this one', { ids: ['1'], except: { ids: ['1'] } }, false, false],
    ['all but another', { all: true, except: { ids: ['2'] } }, true, true],
    ['all but those of a name, which goes with it', { all: true, except: { names: ['web-*'] } }, false, true],
  ])(
    '%s: the server is selected while it exists: $2, and once it is gone: $3',
    (_, selector, there, gone) => {
      expect(selectsServer(selector, '1', web)).toBe(there);
      expect(selectsServer(selector, '1', undefined)).toBe(gone);
    },
  );
});

describe('a server of which only the name is known', () => {
  test.each<[string, string | undefined, Selector, boolean]>([
    ['by its id', undefined, { ids: ['1'] }, true],
    ['by another id', undefined, { ids: ['2'] }, false],
    ['as any', undefined, { all: true }, true],
    ['by metadata, which may be any', undefined, { tagged: { a: 'b' } }, true],
    ['by a name, which may be any', undefined, { names: ['web-*'] }, true],
    ['by the name that it had', 'web-1', { names: ['web-*'] }, true],
    ['by another name than it had', 'db-1', { names: ['web-*'] }, false],
    ['not without a selector', 'web-1', { except: { ids: ['2'] } } as Selector, false],
    ['not when its id is excluded', 'web-1', { all: true, except: { ids: ['1'] } }, false],
    ['not when its former name is excluded', 'web-1', { all: true, except: { names: ['web-*'] } }, false],
    ['when only metadata are excluded', 'web-1', { all: true, except: { tagged: { a: 'b' } } }, true],
    [
      'when another server is excluded',
      'web-1',
      { all: true, except: { ids: ['2'], names: ['db-*'] } },
      true,
    ],
    ['in the part that names it', 'web-1', { all: true, only: { ids: ['1'] } }, true],
    ['not in a part that names others', 'web-1', { all: true, only: { names: ['db-*'] } }, false],
    ['not by a part alone', 'web-1', { ids: ['2'], only: { ids: ['1'] } }, false],
  ])('%s: it may be selected: $3', (_, name, selector, expected) => {
    expect(maySelect('1', name, selector)).toBe(expected);
  });
});
