import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type SchemaObject } from 'ajv';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { fieldTables, serverlessSchema } from '../../deploy/json-schema.ts';
import { policyBlockProblems } from '../../deploy/policies.ts';
import { parseSchedule } from '../../lib/config/schedule.ts';

const ROOT = join(import.meta.dirname, '../..');
const validate = new Ajv({ strict: false }).compile(serverlessSchema() as SchemaObject);

const GOOD = {
  schedule: 'cron(0 0 * * ? *)',
  cleanup: 'rate(6 hours)',
  servers: { tagged: { autosnap: 'daily' } },
  keep: { last: 7 },
};
const service = (changes: object, name = 'daily') => ({
  custom: { policies: { [name]: { ...GOOD, ...changes } } },
});

test('the schema in the repository matches the code; -u regenerates it', async () => {
  const text = `${JSON.stringify(serverlessSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot(join(ROOT, 'deploy/serverless.schema.json'));
});

test('the tables of all fields match the code, and each field has a description; -u regenerates them', async () => {
  expect(fieldTables()).not.toMatch(/^\| `[^`]+` \| {2}\|/m);
  await expect(fieldTables()).toMatchFileSnapshot(join(ROOT, 'docs/fields.md'));
});

test('serverless.yml names the schema in its first line, and is valid', () => {
  const yml = readFileSync(join(ROOT, 'serverless.yml'), 'utf8');
  expect(yml.split('\n')[0]).toBe('# yaml-language-server: $schema=deploy/serverless.schema.json');
  // Without tags of CloudFormation, which an editor does not know.
  expect(validate(parse(yml)), JSON.stringify(validate.errors)).toBe(true);
});

test.each<[string, object]>([
  ['the smallest', {}],
  ['two accounts', { account: ['rackspace', 'customer-*'] }],
  ['a time zone', { timezone: 'America/Chicago' }],
  ['within', { keep: { within: '30d' } }],
  ['names in lower case', { schedule: 'cron(0 8 ? jan-dec mon-fri *)' }],
  [
    'copies',
    { offsite: { schedule: 'rate(1 day)', keep: { last: 2 }, maxBytesPerMonth: '1.5TB', to: 's3' } },
  ],
  ['drills', { drill: { schedule: 'rate(1 day)', networks: ['n'], check: { port: 22 } } }],
  ['orphans', { orphans: { after: '90d', keep: 1 } }],
])('valid for an editor and the check: %s', (_, changes) => {
  expect(validate(service(changes)), JSON.stringify(validate.errors)).toBe(true);
  expect(policyBlockProblems(service(changes))).toEqual([]);
});

test.each<[string, object, string?]>([
  ['a misspelt key', { sevrers: {} }],
  ['a misspelt rule', { keep: { wekly: 4 } }],
  ['a number in quotes', { keep: { last: '7' } }],
  ['a boolean as a text', { servers: { tagged: { backup: true } } }],
  ['a cron of five fields', { schedule: 'cron(0 0 * * *)' }],
  ['a rate in the wrong number', { cleanup: 'rate(1 hours)' }],
  ['a duration without a unit', { keep: { within: '30' } }],
  ['dry runs for ever', { dryRun: true }],
  ['a second name', { policy: 'daily' }],
  ['a name in capitals', {}, 'Daily'],
  ['no servers', { servers: undefined }],
  ['servers without a selector', { servers: {} }],
  ['servers that are only left out', { servers: { except: { names: ['web-*'] } } }],
  ['an empty exception', { servers: { all: true, except: {} } }],
  ['no tag', { servers: { tagged: {} } }],
  ['nothing to keep', { keep: {} }],
  ['only the floor of what to keep', { keep: { atLeast: 3 } }],
  ['a check of nothing', { drill: { schedule: 'rate(1 day)', networks: ['n'], check: {} } }],
])('refused by an editor and the check: %s', (_, changes, name) => {
  const yml = JSON.parse(JSON.stringify(service(changes, name)));
  expect(validate(yml)).toBe(false);
  expect(policyBlockProblems(yml)).toHaveLength(1);
});

test.each([
  'cron(0 0 * * ? *)',
  'cron(0/15 8-17 ? * MON-FRI 2026-2030)',
  'cron(0 0 L * ? *)',
  'cron(0 0 15W * ? *)',
  'cron(0 0 ? * 6#3 *)',
  'cron(30 6,18 1,15 JAN,jul ? *)',
  'rate(1 minute)',
  'rate(10 hours)',
  'rate(999999 days)',
])('the pattern of schedules accepts what the code accepts: %s', (schedule) => {
  expect(() => parseSchedule(schedule)).not.toThrow();
  expect(validate(service({ schedule }))).toBe(true);
});
