import * as v from 'valibot';
import { bytes, schedule } from './field-values.ts';
import { KeepField } from './keep-field.ts';
import { field, quotable, strict } from './schema.ts';

const containerRemedy = 'must be the name of a container: 1 to 256 characters, without "/", "?" and "."';

/** The field `offsite` of a policy: copies elsewhere. */
export const OffsiteField = v.pipe(
  strict({
    schedule: field('When to make copies: cron(…) or rate(…).', schedule),
    keep: field('Which copies to keep: the union of these rules.', KeepField),
    maxBytesPerMonth: v.optional(
      field('The maximum number of bytes to copy in a calendar month, such as 500GB.', bytes),
    ),
    to: v.optional(
      field(
        'Where the copies go: S3 by default, or Cloud Files at Rackspace.',
        v.picklist(['s3', 'cloud-files'], 'must be "s3" or "cloud-files", or be left out'),
      ),
    ),
    volumes: v.optional(
      field(
        'Set to backup to make Cinder backups of the volume snapshots, where the cloud has a backup service.',
        v.literal('backup', 'must be "backup", or be left out'),
      ),
    ),
    // Rackspace's export task accepts only these container names.
    container: v.optional(
      v.pipe(
        quotable(containerRemedy),
        v.regex(/^[^/?.]{1,256}$/, containerRemedy),
        v.description('The container in Cloud Files at Rackspace; needs `to`.'),
      ),
    ),
  }),
  v.forward(
    v.check(
      ({ container, to }) => container === undefined || to !== undefined,
      'is for Cloud Files at Rackspace, but the copies do not go there: add to: cloud-files, or leave it out; the bucket in S3 is custom.copiesBucket',
    ),
    ['container'],
  ),
);
