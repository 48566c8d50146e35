import * as v from 'valibot';
import { list } from './field-values.ts';
import { quotable } from './schema.ts';
import { servers } from './selector-fields.ts';

/** An account: the last part of a secret's name. */
export const account = v.optional(
  v.pipe(
    quotable('must be the last part of a secret name, such as "rackspace"'),
    v.regex(/^[\w.+=@-]{1,64}$/, 'must be the last part of a secret name, such as "rackspace"'),
  ),
  'rackspace',
);

const accountsRemedy =
  'must be the last part of a secret name, such as "rackspace", a prefix such as "customer-*", or a list of these';

/**
 * An account, or a prefix of accounts. An event with a list of accounts is split into one event for
 * each; see accounts.ts.
 */
export const accounts = v.optional(
  v.pipe(
    quotable(accountsRemedy),
    v.regex(/^[\w.+=@-]{1,64}\*?$/, accountsRemedy),
    v.description(
      'The secret with the credentials: the last part of its name, or a prefix for several: customer-*.',
    ),
  ),
  'rackspace',
);

/** Plan only: the run changes nothing. */
export const dryRun = v.optional(v.boolean('must be true or false'), false);

/** The regions; by default all regions of the account. */
export const regions = list('a region', 'DFW, ORD', 'The regions; by default all regions of the account.');

/** The fields that policies and ad-hoc events share. */
export const commonFields = { account: accounts, regions, servers, dryRun };
