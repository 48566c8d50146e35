import { expect, test } from 'vitest';
import { restoreCommand } from '../../lib/reporting/sentences/restore-command.ts';

const server = 'a1b2';

test.each([
  ['a name', { name: 'web-1', account: 'rackspace' }, 'prod --server web-1'],
  [
    'a name that a shell would split',
    { name: "bob's box", account: 'rackspace' },
    "prod --server 'bob'\\''s box'",
  ],
  ['no name of its own', { name: undefined, account: 'rackspace' }, 'prod --server a1b2'],
  ['another account', { name: 'web-1', account: 'customer-a' }, 'prod --server web-1 --account customer-a'],
])('the command that restores a server with %s can be copied', (_, one, command) => {
  expect(restoreCommand('prod', { server, ...one })).toBe(`npx autosnap restore --stage ${command}`);
});
