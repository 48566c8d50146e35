import { expect, test } from 'vitest';
import { remainsText } from '../../deploy/remains.ts';

const service = (custom: object) =>
  ({ service: 'autosnap', custom }) as Parameters<typeof remainsText>[0]['service'];
const OUTPUTS = [
  { OutputKey: 'ReportsBucket', OutputValue: 'reports-1' },
  { OutputKey: 'CopiesBucket', OutputValue: 'copies-1' },
];
const where = { stage: 'prod', region: 'us-east-1' };

test('what a removed deployment leaves is named, with the commands that delete it', () => {
  const policies = { daily: {}, weekly: { account: ['rackspace', 'customer-*'] } };
  const text = remainsText({ ...where, service: service({ policies }) }, OUTPUTS);
  expect(text.split('\n')).toEqual([
    'These stay until you delete them:',
    expect.stringMatching(/^- the snapshots in your cloud/),
    '- the secret autosnap/prod/rackspace: aws secretsmanager delete-secret --region us-east-1 --secret-id autosnap/prod/rackspace',
    '- the secrets autosnap/prod/customer-*',
    '- the bucket with the reports, whose objects expire: aws s3 rb --force s3://reports-1',
    '- the copies in the bucket copies-1: aws s3 rb --force s3://copies-1',
    '  To continue with them, deploy again with custom.copiesBucket: copies-1',
  ]);
});

test('a bucket that the operator has named gets no command that deletes it', () => {
  const text = remainsText({ ...where, service: service({ copiesBucket: 'mine' }) }, [
    { OutputKey: 'CopiesBucket', OutputValue: 'mine' },
  ]);
  expect(text).toContain('- the copies in the bucket mine\n'.trimEnd());
  expect(text).not.toContain('s3://mine');
});
