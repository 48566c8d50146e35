import { expect, test } from 'vitest';
import { invalidEvent, ValidationError } from '../../lib/config/validation-error.ts';
import { BucketError } from '../../lib/offsite/bucket-error.ts';
import { CloudError } from '../../lib/openstack/errors.ts';
import { codesOf, failureFor, RunFailed, reasonFor } from '../../lib/reporting/failure.ts';

const forbidden = new CloudError('FORBIDDEN', 'No.', { status: 403 });
const refused = new ValidationError({
  code: 'JOB_REFUSED',
  job: 'restore',
  reasons: [
    { code: 'RESTORE_ON_VOLUME', name: 'web' },
    { code: 'RESTORE_LOCKED', name: 'web' },
  ],
});

test.each<[string, Error, readonly string[]]>([
  ['an invalid event', invalidEvent({ field: 'keep', text: 'is missing' }), ['EVENT_INVALID']],
  ['a refused job', refused, ['JOB_REFUSED', 'RESTORE_ON_VOLUME', 'RESTORE_LOCKED']],
  ['an error of the cloud', forbidden, ['CLOUD']],
  ['an error of the bucket', new BucketError('GONE', 'x'), ['BUCKET']],
  ['a failed run', new RunFailed('x', ['CLOUD', 'DEADLINE', 'CLOUD']), ['CLOUD', 'DEADLINE']],
  ['a run that failed for one reason', failureFor({ code: 'MESSAGE_INVALID' }), ['MESSAGE_INVALID']],
  ['any other error', new TypeError('x'), ['UNEXPECTED']],
])('the codes of %s', (_, error, codes) => {
  expect(codesOf(error)).toEqual(codes);
});

test('an error of the cloud keeps its code, and has its remedy', () => {
  expect(reasonFor(forbidden)).toEqual({
    code: 'CLOUD',
    error: 'FORBIDDEN',
    message: expect.stringMatching(/^No\. If the user in the secret lacks the role/),
  });
});

test('several problems are listed one below the other, a single one after the colon', () => {
  expect(invalidEvent({ field: 'a', text: 'is missing' }).message).toBe(
    'The event is refused: a: is missing',
  );
  const several = invalidEvent({ text: 'a' }, { field: 'b', text: 'c' });
  expect(several.message).toBe('The event is refused:\n- a\n- b: c');
  expect(several.problems).toEqual(['a', 'b: c']);
  expect(refused.message).toMatch(/^The restore is refused:\n- to: web .*\n- server: web /);
  expect(refused.problems).toEqual([refused.message]);
});
